"""Trains the cumulative models as a data scientist would: pandas reads the batch files, scikit-learn encodes and fits.

    train_sklearn.py lbfgs|newton-cholesky PIPELINE.json BATCH.csv ...

The encoding and the objective are those of Windrow: the mean and deviation of the training rows, one-hot levels with one
level for all rare texts, and the sum of log-losses + l2/2 |w|^2. Prints one JSON object.
"""

import json
import resource
import sys
import time

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler


def read(path, pipeline):
    columns = pipeline["numeric"] + pipeline["log"] + pipeline["categorical"]
    wanted = columns + [pipeline["target"], pipeline["time"]]
    text = {column: str for column in pipeline["categorical"]}
    frame = pd.read_csv(path, usecols=wanted, dtype=text)
    frame = frame[frame[pipeline["target"]].notna()]
    when = pd.to_datetime(frame[pipeline["time"]], format=pipeline["format"])
    frame["hour"], frame["weekday"] = when.dt.hour, when.dt.isocalendar().day
    return frame


def encoder(pipeline, solver):
    number = make_pipeline(SimpleImputer(strategy="mean"), StandardScaler())
    logarithm = make_pipeline(FunctionTransformer(np.log1p), SimpleImputer(strategy="mean"), StandardScaler())
    level = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="(missing)"),
        OneHotEncoder(min_frequency=50, handle_unknown="infrequent_if_exist", sparse_output=True),
    )
    calendar = OneHotEncoder(min_frequency=50, handle_unknown="infrequent_if_exist", sparse_output=True)
    parts = [
        ("number", number, pipeline["numeric"]),
        ("log", logarithm, pipeline["log"]),
        ("level", level, pipeline["categorical"]),
        ("calendar", calendar, ["hour", "weekday"]),
    ]
    return ColumnTransformer(parts, sparse_threshold=1.0 if solver == "lbfgs" else 0.0)


def main():
    solver, file, *batches = sys.argv[1:]
    pipeline = json.load(open(file))
    began = time.perf_counter()
    models, training = [], []
    for batch in batches:
        training.append(read(batch, pipeline))
        rows = pd.concat(training)
        truth = (rows[pipeline["target"]] >= pipeline["at_least"]).to_numpy()
        columns = encoder(pipeline, solver)
        x = columns.fit_transform(rows)
        fitting = time.perf_counter()
        # C multiplies the losses, so C = 1 / l2 gives the same objective.
        model = LogisticRegression(C=1.0, solver=solver, max_iter=1000, tol=1e-4).fit(x, truth)
        seconds = time.perf_counter() - fitting
        z = x @ model.coef_[0] + model.intercept_[0]
        losses = np.logaddexp(0.0, np.where(truth, -z, z)).sum()
        models.append({
            "rows": len(rows),
            "columns": x.shape[1],
            "seconds": seconds,
            "objective": losses + 0.5 * float(model.coef_[0] @ model.coef_[0]),
        })
    print(json.dumps({
        "models": models,
        "seconds": time.perf_counter() - began,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))


if __name__ == "__main__":
    main()
