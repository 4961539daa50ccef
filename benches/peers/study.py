"""The study of `windrow advise` as a Python user would write it: a fit of every history after every window, and the scores of every
model on the later windows.

    study.py PIPELINE.json HISTORIES BATCH.csv ...

HISTORIES is a list such as 1,2,4,8,all. pandas reads the batch files. scikit-learn encodes and fits, with newton-cholesky, its
fastest solver here. The encoding and the objective are those of Windrow. Numbers are held within their range in the training
rows, as in Windrow. Prints one JSON object: the log-loss of each history's models on the next window, the time, and the peak
memory.
"""

import json
import resource
import sys
import time

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from train_sklearn import encoder, read


def main():
    file, wanted, *batches = sys.argv[1:]
    pipeline = json.load(open(file))
    began = time.perf_counter()
    windows = [read(batch, pipeline) for batch in batches]
    truths = [(window[pipeline["target"]] >= pipeline["at_least"]).to_numpy() for window in windows]
    losses, numbers = {}, pipeline["numeric"] + pipeline["log"]
    for name in wanted.split(","):
        sums, rows = 0.0, 0
        for end in range(1, len(windows)):
            first = 0 if name == "all" else max(0, end - int(name))
            training, truth = pd.concat(windows[first:end]), np.concatenate(truths[first:end])
            columns = encoder(pipeline, "newton-cholesky")
            model = LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=100, tol=1e-6)
            model.fit(columns.fit_transform(training), truth)
            low, high = training[numbers].min(), training[numbers].max()
            for later in range(end, min(end + 64, len(windows))):
                held = windows[later].assign(**windows[later][numbers].clip(low, high, axis=1))
                z = columns.transform(held) @ model.coef_[0] + model.intercept_[0]
                loss = np.logaddexp(0.0, np.where(truths[later], -z, z)).sum()
                if later == end:
                    sums, rows = sums + loss, rows + len(z)
        losses[name] = sums / rows
    print(json.dumps({
        "losses": losses,
        "seconds": time.perf_counter() - began,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))


main()
