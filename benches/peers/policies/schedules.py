"""Policies that refit on a schedule, and the best choice in hindsight."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from streams import Span, Stream

# Returns whether to refit before a window: from the model in use, the newest window with known labels, and the window.
Decision = Callable[[int, int, int], bool]


def run(span: Span, decide: Decision) -> list[int]:
    """Returns the model in use at each window. The first one is fitted before the span and costs nothing."""
    model, models = span.known(span.first), []
    for window in span.windows():
        known = span.known(window)
        if window > span.first and decide(model, known, window):
            model = known
        models.append(model)
    return models


def refits(models: list) -> np.ndarray:
    """Returns 1 for each window before which the model in use changed, else 0."""
    return np.array([0.0] + [float(now != before) for before, now in zip(models, models[1:])])


def total(span: Span, wrong: np.ndarray, models: list[int], cost: float) -> float:
    """Returns the wrong answers of a run and the cost of its refits."""
    return float(sum(wrong[model, window] for model, window in zip(models, span.windows())) + cost * refits(models).sum())


def every(stream: Stream, _history: str, _cost: float) -> list[int]:
    """Refits before each window."""
    return run(stream.judged, lambda _model, _known, _window: True)


def never(stream: Stream, _history: str, _cost: float) -> list[int]:
    """Keeps the first model."""
    return run(stream.judged, lambda _model, _known, _window: False)


def periodic(span: Span, period: int, phase: int) -> list[int]:
    """Refits with a fixed period, at the windows with this remainder from the start of the span."""
    return run(span, lambda _model, _known, window: (window - span.first) % period == phase % period)


def fixed(stream: Stream, history: str, cost: float) -> list[int]:
    """Refits with the period that is the cheapest on the first third, as a mean over all phases. It may be never."""
    span, wrong = stream.learning, stream.wrong(history)
    length = len(span.windows())

    def mean(period: int) -> float:
        return float(np.mean([total(span, wrong, periodic(span, period, phase), cost) for phase in range(period)]))

    # Within `length` windows, a longer period refits in some phases only; the longest one stands for never.
    means = {period: mean(period) for period in range(1, length)}
    means[0] = total(span, wrong, run(span, lambda _model, _known, _window: False), cost)
    # Of equal ones, the one with the fewest refits.
    period = min(means, key=lambda period: (means[period], -period if period else -length))
    return periodic(stream.judged, period, 0) if period else never(stream, history, cost)


def cheapest(span: Span, tables: list[np.ndarray], cost: float) -> float:
    """Returns the lowest total that any choice of models could have reached.

    `tables` are the losses by model and window, one for each history that a fit may use. The first model may be any that is
    known before the span. Each later fit is as new as its window allows.
    """
    windows = list(span.windows())

    def sums(model: int, begin: int) -> np.ndarray:
        """Returns the least losses of a model from window `begin` on, by the last window."""
        found = [np.cumsum(table[model, begin : span.last + 1]) for table in tables]
        return np.nanmin(np.nan_to_num(np.array(found), nan=np.inf), axis=0)

    best = np.min([sums(model, span.first) for model in range(1, span.known(span.first) + 1)], axis=0)
    # The best total of the windows up to each one. A fit before a window begins from the best total before it.
    for at, window in enumerate(windows[1:], start=1):
        reached = best[at - 1] + cost + sums(span.known(window), window)
        best[at:] = np.minimum(best[at:], reached)
    return float(best[-1])
