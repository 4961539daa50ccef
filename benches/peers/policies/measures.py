"""The costs of all policies on one history of a stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import cara
import schedules
from detectors import DETECTORS, on_alarm
from forecaster import upf
from streams import ALL, LOG_LOSS, SQUARED, WRONG, Plan, Stream, read

# The policies that do not know the future. Each is run with all history and with the history that Windrow chose.
RIVALS: dict[str, Callable[[Stream, str, float], list[int]]] = {
    "every window": schedules.every,
    "never": schedules.never,
    "fixed schedule": schedules.fixed,
    **{f"on {name}": on_alarm(name) for name in DETECTORS},
    "CARA, threshold": cara.threshold,
    "CARA, cumulative threshold": cara.cumulative_threshold,
    "CARA, periodic": cara.by_period,
    "UPF": upf,
}
WINDROW = "windrow"
ORACLE = "CARA, oracle"
# The measures in which a refit has its cost: wrong answers, and squared errors (Brier).
MEASURES = (WRONG, SQUARED)


@dataclass(frozen=True)
class Run:
    """The sums of one policy on the windows judged, by cost of a refit and by window."""

    # By cost, window and kind of loss.
    losses: np.ndarray
    # By cost and window: 1 if the model in use changed.
    refits: np.ndarray


@dataclass(frozen=True)
class History:
    """What all policies did on one history of a stream."""

    name: str
    held_out: bool
    chosen: str
    costs: np.ndarray
    rows: np.ndarray
    # The rows of a window, of which the largest cost is a share.
    rows_per_window: float
    shadow_fits: int
    # By policy and history.
    runs: dict[tuple[str, str], Run]
    # By measure and cost: the total of the best choice in hindsight.
    hindsight: dict[int, np.ndarray]
    # By history and cost: the total of CARA's oracle, in wrong answers.
    oracle: dict[str, np.ndarray]

    def regret(self, policy: tuple[str, str], measure: int) -> np.ndarray:
        """Returns the regret by cost, per 1,000 rows."""
        best = self.hindsight[measure]
        return 1000 * (self.totals(policy, measure).sum(axis=1) - best) / self.rows.sum()

    def totals(self, policy: tuple[str, str], measure: int) -> np.ndarray:
        """Returns the loss of each window and the cost of its refit, by cost and window."""
        run = self.runs[policy]
        return run.losses[:, :, measure] + self.costs[:, None] * run.refits


def study(folder: Path) -> History:
    """Runs every policy at every cost."""
    stream = read(folder)
    histories = list(dict.fromkeys([ALL, stream.chosen]))
    runs = {(WINDROW, ""): _run(stream, stream.windrow)}
    for name, policy in RIVALS.items():
        for history in histories:
            plans = [[(history, model) for model in policy(stream, history, cost)] for cost in stream.costs]
            runs[name, history] = _run(stream, plans)
    tables = {measure: [losses[:, :, measure] for losses in stream.losses.values()] for measure in MEASURES}
    hindsight = {
        measure: np.array([schedules.cheapest(stream.judged, tables[measure], cost) for cost in stream.costs])
        for measure in MEASURES
    }
    oracle = {history: np.array([cara.oracle(stream, history, cost) for cost in stream.costs]) for history in histories}
    return History(
        name=stream.name,
        held_out=stream.held_out,
        chosen=stream.chosen,
        costs=np.array(stream.costs),
        rows=stream.rows[stream.judged.first :],
        rows_per_window=float(stream.rows[1:].mean()),
        shadow_fits=stream.shadow_fits,
        runs=runs,
        hindsight=hindsight,
        oracle=oracle,
    )


def _run(stream: Stream, plans: list[Plan]) -> Run:
    windows = list(stream.judged.windows())
    kinds = [WRONG, SQUARED, LOG_LOSS]
    losses = [
        [stream.losses[history][model, window, kinds] for (history, model), window in zip(plan, windows)] for plan in plans
    ]
    return Run(np.array(losses), np.array([schedules.refits(plan) for plan in plans]))
