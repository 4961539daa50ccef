"""How far the fits have come, on standard error: a bar on a terminal, and else a line for each tenth."""

from __future__ import annotations

import sys
import time
from typing import List, NamedTuple, Optional, TextIO, Tuple

BAR_WIDTH = 30


class Cost(NamedTuple):
    """The measured time of one fit."""

    rows: int
    """The rows that it learned from."""
    fit_seconds: float
    """The time of `fit`."""
    predicted: int
    """The rows that it predicted."""
    predict_seconds: float
    """The time of `predict_proba`."""


def estimate(measured: List[Cost], pending: List[Tuple[int, int]]) -> float:
    """Returns the seconds that fits will take, one after the other.

    `pending` has the rows to learn from and the rows to predict of each. The time of a fit is interpolated between the
    measured ones by the rows, and in proportion to the rows outside of them. The time to predict is in proportion.
    """
    known = sorted(measured)
    rate = sum(cost.predict_seconds for cost in known) / max(1, sum(cost.predicted for cost in known))
    return sum(_fit_seconds(known, rows) + rate * predicted for rows, predicted in pending)


def _fit_seconds(known: List[Cost], rows: int) -> float:
    if rows <= known[0].rows:
        return known[0].fit_seconds * rows / max(1, known[0].rows)
    for low, high in zip(known, known[1:]):
        if rows <= high.rows:
            share = (rows - low.rows) / max(1, high.rows - low.rows)
            return low.fit_seconds + share * (high.fit_seconds - low.fit_seconds)
    return known[-1].fit_seconds * rows / max(1, known[-1].rows)


def in_words(seconds: float) -> str:
    """Returns a time for people, as in `25 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


class Progress:
    """Reports a number of fits. `show` is `None` to choose: a bar needs a terminal."""

    def __init__(self, show: Optional[bool] = None, stream: Optional[TextIO] = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._shows = show is not False
        self._has_bar = bool(getattr(self._stream, "isatty", lambda: False)())
        self._tenth = 0
        self._began = time.monotonic()
        self._before = 0

    def say(self, text: str) -> None:
        """Prints a line."""
        if self._shows:
            self._stream.write(("\r\033[K" if self._has_bar else "") + f"windrow: {text}\n")
            self._stream.flush()

    def begin(self, done: int, of: int) -> None:
        """Starts the clock. `done` fits were made before, and do not count for the time that is left."""
        self._began, self._before = time.monotonic(), done
        self._tenth = 10 * done // max(1, of)

    def update(self, done: int, of: int, left: Optional[float] = None) -> None:
        """Reports that `done` fits are complete. `left` is the time that is left, in seconds, if it is known better
        than from the time so far."""
        if not self._shows:
            return
        fresh = done - self._before
        if left is None and fresh > 0:
            left = (time.monotonic() - self._began) / fresh * (of - done)
        rest = "" if left is None or done >= of else f", {in_words(left)} left"
        if self._has_bar:
            filled = BAR_WIDTH * done // max(1, of)
            bar = "#" * filled + "-" * (BAR_WIDTH - filled)
            end = "\n" if done >= of else ""
            self._stream.write(f"\r\033[K[{bar}] {done} of {of} fits{rest}{end}")
        elif 10 * done // max(1, of) > self._tenth:
            self._tenth = 10 * done // max(1, of)
            self._stream.write(f"windrow: {10 * self._tenth}% of {of} fits{rest}\n")
        self._stream.flush()
