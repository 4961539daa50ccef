"""A study: the rows by window, the estimator, and the files with the predictions of each fit."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, Any, List, Optional, Tuple

from . import _columns, _table
from ._cut import Window
from ._digest import study_digest
from ._errors import WindrowError
from ._ladder import Fit, History, name
from ._progress import Cost

if TYPE_CHECKING:
    import numpy
    import pandas

# More are a mistake, such as one row of 1970. The judge of the table has the same limit.
MAX_WINDOWS = 2_000


class Rows:
    """The rows in the order of their windows. Within a window they are in the order of their times."""

    def __init__(self, frame: pandas.DataFrame, target: str, at: Optional[str], window: Window, positive: Any) -> None:
        import numpy

        rows = len(frame)
        if rows == 0:
            raise WindrowError("the frame has no rows")
        y, has_label = _columns.labels(frame[target], positive)
        order = numpy.arange(rows)
        seconds = micros = None
        if at is not None:
            seconds, micros = _columns.seconds_and_times(frame[at])
            order = numpy.argsort(micros, kind="stable")
        elif window.is_by_time:
            raise WindrowError(
                f"window={window.text!r} needs the name of a column of times in time=; rows without a time are cut by "
                "their number, as in window='rows=5000'"
            )
        self.order: numpy.ndarray = order
        """The position in the frame of each row."""
        self.y: numpy.ndarray = y[order]
        """The labels, 0 or 1."""
        self.has_label: numpy.ndarray = has_label[order]
        """Whether a row has a label."""
        if window.is_by_time:
            indices = window.indices(seconds[order])
            self.first_span = int(indices[0])
            """The index of the span of window 1, counted from 1970."""
            windows = indices - self.first_span + 1
            self.micros: Optional[numpy.ndarray] = micros[order]
            """The times, in microseconds since 1970; `None` if windows are cut by the number of rows."""
        else:
            position = numpy.arange(rows)
            if window.kind == "rows":
                windows = position // window.size + 1
            else:
                # The larger parts come first, as in `Cut::window_of_row` of `crates/windrow-config/src/cut.rs`.
                base, larger = divmod(rows, window.size)
                inside = larger * (base + 1)
                later = larger + (position - inside) // max(base, 1)
                windows = numpy.where(position < inside, position // (base + 1), later) + 1
            self.micros = None
        self.windows = int(windows[-1])
        """The number of windows."""
        if self.windows > MAX_WINDOWS:
            raise WindrowError(
                f"window={window.text!r} cuts the rows into {self.windows:,} windows, from {frame[at].min()} to "
                f"{frame[at].max()}: use longer windows, or leave out rows with a wrong time"
                if window.is_by_time
                else f"window={window.text!r} makes {self.windows:,} windows: use larger windows"
            )
        self._ends = numpy.searchsorted(windows, numpy.arange(self.windows + 1), side="right")
        self._window = window
        counts = [numpy.concatenate(([0], numpy.cumsum(mask))) for mask in (self.has_label, self.y == 1)]
        self._labelled, self._positive = counts

    def span(self, first: int, last: int) -> Tuple[int, int]:
        """Returns the range of the rows of windows `first` to `last`."""
        return int(self._ends[first - 1]), int(self._ends[last])

    def can_learn(self, first: int, last: int) -> bool:
        """Returns whether these windows have labelled rows of both classes."""
        begin, end = self.span(first, last)
        labelled, positive = (int(counts[end] - counts[begin]) for counts in (self._labelled, self._positive))
        return 0 < positive < labelled

    def trained_through(self, newest: int) -> int:
        """Returns the end of a window as the table has it: its last second in microseconds, or the number of the
        window."""
        if self.micros is None:
            return newest
        return (self._window.begin(self.first_span + newest) - 1) * 1_000_000

    def trained_from(self, oldest: int) -> int:
        """Returns the beginning of a window as the table has it: in microseconds, or the number of the window."""
        if self.micros is None:
            return oldest
        return self._window.begin(self.first_span + oldest - 1) * 1_000_000


class Study:
    """The fits of one estimator on one frame, in a folder."""

    def __init__(
        self,
        frame: pandas.DataFrame,
        rows: Rows,
        features: List[str],
        estimator: Any,
        is_native: Optional[bool],
        folder: str,
        settings: dict,
    ) -> None:
        self.rows = rows
        self._estimator = estimator
        self._handling = _columns.handling_of(estimator, is_native)
        used = frame[list(dict.fromkeys([*features, *(settings[key] for key in ("target", "time") if settings[key])]))]
        digest = study_digest(used, estimator, {**settings, "features": features, "handling": self._handling})
        self.folder = os.path.join(folder, f"study-{digest[:16]}")
        """The folder of the predictions. Another study in the same folder has another one."""
        self._describe(digest, settings)
        ordered = frame[features] if _is_sorted(rows.order) else frame[features].iloc[rows.order]
        self._features = _columns.prepare(ordered, self._handling)
        self._ending = _table.file_format()

    def _describe(self, digest: str, settings: dict) -> None:
        """Writes what the folder is about, for people."""
        os.makedirs(self.folder, exist_ok=True)
        about = {"digest": digest, "estimator": repr(self._estimator), **{k: str(v) for k, v in settings.items()}}
        with _table.whole_file(os.path.join(self.folder, "study.json")) as part:
            with open(part, "w", encoding="utf-8") as out:
                json.dump(about, out, indent=2)

    def path(self, fit: Fit) -> str:
        """Returns the path of a fit's predictions. The windows that it predicts are part of the name, so that other
        settings of the advice find only files that have all rows."""
        predicted = hashlib.sha256(",".join(map(str, fit.predicts)).encode()).hexdigest()[:8]
        return os.path.join(self.folder, f"{name(fit.history)}-{fit.newest:05}-{predicted}.{self._ending}")

    def size(self, fit: Fit) -> Tuple[int, int]:
        """Returns the number of rows to learn from, and of rows to predict."""
        begin, end = self.rows.span(fit.oldest, fit.newest)
        predicted = (self.rows.span(window, window) for window in fit.predicts)
        return end - begin, sum(end - begin for begin, end in predicted)

    def make(self, fit: Fit) -> Cost:
        """Fits a copy of the estimator, and writes its predictions.

        Raises:
            WindrowError: The estimator failed. The text says at which fit.
        """
        begin, end = self.rows.span(fit.oldest, fit.newest)
        has_label = self.rows.has_label[begin:end]
        training = self._features.iloc[begin:end]
        y = self.rows.y[begin:end]
        if not has_label.all():
            training, y = training[has_label], y[has_label]
        levels = _columns.Levels(self._handling, training, _columns.most_levels(self._estimator))
        model = clone(self._estimator)
        levels.set_up(model)
        step = "fit"
        try:
            started = time.perf_counter()
            model.fit(levels.training(), y, **levels.fit_arguments(model))
            fitted, step = time.perf_counter(), "predict_proba"
            places, predicted = self._predict(fit, model, levels)
        except Exception as error:
            history = "all history" if fit.history is None else f"a history of {fit.history}"
            raise WindrowError(
                f"{step} failed with {history} through window {fit.newest} ({len(y)} rows): "
                f"{type(error).__name__}: {error}"
            ) from error
        self._write(fit, places, predicted)
        return Cost(end - begin, fitted - started, len(places), time.perf_counter() - fitted)

    def _predict(self, fit: Fit, model: Any, levels: _columns.Levels) -> Tuple[numpy.ndarray, numpy.ndarray]:
        """Returns the places of the predicted rows, and the probabilities."""
        import numpy

        places, predicted = [numpy.empty(0, dtype="int64")], [numpy.empty(0)]
        for first, last in runs(fit.predicts):
            begin, end = self.rows.span(first, last)
            if begin < end:
                rows = self._features.iloc[begin:end]
                places.append(numpy.arange(begin, end))
                predicted.append(_columns.probabilities(model, levels.predict(model, rows), end - begin))
        return numpy.concatenate(places), numpy.concatenate(predicted)

    def _write(self, fit: Fit, places: numpy.ndarray, predicted: numpy.ndarray) -> None:
        rows = self.rows
        at = self._window_numbers(fit) if rows.micros is None else rows.micros[places]
        _table.write_predictions(
            self.path(fit),
            # Rows without a time are put in the order of these numbers.
            row=places if rows.micros is None else rows.order[places],
            at=at,
            is_time=rows.micros is not None,
            y=rows.y[places],
            has_label=rows.has_label[places],
            p=predicted,
            trained_through=rows.trained_through(fit.newest),
            # The judge counts the windows from the oldest data of a fit.
            trained_from=rows.trained_from(fit.oldest),
            history=name(fit.history),
        )

    def _window_numbers(self, fit: Fit) -> numpy.ndarray:
        import numpy

        counts = [end - begin for begin, end in (self.rows.span(window, window) for window in fit.predicts)]
        return numpy.repeat(numpy.asarray(fit.predicts, dtype="int64"), counts)


def runs(windows: Tuple[int, ...]) -> List[Tuple[int, int]]:
    """Returns the first and the last of each run of consecutive numbers."""
    found: List[Tuple[int, int]] = []
    for window in windows:
        if found and window == found[-1][1] + 1:
            found[-1] = (found[-1][0], window)
        else:
            found.append((window, window))
    return found


def check(estimator: Any) -> None:
    """Checks that an estimator has the methods that are called.

    Raises:
        WindrowError: It cannot be fitted, or gives no probabilities.
    """
    if isinstance(estimator, type):
        raise WindrowError(f"estimator is a class: call it, as in {estimator.__name__}()")
    for method in ("fit", "predict_proba"):
        # A search has no `predict_proba` before its fit.
        if not hasattr(estimator, method) and not (method == "predict_proba" and hasattr(estimator, "estimator")):
            hint = "; SVC needs probability=True" if type(estimator).__name__ == "SVC" else ""
            raise WindrowError(f"estimator has no {method}: {type(estimator).__name__} gives no probabilities{hint}")


def clone(estimator: Any) -> Any:
    """Returns an unfitted copy of an estimator: by scikit-learn, if it is installed and knows the estimator, and else
    by `copy.deepcopy`."""
    if hasattr(estimator, "get_params"):
        try:
            from sklearn.base import clone as clone_of_sklearn

            return clone_of_sklearn(estimator)
        except (ImportError, TypeError, RuntimeError):
            pass
    return copy.deepcopy(estimator)


def histories_of(wanted: Optional[List[Any]]) -> Optional[Tuple[History, ...]]:
    """Returns the histories that the user wants, as the ladder has them.

    Raises:
        WindrowError: A history is neither a number of windows nor `all`.
    """
    if wanted is None:
        return None
    found: List[History] = []
    for history in wanted:
        is_number = isinstance(history, int) and not isinstance(history, bool) and history > 0
        if history != "all" and not is_number:
            raise WindrowError(f"histories: {history!r} is neither a number of windows nor 'all', as in [1, 4, 'all']")
        found.append(None if history == "all" else history)
    return tuple(dict.fromkeys(found))


def _is_sorted(order: numpy.ndarray) -> bool:
    import numpy

    return bool((numpy.diff(order) > 0).all())
