"""A FastAPI server for a scikit-learn model: uvicorn serve_fastapi:app. MODEL is the path of the model file."""

import os

import joblib
from fastapi import FastAPI
from pydantic import BaseModel

from serve_rows import frame

app = FastAPI()
model = joblib.load(os.environ["MODEL"])


class Row(BaseModel):
    distance: float | None
    temp: float | None
    dewp: float | None
    humid: float | None
    wind_speed: float | None
    precip: float | None
    pressure: float | None
    visib: float | None
    plane_year: float | None
    seats: float | None
    carrier: str | None
    origin: str | None
    dest: str | None
    sched_dep: str


@app.post("/predict")
def predict(row: Row):
    p = float(model.predict_proba(frame([row.model_dump()]))[0, 1])
    return {"probability": p, "label": p >= 0.5}


@app.post("/predict/batch")
def predict_batch(rows: list[Row]):
    probabilities = model.predict_proba(frame([row.model_dump() for row in rows]))[:, 1].tolist()
    return {"predictions": [{"probability": p, "label": p >= 0.5} for p in probabilities]}
