"""Fits scikit-learn's pipeline to a batch file and saves it, for the servers that are compared with Windrow's.

    serve_train.py BATCH.csv MODEL.joblib
"""

import sys

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from serve_rows import CATEGORICAL, NUMERIC, frame

batch, path = sys.argv[1:]
rows = pd.read_csv(batch).head(30_000)
rows = rows[rows["arr_delay"].notna()]
columns = ColumnTransformer([
    ("number", make_pipeline(SimpleImputer(strategy="mean"), StandardScaler()), NUMERIC),
    ("level", make_pipeline(
        SimpleImputer(strategy="constant", fill_value="(missing)"),
        OneHotEncoder(min_frequency=50, handle_unknown="infrequent_if_exist"),
    ), CATEGORICAL + ["hour", "weekday"]),
])
model = make_pipeline(columns, LogisticRegression(max_iter=1000))
model.fit(frame(rows.to_dict("records")), rows["arr_delay"] >= 15)
joblib.dump(model, path)
