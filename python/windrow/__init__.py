"""Windrow: how often to retrain a classifier, and on how much history.

- :func:`advise` fits your own estimator on several histories, and judges the schedules of retraining.
- :func:`judge` judges a table of predictions that you have already.
- :func:`learner` makes a program the learner of a pipeline: ``[train.command]`` starts it.
- :func:`read_batches` reads the batch files of a pipeline as one DataFrame.
- ``python -m windrow`` is the command ``windrow``.

The package needs the standard library only. It uses pandas, pyarrow, scikit-learn and joblib if they are installed.
"""

from __future__ import annotations

from ._advise import advise
from ._answer import Answer
from ._batches import read_batches
from ._binary import find_binary
from ._errors import WindrowError
from ._judge import judge
from ._learner import learner

__all__ = ["Answer", "WindrowError", "advise", "find_binary", "judge", "learner", "read_batches"]
