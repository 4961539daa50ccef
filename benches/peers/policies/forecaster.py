"""The uncertainty-based performance forecaster (UPF).

Regol, Schwinn, Sprague, Coates and Markovich (2025), 'When to retrain a machine learning model', ICML. The loss of model i at time
j is forecast by a regression on i, on j and on the model's age, with a distribution around it. A refit happens now if the cost at a
high quantile (95%) of the best plan that begins with a refit is below that of the best plan that keeps the model.

The full text and the authors' code were not available to us. The abstract, the authors' summary, and what others wrote and
programmed from the paper leave these choices open:

- The regression is linear, with a ridge penalty chosen by generalised cross-validation. Its terms are i and the age, because j is
  their sum. The size of the shift between the features of neighbouring windows is left out: it is the same for both plans.
- The distribution around a forecast is normal, as an approximation of the Beta distribution. It has the variance of the residuals,
  and that of the coefficients.
- A plan covers all windows that remain, and may have later refits. The plan of each kind with the lowest mean is the one whose
  quantile counts.
- The regression learns from each model of the first third, on each later window of it: first from the model that ends with a third
  of the first third. Afterwards it also learns from the models that were in use, on each known window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schedules import run
from streams import Span, Stream

# The quantile of the normal distribution at 95%.
QUANTILE = 1.6448536269514722
# The penalties that are tried, for standardised terms.
PENALTIES = np.logspace(-3, 4, 15)


@dataclass(frozen=True)
class Forecast:
    """A fitted regression of the rate of wrong answers."""

    mean: np.ndarray
    scale: np.ndarray
    level: float
    weights: np.ndarray
    variance: float
    # The covariance of the weights, in units of the variance.
    covariance: np.ndarray
    rows: int

    @classmethod
    def fit(cls, pairs: np.ndarray, rates: np.ndarray) -> Forecast:
        """Fits the rates of pairs of model and window."""
        x = terms(pairs)
        mean, scale = x.mean(axis=0), x.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        u, s, vt = np.linalg.svd((x - mean) / scale, full_matrices=False)
        level, rows = float(rates.mean()), len(rates)
        projected = u.T @ (rates - level)
        shrinkage = s**2 / (s**2 + PENALTIES[:, None])
        residuals = (rates - level) - (shrinkage * projected) @ u.T
        squares, degrees = (residuals**2).sum(axis=1), rows - 1 - shrinkage.sum(axis=1)
        best = int(np.argmin(squares / np.maximum(degrees, 1e-9) ** 2))
        inverse = 1.0 / (s**2 + PENALTIES[best])
        return cls(
            mean=mean,
            scale=scale,
            level=level,
            weights=vt.T @ (inverse * s * projected),
            variance=float(squares[best] / max(degrees[best], 1.0)),
            covariance=(vt.T * inverse) @ vt,
            rows=rows,
        )

    def rates(self, pairs: np.ndarray) -> np.ndarray:
        """Returns the mean rate of each pair, between 0 and 1."""
        return np.clip(self.level + ((terms(pairs) - self.mean) / self.scale) @ self.weights, 0.0, 1.0)

    def deviation(self, pairs: np.ndarray) -> float:
        """Returns the standard deviation of the sum of the rates of some pairs."""
        summed = ((terms(pairs) - self.mean) / self.scale).sum(axis=0)
        count = len(pairs)
        return float(np.sqrt(self.variance * (count + count**2 / self.rows + summed @ self.covariance @ summed)))


def terms(pairs: np.ndarray) -> np.ndarray:
    """Returns the terms of the regression: the model, and its age."""
    return np.column_stack([pairs[:, 0], pairs[:, 1] - pairs[:, 0]]).astype(float)


@dataclass(frozen=True)
class Plan:
    """The pairs of model and window of a plan, with its mean cost."""

    pairs: np.ndarray
    cost: float


def plans(span: Span, window: int, model: int, rates: Forecast, rows: float, cost: float) -> tuple[Plan, Plan]:
    """Returns the best plan that keeps the model at `window`, and the best one that refits there."""
    windows = np.arange(window, span.last + 1)

    def sums(of: int, begin: int) -> np.ndarray:
        """Returns the mean wrong answers of a model on the windows from `begin` on, by the last window."""
        return rows * np.cumsum(rates.rates(pairs_of(of, begin, span.last)))

    # By window: the cost of the windows from it on, if a fit begins there, and the next fit.
    ends = len(windows)
    from_here, following = np.zeros(ends + 1), np.full(ends + 1, ends)

    def best(of: int, at: int) -> tuple[float, int]:
        """Returns the lowest cost from a window on with this model, and the next fit."""
        totals = sums(of, int(windows[at])) + from_here[at + 1 :]
        shortest = int(np.argmin(totals))
        return float(totals[shortest]), at + 1 + shortest

    for at in range(ends - 1, -1, -1):
        value, following[at] = best(span.known(int(windows[at])), at)
        from_here[at] = cost + value

    def whole(of: int, until: int, value: float) -> Plan:
        parts, at = [pairs_of(of, window, window + until - 1)], until
        while at < ends:
            begin, end = int(windows[at]), int(following[at])
            parts.append(pairs_of(span.known(begin), begin, window + end - 1))
            at = end
        return Plan(np.concatenate(parts), value)

    value, until = best(model, 0)
    keep = whole(model, until, value)
    return keep, whole(span.known(window), int(following[0]), float(from_here[0]))


def pairs_of(model: int, first: int, last: int) -> np.ndarray:
    """Returns the pairs of a model and each of some windows."""
    windows = np.arange(first, last + 1)
    return np.column_stack([np.full(len(windows), model), windows])


def upf(stream: Stream, history: str, cost: float) -> list[int]:
    """Refits if the forecast cost is lower then, at the 95% quantile."""
    wrong, span = stream.wrong(history), stream.judged
    rows = float(stream.rows[1 : stream.third + 1].mean())
    oldest = stream.learning.known(stream.learning.first)
    used = {span.known(span.first)}

    def decide(model: int, known: int, window: int) -> bool:
        models = {*range(oldest, stream.third), *used}
        # Models of the first third that are not in use are not scored after it.
        last = {one: known if one in used else stream.third for one in models}
        pairs = np.concatenate([pairs_of(one, one + 1, last[one]) for one in sorted(models)])
        rates = wrong[pairs[:, 0], pairs[:, 1]] / stream.rows[pairs[:, 1]]
        is_known = np.isfinite(rates)
        forecast = Forecast.fit(pairs[is_known], rates[is_known])
        keep, refit = plans(span, window, model, forecast, rows, cost)
        at_quantile = [plan.cost + QUANTILE * rows * forecast.deviation(plan.pairs) for plan in (keep, refit)]
        is_refit = at_quantile[1] < at_quantile[0]
        if is_refit:
            used.add(known)
        return is_refit

    return run(span, decide)
