"""Makes a wide dataset in the shape of a public register of road accidents: 23 categories of 3 to 100 levels, three numbers, the
time, and a target of two classes. The same arguments give the same rows.

    wide_data.py ROWS MONTHS FILE.csv [SEED]

- The levels of a category have Zipf-like shares, and most categories have latent causes in common, so they are correlated.
- A tenth of the levels appears after the first month or vanishes before the last one. Some categories and one number have
  missing cells.
- The true log-odds are a sum of effects of levels and numbers. The effects of the levels drift slowly.
- The rows are in the order of their times. A month is made at a time, so memory does not grow with the rows.
"""

import sys
from statistics import NormalDist

import numpy as np
import pyarrow as pa
from pyarrow import csv

# Name, number of levels, exponent of the shares, correlation with the place, correlation with the crash, missing share.
CATEGORIES = [
    ("area", 100, 0.7, 0.8, 0.0, 0.0),
    ("vehicle", 48, 1.3, 0.2, 0.5, 0.0),
    ("manoeuvre", 30, 1.1, 0.1, 0.7, 0.0),
    ("equipment", 20, 1.4, 0.3, 0.4, 0.03),
    ("fixed_object", 18, 1.6, -0.3, 0.6, 0.0),
    ("lanes", 14, 1.2, 0.6, 0.0, 0.02),
    ("infrastructure", 10, 1.7, 0.4, 0.2, 0.0),
    ("impact", 10, 0.8, 0.0, 0.6, 0.0),
    ("seat", 10, 1.8, 0.1, 0.3, 0.0),
    ("junction", 9, 1.3, 0.6, 0.2, 0.0),
    ("situation", 9, 1.6, 0.3, 0.4, 0.0),
    ("surface", 9, 1.8, -0.2, 0.3, 0.0),
    ("weather", 9, 1.6, -0.1, 0.2, 0.01),
    ("road", 8, 0.9, 0.8, 0.1, 0.0),
    ("trip", 8, 0.7, 0.2, 0.1, 0.25),
    ("collision", 7, 0.7, 0.2, 0.7, 0.0),
    ("motor", 7, 1.5, 0.1, 0.1, 0.0),
    ("moving_object", 7, 1.4, 0.3, 0.5, 0.0),
    ("light", 5, 0.9, 0.3, 0.2, 0.0),
    ("traffic", 5, 1.2, 0.5, 0.0, 0.04),
    ("plan", 4, 1.5, -0.3, 0.2, 0.0),
    ("profile", 4, 1.5, -0.3, 0.1, 0.0),
    ("user", 3, 1.0, 0.1, 0.4, 0.0),
]
NUMBERS = ["age", "speed_limit", "vehicle_years"]
SPEED_LIMITS = np.array([30, 50, 70, 80, 90, 110, 130])
MISSING_VEHICLE_YEARS = 0.06
# The share of the levels that do not exist for the whole time.
TEMPORARY_LEVELS = 0.1
# The standard deviation of the levels' effects on the log-odds, and of their change from the first month to the last.
EFFECT, DRIFT = 0.45, 0.2
INTERCEPT = -1.7
FIRST_MONTH = np.datetime64("2019-01")


