"""The mean loss of each schedule of a table of predictions, as a user of Polars would compute it: one sum for each fit and week,
and the mean over the phases of each refit period.

    judge_polars.py PREDICTIONS OUT.json
"""

import json
import pathlib
import sys
from datetime import datetime

import polars as pl

MONDAY = datetime(2024, 1, 1)
MAX_HISTORY_SHARE = 0.4
MAX_PERIOD_SHARE = 1 / 3


def sums_by_fit(path):
    """Returns the sum of the losses, and the rows, by history, by the newest week of the fit, and by week."""
    if path.endswith(".parquet"):
        read = pl.scan_parquet(path)
    else:
        read = pl.scan_csv(path, try_parse_dates=True, schema_overrides={"history": pl.String})
    week = lambda column: (pl.col(column) - MONDAY).dt.total_days() // 7 + 1
    p = pl.when(pl.col("y").cast(pl.Int8) == 1).then(pl.col("p")).otherwise(1 - pl.col("p"))
    sums = (
        read.select(pl.col("history").cast(pl.String), newest=week("trained_through"), week=week("time"), loss=-p.log())
        .group_by("history", "newest", "week")
        .agg(pl.col("loss").sum(), rows=pl.len())
        .collect(engine="streaming")
    )
    return {(history, newest, week): (loss, rows) for history, newest, week, loss, rows in sums.iter_rows()}


def main():
    path, out = sys.argv[1:]
    sums = sums_by_fit(path)
    last = max(week for _, _, week in sums)
    lengths = {history: 10**9 if history == "all" else int(history) for history, _, _ in sums}
    finite = [length for length in lengths.values() if length <= MAX_HISTORY_SHARE * last]
    judged = range(max(finite) + 1, last + 1)
    ages = max(week - newest for _, newest, week in sums)
    rows = sum(sums["all", week - 1, week][1] for week in judged)
    periods = [1 << power for power in range(10) if 1 << power <= min(ages, MAX_PERIOD_SHARE * len(judged))]

    def loss(history, newest, week):
        # A history that is longer than all that there was is all of it.
        return sums[history if lengths[history] <= newest else "all", newest, week][0]

    losses = {}
    for history in lengths:
        for period in periods:
            ages_and_weeks = ((age, week) for age in range(period) for week in judged)
            total = sum(loss(history, week - 1 - age, week) for age, week in ages_and_weeks)
            losses[f"{history}, {period}"] = total / period / rows
    pathlib.Path(out).write_text(json.dumps(losses))


main()
