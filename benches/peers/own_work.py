"""A task of own_loop.py. joblib finds it by the name of this module, so that each process has one cache of windows."""

import functools

import joblib
import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier

# A probability is held at this distance from 0 and 1, as in Windrow.
LEAST = 1e-15


@functools.lru_cache(maxsize=None)
def window(folder, number):
    return joblib.load(folder / f"{number}.pickle")


def work(folder, study, fit):
    """Fits one model, and scores it on its windows."""
    training = pd.concat([window(folder, number) for number in range(fit["first"], fit["last"] + 1)])
    for column in study["categorical"]:
        training[column] = training[column].cat.remove_unused_categories()
    model = LGBMClassifier(**study["parameters"]).fit(training.drop(columns="label"), training["label"])
    losses = {}
    for number in fit["scored"]:
        rows = window(folder, number)
        positive = np.clip(model.predict_proba(rows.drop(columns="label"))[:, 1], LEAST, 1.0 - LEAST)
        losses[f"{fit['model']} on {number}"] = float(-np.log(np.where(rows["label"] == 1, positive, 1.0 - positive)).sum())
    return losses
