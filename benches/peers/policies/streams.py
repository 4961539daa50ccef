"""A stream as the Rust side wrote it: the losses of every model on every later window, and the wrong answers row by row.

Windows are numbered from 1. A model has the number of its newest window.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

# The losses of a model on a window.
WRONG, SQUARED, LOG_LOSS = range(3)
# The history of the models that learn from all windows so far.
ALL = "cumulative"

# The model in use at each window judged: its history and its newest window.
Plan = list[tuple[str, int]]


@dataclass(frozen=True)
class Span:
    """A run of consecutive windows on which policies are judged."""

    first: int
    last: int
    # The number of windows by which labels are late.
    delay: int

    def windows(self) -> range:
        """Returns the windows."""
        return range(self.first, self.last + 1)

    def known(self, window: int) -> int:
        """Returns the newest window whose labels are known when `window` begins."""
        return window - 1 - self.delay


@dataclass(frozen=True, eq=False)
class Stream:
    """One history of a stream."""

    folder: Path
    name: str
    held_out: bool
    # The last window of the first third, from which the policies choose their settings.
    third: int
    # The windows judged.
    judged: Span
    # The number of labelled rows of each window. The element at 0 is not used.
    rows: np.ndarray
    # By history: the losses by model, window and kind. NaN where there is no model, or the window is not later.
    losses: dict[str, np.ndarray]
    # The history that Windrow's advice names on the first third.
    chosen: str
    # The costs of a refit, in wrong answers.
    costs: list[float]
    # The models that following the advice has in service, by cost.
    windrow: list[Plan]
    # The number of models that the advice compares and that end in the windows judged.
    shadow_fits: int

    @property
    def rows_judged(self) -> float:
        """Returns the number of labelled rows of the windows judged."""
        return float(self.rows[self.judged.first :].sum())

    @property
    def learning(self) -> Span:
        """Returns the part of the first third on which a policy tries its settings.

        Its first model ends with a third of this third, so that models of few rows do not decide.
        """
        oldest = max(1, self.third // 3)
        return Span(oldest + 1 + self.judged.delay, self.third, self.judged.delay)

    def wrong(self, history: str) -> np.ndarray:
        """Returns the wrong answers by model and window."""
        return self.losses[history][:, :, WRONG]

    def wrong_rows(self, history: str, model: int, window: int) -> np.ndarray:
        """Returns, for each labelled row of a window in order, 1 if the model's answer is wrong and 0 if it is right."""
        rows = int(self.rows[window])
        begin = _offsets(self)[model, window]
        bits = _bytes(self.folder / f"rows-{history}.bin")[begin : begin + (rows + 7) // 8]
        return np.unpackbits(bits, count=rows, bitorder="little")


@cache
def _bytes(path: Path) -> np.ndarray:
    return np.fromfile(path, dtype=np.uint8)


@cache
def _offsets(stream: Stream) -> dict[tuple[int, int], int]:
    offsets, begin = {}, 0
    for window in range(2, stream.judged.last + 1):
        for model in range(1, window):
            offsets[model, window] = begin
            begin += (int(stream.rows[window]) + 7) // 8
    return offsets


def read(folder: Path) -> Stream:
    """Reads the files of a folder."""
    facts = json.loads((folder / "stream.json").read_text())
    last = facts["last"]
    losses = {}
    for history, models in zip(facts["histories"], facts["losses"]):
        table = np.full((last + 1, last + 1, 3), np.nan)
        for model, windows in enumerate(models, start=1):
            for window, sums in enumerate(windows, start=model + 1):
                if sums is not None:
                    table[model, window] = sums
        losses[history] = table
    return Stream(
        folder=folder,
        name=facts["name"],
        held_out=facts["held_out"],
        third=facts["third"],
        judged=Span(facts["first"], last, facts["delay"]),
        rows=np.array([0.0, *facts["rows"]]),
        losses=losses,
        chosen=facts["chosen"],
        costs=facts["costs"],
        windrow=[[(history, model) for history, model in plan] for plan in facts["windrow"]],
        shadow_fits=facts["shadow_fits"],
    )
