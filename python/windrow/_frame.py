"""Writes a frame of predictions to a file that `windrow judge` reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ._errors import WindrowError

if TYPE_CHECKING:
    import pandas

# The columns that the command reads: those of predictions, and those of losses by window.
PREDICTIONS = "time window y p trained_through trained_from history model row label_known".split()
LOSSES = "model window rows positives log_loss block squared_error false_alarms misses made_for".split()
# The columns with one type in the command, whose cells may be a mixture in a frame, as in `all` and 4.
MIXED = ("history", "model", "row")


def write_frame(frame: Any, folder: str) -> str:
    """Writes a DataFrame of pandas or polars, or a table of pyarrow, as Parquet, or as CSV without pyarrow. Returns the
    path of the file.

    Raises:
        WindrowError: The argument is no frame, or it cannot be written.
    """
    path = os.path.join(folder, "predictions.parquet")
    try:
        if hasattr(frame, "to_parquet"):
            return _write_pandas(frame, path)
        if hasattr(frame, "write_parquet"):
            frame.write_parquet(path)
            return path
        if hasattr(frame, "schema") and hasattr(frame, "column_names"):
            from pyarrow import parquet

            parquet.write_table(frame, path)
            return path
    except WindrowError:
        raise
    except Exception as error:
        raise WindrowError(
            f"predictions cannot be written for the command: {type(error).__name__}: {error}; each column needs values "
            "of one type"
        ) from error
    raise WindrowError(
        f"predictions must be a DataFrame of pandas or polars, a table of pyarrow, or paths, not {type(frame).__name__}"
    )


def _write_pandas(frame: pandas.DataFrame, path: str) -> str:
    frame = _readable(frame)
    try:
        frame.to_parquet(path, index=False)
    except ImportError:
        path = os.path.splitext(path)[0] + ".csv"
        _as_text(frame).to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ")
    return path


def _readable(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Returns the columns that the command reads, each with values of one type. Other columns may have values that no
    file takes."""
    columns = list(frame.columns)
    known = LOSSES if "log_loss" in columns and "p" not in columns else PREDICTIONS
    twice = next((name for name in known if columns.count(name) > 1), None)
    if twice is not None:
        raise WindrowError(f"predictions: several columns have the name {twice!r}: keep one of them")
    if known is PREDICTIONS:
        _check_needed(columns)
    frame = frame[[name for name in columns if name in known]]
    mixed = [name for name in MIXED if name in frame.columns and str(frame[name].dtype) in ("object", "category")]
    return frame.assign(**{name: frame[name].astype(object).map(str, na_action="ignore") for name in mixed})


def _check_needed(columns: list) -> None:
    # The command would report it too, but it does not see the names of the columns that are left out.
    for one_of in (("y",), ("p",), ("time", "window"), ("trained_through", "model")):
        if not any(name in columns for name in one_of):
            needed = " or ".join(f"`{name}`" for name in one_of)
            shown = ", ".join(str(name) for name in columns[:12]) + (", ..." if len(columns) > 12 else "")
            raise WindrowError(f"predictions: there is no column {needed}; the columns are {shown}")


def _as_text(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Returns the frame in the form in which pandas writes what the command reads as CSV: labels as 0 and 1, and times
    in UTC, because the format of the times says so."""
    import pandas

    changed = {}
    for name in frame.columns:
        kind = frame[name].dtype
        if str(kind) in ("bool", "boolean"):
            changed[name] = frame[name].astype("Int8")
        elif isinstance(kind, pandas.DatetimeTZDtype):
            changed[name] = frame[name].dt.tz_convert("UTC")
    return frame.assign(**changed)