class Category:
    """A category: the codes, shares and effects of its levels over time."""

    def __init__(self, levels, exponent, random):
        # The codes are in another order than the shares.
        self.codes = 1 + random.permutation(levels).astype(np.int16)
        self.shares = (1.0 + np.arange(levels)) ** -exponent
        # A mean of 0 over the rows keeps the share of positives near that of the intercept.
        self.effects = self.centred(random.normal(0.0, EFFECT, levels))
        self.drift = self.centred(random.normal(0.0, DRIFT, levels))
        self.growth = random.normal(0.0, 0.3, levels)
        self.begin, self.end = np.zeros(levels), np.ones(levels)
        # The most frequent levels always exist.
        temporary = (random.random(levels) < TEMPORARY_LEVELS) & (np.arange(levels) > 2)
        halves = random.random(levels) < 0.5
        moments = random.uniform(0.1, 0.9, levels)
        self.begin[temporary & halves] = moments[temporary & halves]
        self.end[temporary & ~halves] = moments[temporary & ~halves]

    def centred(self, effects):
        return effects - (self.shares @ effects) / self.shares.sum()

    def bounds(self, moment):
        """Returns the bounds between the levels on the scale of a standard normal variable, at a moment from 0 to 1."""
        exists = (self.begin <= moment) & (moment <= self.end)
        shares = np.where(exists, self.shares * np.exp(self.growth * moment), 0.0)
        sums = np.cumsum(shares / shares.sum())[:-1]
        normal = NormalDist()
        return np.array([normal.inv_cdf(p) if p < 1.0 - 1e-12 else np.inf for p in sums])


def month_counts(rows, months):
    """Returns the number of rows of each month, with a season."""
    weights = 1.0 + 0.15 * np.sin(2.0 * np.pi * (np.arange(months) - 3) / 12.0)
    ends = np.floor(np.cumsum(weights) / weights.sum() * rows + 0.5).astype(int)
    return np.diff(ends, prepend=0)


def month_rows(world, month, months, rows, seed):
    """Returns the columns of one month."""
    random = np.random.default_rng([seed, month])
    moment = month / max(months - 1, 1)
    place, crash = random.standard_normal(rows), random.standard_normal(rows)
    log_odds = np.full(rows, INTERCEPT) + 0.5 * crash
    begin = FIRST_MONTH + month
    seconds = (begin + 1).astype("datetime64[s]") - begin.astype("datetime64[s]")
    offsets = np.sort(random.integers(0, seconds.astype(int), rows))
    times = begin.astype("datetime64[s]") + offsets.astype("timedelta64[s]")
    columns = {"time": pa.array(times)}

    for (name, _, _, by_place, by_crash, missing), category in zip(CATEGORIES, world):
        own = np.sqrt(1.0 - by_place**2 - by_crash**2)
        z = by_place * place + by_crash * crash + own * random.standard_normal(rows)
        level = np.searchsorted(category.bounds(moment), z, side="right")
        log_odds += (category.effects + moment * category.drift)[level]
        absent = random.random(rows) < missing if missing else None
        columns[name] = pa.array(category.codes[level], mask=absent)

    age = np.clip(np.round(18.0 + random.gamma(2.2, 11.0, rows)), 0, 99).astype(np.int16)
    bounds = np.array([-1.4, 0.1, 0.4, 1.0, 1.5, 1.9])
    speed = SPEED_LIMITS[np.searchsorted(bounds, -0.7 * place + 0.7 * random.standard_normal(rows))]
    years = np.round(random.gamma(2.0, 4.5, rows), 1)
    log_odds += 0.015 * (age - 42) + 0.012 * (speed - 60) + 0.02 * (years - 9)
    columns["age"] = pa.array(age)
    columns["speed_limit"] = pa.array(speed.astype(np.int16))
    columns["vehicle_years"] = pa.array(years, mask=random.random(rows) < MISSING_VEHICLE_YEARS)
    is_severe = random.random(rows) < 1.0 / (1.0 + np.exp(-log_odds))
    columns["severe"] = pa.array(is_severe.astype(np.int8))
    return pa.table(columns)


def main():
    rows, months, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    random = np.random.default_rng(seed)
    world = [Category(levels, exponent, random) for _, levels, exponent, *_ in CATEGORIES]
    names = ["time", *(name for name, *_ in CATEGORIES), *NUMBERS, "severe"]
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    with open(file, "wb") as out:
        out.write((",".join(names) + "\n").encode())
        for month, count in enumerate(month_counts(rows, months)):
            csv.write_csv(month_rows(world, month, months, count, seed).select(names), out, options)


if __name__ == "__main__":
    main()
