"""Converts the rows of a request to the input of the scikit-learn pipeline."""

import pandas as pd

NUMERIC = [
    "distance", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib", "plane_year", "seats",
]
CATEGORICAL = ["carrier", "origin", "dest"]


def frame(rows):
    rows = pd.DataFrame(rows)
    rows[NUMERIC] = rows[NUMERIC].astype(float)
    when = pd.to_datetime(rows["sched_dep"], format="%Y-%m-%d %H:%M")
    rows["hour"], rows["weekday"] = when.dt.hour.astype(str), when.dt.isocalendar().day.astype(str)
    return rows
