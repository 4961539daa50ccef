"""A Flask server for a scikit-learn model, as in tutorials: gunicorn serve_flask:app. MODEL is the path of the model file."""

import os

import joblib
from flask import Flask, jsonify, request

from serve_rows import frame

app = Flask(__name__)
model = joblib.load(os.environ["MODEL"])


@app.post("/predict")
def predict():
    p = float(model.predict_proba(frame([request.get_json()]))[0, 1])
    return jsonify(probability=p, label=p >= 0.5)


@app.post("/predict/batch")
def predict_batch():
    probabilities = model.predict_proba(frame(request.get_json()))[:, 1].tolist()
    return jsonify(predictions=[{"probability": p, "label": p >= 0.5} for p in probabilities])
