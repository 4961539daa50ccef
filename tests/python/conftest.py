"""What the tests of the Python package share: a small estimator, a frame, and a stand-in for the command."""

from __future__ import annotations

import json
import os

import numpy
import pandas
import pytest
from windrow import _judge


class Share:
    """An estimator that predicts the share of positives, and records its fits."""

    fits: list = []

    def __init__(self, smoothing: float = 1.0) -> None:
        self.smoothing = smoothing

    def get_params(self, deep: bool = True) -> dict:
        return {"smoothing": self.smoothing}

    def fit(self, rows, y):
        Share.fits.append((len(rows), int(y.sum())))
        self.share_ = (y.sum() + self.smoothing) / (len(y) + 2 * self.smoothing)
        self.classes_ = numpy.array([0, 1])
        return self

    def predict_proba(self, rows):
        return numpy.tile([1 - self.share_, self.share_], (len(rows), 1))


ADVICE = {
    "recommendation": {
        "sentences": ["Refit every 2nd week, on all history.", "This is <shown>."],
        "named": {"policy": {"history": "cumulative", "refit": {"kind": "every", "windows": 2}}},
    },
    "comparison": {
        "planned": [
            {
                "policy": {"history": "sliding8", "refit": {"kind": "every", "windows": 1}},
                "verdict": "good_enough",
                "errors": {"log_loss": 0.5, "brier": 0.2},
                "kept": {"share": 1.0, "interval": None, "at_least": None},
                "effort": {"fits_per_window": 1.0, "fits_per_year": 52.2},
            },
            {
                "policy": {"history": "cumulative", "refit": {"kind": "every", "windows": 1}},
                "same": [{"history": "cumulative", "refit": {"kind": "every", "windows": 2}}],
                "verdict": "cannot_tell",
                "errors": {"log_loss": 0.51, "brier": 0.21},
                "kept": {"share": 0.9, "interval": {"low": 0.8, "high": 1.1}, "at_least": 0.82},
                "effort": {"fits_per_window": 0.5, "fits_per_year": None},
            },
        ],
        "further": [],
    },
    "table": {"notes": ["The table has 240 rows by 12 fits.", "2 rows have no label yet: counted, and not scored."]},
    "text": "Refit every 2nd week\n",
}
PAGE = (
    "<!doctype html><style>.a{stroke:#0072b2}</style>"
    '<figure><svg viewBox="0 0 9 9" role="img">\n<title>How often &amp; how much</title><path d="M0 0"/></svg></figure>'
    '<figure><svg viewBox="0 0 9 9" role="img">\n<title>Over time</title></svg></figure>'
)


@pytest.fixture
def calls(monkeypatch):
    """Replaces the command by one that gives `ADVICE`. Returns the list of its calls: arguments and folder."""
    made = []

    def run(arguments, folder=None):
        made.append((arguments, folder))
        for argument in arguments:
            if argument.startswith("--report="):
                with open(argument[len("--report=") :], "w", encoding="utf-8") as page:
                    page.write(PAGE)
        assert "--json" in arguments
        return json.dumps(ADVICE), ""

    monkeypatch.setattr(_judge, "run", run)
    return made


def predictions(calls):
    """Returns the predictions that the first call got, as one table."""
    arguments, folder = calls[0]
    files = [os.path.join(folder, argument) for argument in arguments[arguments.index("--") + 1 :]]
    read = pandas.read_parquet if files[0].endswith(".parquet") else pandas.read_csv
    return pandas.concat([read(file) for file in files], ignore_index=True)


@pytest.fixture
def frame():
    """Twenty weeks of twelve rows, in no order. Every third row is late."""
    times = pandas.date_range("2024-01-01", periods=240, freq="14h")
    rows = pandas.DataFrame({"at": times, "size": range(240), "late": [row % 3 == 0 for row in range(240)]})
    return rows.sample(frac=1.0, random_state=7).reset_index(drop=True)
