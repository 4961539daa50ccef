"""Fits the model of all windows of `windrow train` with LightGBM, for the server of own_flask.py.

    own_train.py STUDY.json MODEL.joblib

The study is that of own_loop.py.
"""

import json
import pathlib
import sys

import joblib
import pandas as pd
from lightgbm import LGBMClassifier

from own_loop import read

study = json.loads(pathlib.Path(sys.argv[1]).read_text())
rows = pd.concat([read(path, study) for path in study["batches"]])
for column in study["categorical"]:
    rows[column] = rows[column].astype("category")
model = LGBMClassifier(**study["parameters"]).fit(rows.drop(columns="label"), rows["label"])
kept = {name: study[name] for name in ("numeric", "categorical", "time", "format")}
joblib.dump({**kept, "model": model}, sys.argv[2])
