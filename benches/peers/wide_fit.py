"""Fits one model with scikit-learn to all rows of a file of the wide dataset, to a stated objective.

    wide_fit.py lbfgs|newton-cholesky COLUMNS.json FILE.csv OBJECTIVE

The columns are those of Windrow, as a sparse matrix, which both solvers take: standardised numbers with the mean for missing
cells, and one column per text of at least `min_count` rows, with one column for all rarer texts. COLUMNS.json has the names of the
numbers, of the categories and of the target, and `min_count`.

A fit counts if its objective, the sum of log-losses + 1/2 |w|^2, is at most OBJECTIVE. The tolerance is lowered until a fit
counts, and the time is that of this fit only. Prints one JSON object.
"""

import json
import resource
import sys
import time
import warnings

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

TOLERANCES = [1e-4, 1e-5, 1e-6, 1e-7, 1e-8]
MAX_STEPS = 5_000


def matrix(file, columns):
    """Returns the rows as a sparse matrix, and the labels."""
    kinds = {name: "category" for name in columns["categorical"]}
    frame = pd.read_csv(file, dtype=kinds, usecols=columns["numeric"] + columns["categorical"] + [columns["target"]])
    cells, places, width = [], [], 0
    for name in columns["numeric"]:
        x = frame[name].to_numpy(float)
        x = np.where(np.isnan(x), np.nanmean(x), x)
        deviation = x.std()
        cells.append((x - x.mean()) / (deviation if deviation > 0.0 else 1.0))
        places.append(np.full(len(x), width, dtype=np.int32))
        width += 1
    for name in columns["categorical"]:
        # The code of a missing cell is -1, so its place is 0 here.
        codes = frame[name].cat.codes.to_numpy().astype(np.int64) + 1
        counts = np.bincount(codes)
        is_frequent = counts >= columns["min_count"]
        place = np.where(is_frequent, np.cumsum(is_frequent) - 1, is_frequent.sum())
        cells.append(np.ones(len(codes)))
        places.append((width + place[codes]).astype(np.int32))
        width += int(is_frequent.sum()) + 1
    rows, row_cells = len(frame), len(cells)
    ends = np.arange(0, rows * row_cells + 1, row_cells, dtype=np.int32)
    flat = [np.column_stack(parts).ravel() for parts in (cells, places)]
    return sparse.csr_matrix((*flat, ends), shape=(rows, width)), frame[columns["target"]].to_numpy() == 1


def main():
    solver, columns, file, wanted = sys.argv[1], json.load(open(sys.argv[2])), sys.argv[3], float(sys.argv[4])
    x, truth = matrix(file, columns)
    best = None
    for tolerance in TOLERANCES:
        began = time.perf_counter()
        with warnings.catch_warnings():
            # The objective decides whether a fit counts.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(C=1.0, solver=solver, max_iter=MAX_STEPS, tol=tolerance).fit(x, truth)
        seconds = time.perf_counter() - began
        z = x @ model.coef_[0] + model.intercept_[0]
        objective = np.logaddexp(0.0, np.where(truth, -z, z)).sum() + 0.5 * float(model.coef_[0] @ model.coef_[0])
        found = {"seconds": seconds, "objective": objective, "tolerance": tolerance, "reached": bool(objective <= wanted)}
        if best is None or objective < best["objective"]:
            best = found
        if found["reached"]:
            best = found
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**best, "rows": x.shape[0], "columns": x.shape[1], "mib": peak}))


main()
