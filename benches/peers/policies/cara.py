"""The Cost-Aware Retraining Algorithm (CARA).

Mahadevan and Mathioudakis (2024), 'Cost-aware retraining for machine learning', Knowledge-Based Systems 293. Its three variants
refit when the staleness cost of the model in use exceeds a threshold, when the staleness cost summed since the last fit does,
or every so many windows. Their settings are those with the lowest cost on the offline part of the stream, here the first third.
Its oracle is the best choice of fits in hindsight.

The full text and the authors' code were not available to us. Abstracts and summaries leave these choices open:

- The staleness cost is relative: the rate of wrong answers on a window, less the rate on the first window on which the model was
  used, times the rows of the window. The paper weights data by their similarity to the queries. Here the queries are the rows
  of the windows themselves, so all rows have the same weight.
- The settings minimise the cost by which all policies are judged: wrong answers and refits.
- The thresholds that are tried are all staleness costs that occur in the offline part, and two at which the model is always or
  never refitted. Of equal ones, the one with the fewest refits is taken.
- The offline part begins with the model of a third of the first third, as for the fixed schedule.
"""

from __future__ import annotations

import numpy as np

from schedules import cheapest, periodic, refits, run, total
from streams import Span, Stream


class Staleness:
    """The staleness costs of the models of one history."""

    def __init__(self, stream: Stream, history: str) -> None:
        """Takes the losses of a stream."""
        self.rows, self.delay = stream.rows, stream.judged.delay
        self.wrong = stream.wrong(history)

    def of(self, model: int, window: int) -> float:
        """Returns the staleness cost of a model on a window."""
        used = model + 1 + self.delay
        if window <= used:
            return 0.0
        rate = self.wrong[model, window] / self.rows[window] - self.wrong[model, used] / self.rows[used]
        return float(rate * self.rows[window])

    def since_fit(self, model: int, window: int) -> float:
        """Returns the sum of the staleness costs of a model up to a window."""
        return sum(self.of(model, used) for used in range(model + 2 + self.delay, window + 1))


def _by_threshold(stream: Stream, history: str, cost: float, is_summed: bool) -> list[int]:
    staleness = Staleness(stream, history)
    measure = staleness.since_fit if is_summed else staleness.of

    def models(span: Span, threshold: float) -> list[int]:
        return run(span, lambda model, known, _window: measure(model, known) > threshold)

    span, wrong = stream.learning, stream.wrong(history)
    pairs = [(model, window) for window in span.windows() for model in range(span.known(span.first), window)]
    seen = {measure(model, window) for model, window in pairs}
    thresholds = {value for value in seen if np.isfinite(value)} | {-np.inf, np.inf}

    def offline(threshold: float) -> tuple[float, float]:
        tried = models(span, threshold)
        return total(span, wrong, tried, cost), refits(tried).sum()

    return models(stream.judged, min(sorted(thresholds), key=offline))


def threshold(stream: Stream, history: str, cost: float) -> list[int]:
    """Refits when the staleness cost on the newest known window exceeds a threshold."""
    return _by_threshold(stream, history, cost, is_summed=False)


def cumulative_threshold(stream: Stream, history: str, cost: float) -> list[int]:
    """Refits when the staleness cost since the last fit exceeds a threshold."""
    return _by_threshold(stream, history, cost, is_summed=True)


def by_period(stream: Stream, history: str, cost: float) -> list[int]:
    """Refits with a fixed period, from an offset on. Both are those with the lowest offline cost."""
    span, wrong = stream.learning, stream.wrong(history)
    # A period as long as the span stands for never.
    settings = [(period, phase) for period in range(1, len(span.windows()) + 1) for phase in range(period)]

    def offline(setting: tuple[int, int]) -> tuple[float, float]:
        tried = periodic(span, *setting)
        return total(span, wrong, tried, cost), refits(tried).sum()

    period, phase = min(settings, key=offline)
    if refits(periodic(span, period, phase)).sum() == 0:
        return run(stream.judged, lambda _model, _known, _window: False)
    # The windows of the fits continue in the same rhythm.
    shift = span.first - stream.judged.first
    return periodic(stream.judged, period, phase + shift)


def oracle(stream: Stream, history: str, cost: float) -> float:
    """Returns the lowest total of any choice of fits of one history."""
    return cheapest(stream.judged, [stream.wrong(history)], cost)
