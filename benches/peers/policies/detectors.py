"""Refits on the alarm of a drift detector of river, which reads the wrong answers of the model in use row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Protocol

import numpy as np
from river import drift

from schedules import run
from streams import Stream


class Detector(Protocol):
    """A drift detector of river."""

    @property
    def drift_detected(self) -> bool:
        """Whether the last value raised an alarm."""

    def update(self, x: float) -> object:
        """Reads a value."""


# KSWIN tests at each row, which is slow. It gets at most this many rows of a window, evenly spaced.
KSWIN_ROWS = 200

# The settings are river's own, except that Page-Hinkley only looks for rising errors: falling ones need no refit.
DETECTORS: dict[str, Callable[[], Detector]] = {
    "ADWIN": drift.ADWIN,
    "DDM": drift.binary.DDM,
    "KSWIN": lambda: drift.KSWIN(seed=1),
    "Page-Hinkley": lambda: drift.PageHinkley(mode="up"),
}


def rings(detector: Detector, name: str, rows: np.ndarray) -> bool:
    """Reads the rows of a window and returns whether an alarm rang."""
    # Each row is read, also after an alarm.
    return sum(_rings(detector, name, row) for row in _read(name, rows)) > 0


def _rings(detector: Detector, name: str, row: int) -> bool:
    # DDM counts a right answer as 0 and a wrong one as 1, like the others, but wants a truth value.
    detector.update(bool(row) if name == "DDM" else float(row))
    return detector.drift_detected


def _read(name: str, rows: np.ndarray) -> Iterable[int]:
    if name == "KSWIN" and len(rows) > KSWIN_ROWS:
        rows = rows[np.linspace(0, len(rows) - 1, KSWIN_ROWS).astype(int)]
    return rows.tolist()


def on_alarm(name: str) -> Callable[[Stream, str, float], list[int]]:
    """Returns the policy that refits when a detector rings.

    The detector first reads the first third: each window with the model of the newest known window before it. Alarms there are
    ignored. After a refit it begins anew with the errors of the new model. With late labels, it reads each window when its
    labels are known, also those that the model before has answered.
    """

    # The cost of a refit does not matter to a detector.
    @lru_cache(maxsize=None)
    def alarms(stream: Stream, history: str) -> tuple[int, ...]:
        span = stream.judged
        detector = DETECTORS[name]()
        for window in stream.learning.windows():
            rings(detector, name, stream.wrong_rows(history, span.known(window), window))
        read = stream.third

        def decide(model: int, known: int, _window: int) -> bool:
            nonlocal detector, read
            has_rung = False
            while read < known:
                read += 1
                has_rung |= rings(detector, name, stream.wrong_rows(history, model, read))
            if has_rung:
                detector = DETECTORS[name]()
            return has_rung

        return tuple(run(span, decide))

    return lambda stream, history, _cost: list(alarms(stream, history))
