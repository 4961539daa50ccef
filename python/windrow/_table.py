"""The table of predictions: one file for each fit, which appears whole."""

from __future__ import annotations

import contextlib
import csv
import datetime
import os
import tempfile
from typing import TYPE_CHECKING, Any, Dict, Iterator

if TYPE_CHECKING:
    import numpy

_EPOCH = datetime.datetime(1970, 1, 1)


def file_format() -> str:
    """Returns `parquet` if pyarrow is installed, and else `csv`."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        return "csv"
    return "parquet"


def write_predictions(
    path: str,
    *,
    row: numpy.ndarray,
    at: numpy.ndarray,
    is_time: bool,
    y: numpy.ndarray,
    has_label: numpy.ndarray,
    p: numpy.ndarray,
    trained_through: int,
    trained_from: int,
    history: str,
) -> None:
    """Writes the predictions of one fit, as Parquet or CSV by the ending of `path`.

    `at`, `trained_through` and `trained_from` are microseconds since 1970 if `is_time`, and otherwise numbers of
    windows. A row without a label has an empty `y`.
    """
    name = "time" if is_time else "window"
    fit = {"trained_through": trained_through, "trained_from": trained_from, "history": history}
    with whole_file(path) as part:
        if path.endswith(".parquet"):
            columns = {"row": row, name: at, "y": y, "p": p, **fit}
            _write_parquet(part, columns, has_label, name, is_time)
        else:
            _write_csv(part, name, is_time, row, at, y, has_label, p, fit)


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[str]:
    """Gives a temporary path in the same folder. The file replaces `path` when it is complete, so that a process that
    is killed leaves no half of a file under that name."""
    handle, part = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=".part-")
    os.close(handle)
    try:
        yield part
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(part)
        raise


def _write_parquet(path: str, columns: Dict[str, Any], has_label: numpy.ndarray, name: str, is_time: bool) -> None:
    import pyarrow
    from pyarrow import parquet

    rows = len(columns["p"])
    when = pyarrow.timestamp("us", tz="UTC") if is_time else pyarrow.int64()
    one = {"trained_through": when, "trained_from": when, "history": pyarrow.string()}
    arrays = {
        "row": pyarrow.array(columns["row"], pyarrow.int64()),
        name: pyarrow.array(columns[name], pyarrow.int64()).cast(when),
        "y": pyarrow.array(columns["y"].astype("int64"), pyarrow.int64(), mask=~has_label),
        "p": pyarrow.array(columns["p"], pyarrow.float64()),
        **{key: pyarrow.repeat(pyarrow.scalar(columns[key], kind), rows) for key, kind in one.items()},
    }
    parquet.write_table(pyarrow.table(arrays), path, compression="zstd")


def _write_csv(
    path: str,
    name: str,
    is_time: bool,
    row: numpy.ndarray,
    at: numpy.ndarray,
    y: numpy.ndarray,
    has_label: numpy.ndarray,
    p: numpy.ndarray,
    fit: Dict[str, Any],
) -> None:
    of_fit = [rfc3339(value) if is_time and key != "history" else value for key, value in fit.items()]
    with open(path, "w", encoding="utf-8", newline="") as out:
        lines = csv.writer(out)
        lines.writerow(["row", name, "y", "p", *fit])
        for number, when, label, is_known, probability in zip(
            row.tolist(), at.tolist(), y.tolist(), has_label.tolist(), p.tolist()
        ):
            place = rfc3339(when) if is_time else when
            lines.writerow([number, place, label if is_known else "", repr(probability), *of_fit])


def rfc3339(micros: int) -> str:
    """Returns a time as text, as in `2013-01-07T00:00:00Z`."""
    return (_EPOCH + datetime.timedelta(microseconds=micros)).isoformat() + "Z"
