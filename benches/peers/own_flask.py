"""A Flask server for the model of own_train.py, as in tutorials: gunicorn own_flask:app. MODEL is the path of the model file."""

import os

import joblib
import pandas as pd
from flask import Flask, jsonify, request

app = Flask(__name__)
kept = joblib.load(os.environ["MODEL"])


def probabilities(rows):
    rows = pd.DataFrame(rows)
    frame = pd.concat([rows[kept["numeric"]].astype(float), rows[kept["categorical"]].astype("category")], axis=1)
    when = pd.to_datetime(rows[kept["time"]], format=kept["format"])
    frame["hour"], frame["weekday"] = when.dt.hour, when.dt.isocalendar().day.astype("int32")
    # LightGBM finds the levels of the fit by their names.
    return kept["model"].predict_proba(frame)[:, 1].tolist()


@app.post("/predict")
def predict():
    p = probabilities([request.get_json()])[0]
    return jsonify(probability=p, label=p >= 0.5)


@app.post("/predict/batch")
def predict_batch():
    return jsonify(predictions=[{"probability": p, "label": p >= 0.5} for p in probabilities(request.get_json())])
