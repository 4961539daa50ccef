"""Comparisons over streams, as tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from measures import MEASURES, ORACLE, RIVALS, WINDROW, History
from streams import ALL, LOG_LOSS, WRONG

# The number of blocks of windows of a stream with a single history.
BLOCKS = 10
CHOSEN = "chosen"
# A policy, and the history that its fits learn from: all, or the one that Windrow chose.
Policy = tuple[str, str]
POLICIES: list[Policy] = [(name, kind) for name in RIVALS for kind in (ALL, CHOSEN)]


class Results:
    """All histories of one stream."""

    def __init__(self, histories: Sequence[History]) -> None:
        """Takes the histories."""
        self.histories = histories
        self.name, self.held_out = histories[0].name, histories[0].held_out

    def of(self, history: History, policy: Policy) -> tuple[str, str]:
        """Returns the key of a policy's run."""
        name, kind = policy
        return (name, history.chosen if kind == CHOSEN else kind)

    def regrets(self, policy: Policy, measure: int) -> np.ndarray:
        """Returns the mean regret by cost, per 1,000 rows."""
        return np.mean([history.regret(self.of(history, policy), measure) for history in self.histories], axis=0)

    def oracle(self, kind: str) -> np.ndarray:
        """Returns the mean regret of CARA's oracle by cost, in wrong answers per 1,000 rows."""
        regrets = [
            1000 * (history.oracle[history.chosen if kind == CHOSEN else kind] - history.hindsight[WRONG]) / history.rows.sum()
            for history in self.histories
        ]
        return np.mean(regrets, axis=0)

    def difference(self, rival: Policy, measure: int) -> tuple[float, float]:
        """Returns Windrow's mean total less that of a rival, per 1,000 rows, with its standard error.

        The unit of the standard error is a history, or a block of consecutive windows if there is one history.
        """
        means, weights = [], []
        for history in self.histories:
            ours, theirs = (history.totals(self.of(history, one), measure) for one in ((WINDROW, ""), rival))
            apart = (ours - theirs).mean(axis=0)
            parts = 1 if len(self.histories) > 1 else min(BLOCKS, len(apart))
            for block, rows in zip(np.array_split(apart, parts), np.array_split(history.rows, parts)):
                means.append(1000 * block.sum() / rows.sum())
                weights.append(rows.sum())
        units, shares = np.array(means), np.array(weights) / sum(weights)
        mean = float(shares @ units)
        error = float(np.sqrt((shares**2 * (units - mean) ** 2).sum() * len(units) / max(len(units) - 1, 1)))
        return mean, error

    def rivals(self, measure: int) -> list[tuple[Policy, float, float]]:
        """Returns the rivals with the differences, the largest first."""
        return sorted(((rival, *self.difference(rival, measure)) for rival in POLICIES), key=lambda found: -found[1])

    def beaten_by(self, measure: int) -> list[tuple[Policy, float, float]]:
        """Returns the rivals that Windrow is neither below nor tied with."""
        return [found for found in self.rivals(measure) if found[1] > found[2]]

    def done(self, policy: Policy) -> tuple[float, float]:
        """Returns the log-loss a row and the refits, as means over costs and histories."""
        runs = [(history, history.runs[self.of(history, policy)]) for history in self.histories]
        losses = [run.losses[:, :, LOG_LOSS].sum(axis=1).mean() / history.rows.sum() for history, run in runs]
        return float(np.mean(losses)), float(np.mean([run.refits.sum(axis=1).mean() for _, run in runs]))


def shown(policy: Policy) -> str:
    """Returns the name of a policy in a table."""
    name, kind = policy
    return name if not kind else f"{name}; {'all history' if kind == ALL else 'history chosen'}"


def table(title: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Prints a table."""
    widths = [max(len(line[place]) for line in [[title, *columns], *([name, *cells] for name, cells in rows)])
              for place in range(len(columns) + 1)]  # fmt: skip

    def line(cells: Sequence[str]) -> str:
        first = f"{cells[0]:<{widths[0]}}"
        return f"| {' | '.join([first, *(f'{cell:>{width}}' for cell, width in zip(cells[1:], widths[1:]))])} |"

    print(f"\n{line([title, *columns])}\n|{'-' * (widths[0] + 2)}|{''.join('-' * (width + 1) + ':|' for width in widths[1:])}")
    for name, cells in rows:
        print(line([name, *cells]))


def regrets(results: Sequence[Results], measure: int, title: str) -> None:
    """Prints the mean regret of every policy over all costs, and Windrow's total less that of the policy.

    A * marks the policies that Windrow is neither below nor tied with.
    """
    rows = [(WINDROW, [f"{one.regrets((WINDROW, ''), measure).mean():.2f}" for one in results])]
    for policy in POLICIES:
        cells = []
        for one in results:
            mean, error = one.difference(policy, measure)
            mark = "*" if mean > error else ""
            cells.append(f"{one.regrets(policy, measure).mean():.2f} ({mean:+.2f} ± {error:.2f}){mark}")
        rows.append((shown(policy), cells))
    if measure == WRONG:
        rows += [(shown((ORACLE, kind)), [f"{one.oracle(kind).mean():.2f}" for one in results]) for kind in (ALL, CHOSEN)]
    rows.append(("best in hindsight", ["0.00" for _ in results]))
    table(title, [one.name for one in results], rows)


def efforts(results: Sequence[Results]) -> None:
    """Prints the log-loss and the number of refits of every policy."""
    rows = []
    for policy in [(WINDROW, ""), *POLICIES]:
        done = [one.done(policy) for one in results]
        rows.append((shown(policy), [f"{loss:.4f}, {refits:.1f}" for loss, refits in done]))
    table("log-loss and refits, mean of all alphas", [one.name for one in results], rows)


def by_alpha(one: Results, measure: int) -> None:
    """Prints the regret at each alpha."""
    count = len(one.histories[0].costs)
    rows = [(shown(policy), [f"{regret:.2f}" for regret in one.regrets(policy, measure)]) for policy in [(WINDROW, ""), *POLICIES]]
    table(f"{one.name}, regret by alpha", [f"{step}/{count - 1}" for step in range(count)], rows)


def verdicts(results: Sequence[Results]) -> None:
    """Prints what the comparison shows of each stream, and how many reach the aim."""
    rows = []
    for one in results:
        highest = np.mean([history.costs[-1] / history.rows_per_window for history in one.histories])
        counts = [f"{len(POLICIES) - len(one.beaten_by(measure))} of {len(POLICIES)}" for measure in MEASURES]
        shadow = np.mean([history.shadow_fits for history in one.histories])
        chosen = sorted({history.chosen for history in one.histories})
        cells = [f"{one.regrets((WINDROW, ''), WRONG).mean():.2f}", *counts, f"{highest:.4f}", ", ".join(chosen), f"{shadow:.0f}"]
        rows.append((one.name, cells))
    columns = ["windrow's regret", "below or tied, wrong answers", "below or tied, Brier", "largest alpha", "history chosen", "shadow fits"]
    table("stream", columns, rows)
    reached = [one for one in results if not one.beaten_by(WRONG)]
    held_out = [one for one in reached if one.held_out]
    print(
        f"\nBelow or tied with every rival that does not know the future: {len(reached)} of {len(results)} streams, "
        f"{len(held_out)} of them held out. The aim is eight of ten."
    )
    for one in results:
        for rival, mean, error in one.beaten_by(WRONG):
            print(f"{one.name}: beaten by {shown(rival)}, by {mean:.2f} ± {error:.2f} wrong answers per 1,000 rows.")
