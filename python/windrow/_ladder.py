"""The ladder: which histories are fitted, and which windows each fit predicts. Pure: no data and no estimator.

The rules are those of the pipeline. `histories`, `judged_histories` and `intervals` are the functions of these names in
`crates/windrow-evaluation/src/trial.rs`; `MAX_AGE` and `STARTS` are from `losses.rs` next to it. Which fits predict which
windows is the rule of `needed_pairs.rs` next to it. A change there needs the same change here.

A history is a number of windows, or `None` for all.
"""

from __future__ import annotations

import bisect
import functools
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

History = Optional[int]

MIN_WINDOWS = 12
MAX_HISTORY_SHARE = 0.4
MAX_INTERVAL_SHARE = 1.0 / 3.0
MAX_AGE = 64
STARTS = 4


class Fit(NamedTuple):
    """A fit: what it learns from, and which windows it predicts."""

    history: History
    """The number of windows that it learns from."""
    newest: int
    """The newest window that it learns from, counted from 1."""
    predicts: Tuple[int, ...]
    """The windows that it predicts, ascending."""

    @property
    def oldest(self) -> int:
        """The oldest window that it learns from."""
        return 1 if self.history is None else max(1, self.newest - self.history + 1)


def name(history: History) -> str:
    """Returns a history as the table of predictions has it: `all`, or a number."""
    return "all" if history is None else str(history)


def histories(windows: int, wanted: Optional[Tuple[History, ...]] = None) -> List[History]:
    """Returns the histories to try: the last 1, 2, 4, 8, ... windows and all, or those of `wanted` that are not too
    long."""
    longest = MAX_HISTORY_SHARE * windows
    doubling: Sequence[History] = [1 << power for power in range(31)] + [None]
    every = doubling if wanted is None else wanted
    return [history for history in every if history is None or history <= longest]


def longest_history(compared: Sequence[History]) -> int:
    """Returns the length of the longest finite history. Schedules are judged on the windows after it."""
    return max((history for history in compared if history is not None), default=1)


@functools.lru_cache(maxsize=None)
def _is_enough(windows: int, wanted: Optional[Tuple[History, ...]], delay: int) -> bool:
    return windows - longest_history(histories(windows, wanted)) - delay >= MIN_WINDOWS


def judged_histories(windows: int, wanted: Optional[Tuple[History, ...]], delay: int) -> List[History]:
    """Returns those of `histories` that leave enough windows for advice, if there are enough at all."""
    every = histories(windows, wanted)
    if _is_enough(windows, wanted, delay) or not any(_is_enough(n, wanted, delay) for n in range(1, windows)):
        return every
    room = max(0, windows - delay - MIN_WINDOWS)
    return [history for history in every if history is None or history <= room]


def intervals(judged: int, delay: int) -> List[int]:
    """Returns the refit periods that can be compared on `judged` windows: 1, 2, 4, 8, ... windows."""
    longest = max(judged * MAX_INTERVAL_SHARE, 1.0)
    return [1 << power for power in range(31) if 1 << power <= longest and (1 << power) + delay <= MAX_AGE]


def ages_of_schedules(windows: int, wanted: Optional[Tuple[History, ...]], delay: int) -> int:
    """Returns the age, in windows, up to which the planned schedules need the predictions of each fit."""
    reach = 1
    for so_far in range(1, windows + 1):
        judged = so_far - longest_history(judged_histories(so_far, wanted, delay)) - delay
        reach = max(reach, *intervals(max(judged, 0), delay), 1)
    return reach + delay


def first_models(windows: int, wanted: Optional[Tuple[History, ...]], delay: int) -> List[int]:
    """Returns the newest windows of the fits that may stay in use forever: those that are in use when judging begins,
    for the schedule that never refits, and those of the three windows before, from which alarms start."""
    first = set()
    for so_far in range(1, windows + 1):
        longest = longest_history(judged_histories(so_far, wanted, delay))
        if so_far - longest - delay >= MIN_WINDOWS:
            first.update(longest - age for age in range(STARTS) if longest > age)
    return sorted(first)


def plan(
    windows: int,
    wanted: Optional[Tuple[History, ...]],
    delay: int,
    ages: int,
    can_learn: Callable[[int, int], bool],
) -> List[Fit]:
    """Returns the fits to make, in the order of their newest windows.

    `ages` is the age in windows up to which each fit is needed. `can_learn(oldest, newest)` says whether the rows of
    these windows can be learned from. If they cannot, the fit before stays in use, as in `Evidence::newest` of
    `crates/windrow-evaluation/src/evidence.rs`.
    """
    compared = histories(windows, wanted)
    learned = {
        history: [n for n in range(1, windows) if can_learn(Fit(history, n, ()).oldest, n)] for history in compared
    }
    # The judge counts the windows from the oldest one that a fit learns from.
    before = min((Fit(history, models[0], ()).oldest for history, models in learned.items() if models), default=1) - 1
    # The newest window of each fit that is needed, with the window that it predicts.
    pairs = [(n, window) for window in range(2, windows + 1) for n in range(max(1, window - ages), window - delay)]
    for newest in (before + first for first in first_models(windows - before, wanted, delay)):
        pairs.extend((newest, window) for window in range(newest + 1 + delay, windows + 1))
    needed: Dict[Tuple[History, int], set] = {}
    for history, models in learned.items():
        for newest, window in pairs:
            at = bisect.bisect_right(models, newest)
            if at > 0:
                model = models[at - 1]
                # A history of all windows so far is the same fit as `all`.
                is_all = history is not None and history >= model and None in compared
                needed.setdefault((None if is_all else history, model), set()).add(window)
    fits = [Fit(history, newest, tuple(sorted(predicts))) for (history, newest), predicts in needed.items()]
    return sorted(fits, key=lambda fit: (fit.newest, fit.history is None, fit.history or 0))
