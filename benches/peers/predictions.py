"""Makes a table of predictions of a backtest, as Parquet and as CSV: weekly fits on the last 1, 4 and 16 weeks and on all, each of
which scored its next ten weeks. The same arguments give the same rows.

    predictions.py ROWS WEEKS FOLDER      prints the number of rows, which is at least ROWS
"""

import pathlib
import sys

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

HISTORIES = [1, 4, 16, None]
AGES = 10
WEEK = 7 * 86_400
# Monday, 1 January 2024.
MONDAY = 1_704_067_200


def scored(newest, weeks):
    """Returns the weeks that a fit scores."""
    return range(newest + 1, min(newest + AGES, weeks) + 1)


def fits(weeks):
    """Returns the history and the newest week of each fit, in the order of time."""
    return [(history, newest) for newest in range(1, weeks) for history in HISTORIES if (history or 0) <= newest]


def week_of(number, rows):
    """Returns the labels and the signal of the rows of a week."""
    random = np.random.default_rng(number)
    y = random.random(rows) < 0.3
    return y, np.where(y, 1.0, -1.0), random.normal(size=rows)


def predictions(history, newest, weeks, rows):
    """Returns the rows of one fit."""
    parts = []
    for number in scored(newest, weeks):
        y, sign, noise = week_of(number, rows)
        quality = 1.0 - 0.03 * (number - newest) - 0.4 / (history or weeks)
        p = 1.0 / (1.0 + np.exp(0.85 - quality * sign - noise))
        second = (np.arange(rows) * WEEK) // rows
        parts.append(((number - 1) * WEEK + second, y, p, (number - 1) * rows + np.arange(rows)))
    second, y, p, row = (np.concatenate(columns) for columns in zip(*parts))
    count, moment = len(p), pa.timestamp("s")
    through = pa.scalar(MONDAY + newest * WEEK - 1, pa.int64())
    return pa.table({
        "time": pa.array(MONDAY + second, pa.int64()).cast(moment),
        "y": pa.array(y.astype("int8")),
        "p": pa.array(np.round(p, 6)),
        "trained_through": pa.repeat(through, count).cast(moment),
        "history": pa.repeat(pa.scalar(str(history or "all")), count),
        "row": pa.array(row, pa.int64()),
    })


def main():
    wanted, weeks, folder = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
    all_fits = fits(weeks)
    cells = sum(len(scored(newest, weeks)) for _, newest in all_fits)
    rows = -(-wanted // cells)
    schema = predictions(*all_fits[0], weeks, rows).schema
    with parquet.ParquetWriter(folder / "predictions.parquet", schema, compression="zstd") as columns:
        with csv.CSVWriter(folder / "predictions.csv", schema) as lines:
            for history, newest in all_fits:
                table = predictions(history, newest, weeks, rows)
                columns.write_table(table)
                lines.write_table(table)
    print(rows * cells)


main()
