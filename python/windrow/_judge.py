"""Judges predictions with the command `windrow judge`."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any, List, Optional, Sequence, Union

from ._answer import Answer
from ._binary import run
from ._errors import WindrowError

Paths = Union[str, "os.PathLike[str]"]


def judge(
    predictions: Any,
    *,
    window: Optional[str] = None,
    label_delay: Union[int, str, None] = None,
    keep: Optional[float] = None,
    cost: Optional[str] = None,
    models: Optional[Paths] = None,
) -> Answer:
    """Says how often to retrain, and on how much history, from predictions that you have.

    Args:
        predictions: A DataFrame, or the path of a file, or a list of paths: CSV, NDJSON or Parquet. Each row is one
            prediction, with the columns ``time`` or ``window``, ``y``, ``p``, ``trained_through``, and, if there are
            several histories, ``history`` or ``trained_from``. docs/own-model.md describes all columns.
        window: Cuts times into windows: ``"day"``, ``"week"``, ``"month"``, ``"quarter"``, or a duration such as
            ``"14d"``. Not needed for predictions with a column ``window``.
        label_delay: How late labels are known: a number of windows, or a duration such as ``"30d"``.
        keep: The share of the best schedule's gain that is good enough.
        cost: Costs that decide, as in ``"refit=200,miss=5,false_alarm=1"``.
        models: A CSV file with ``model``, ``trained_from`` and ``trained_through``, for logs that have only a version.

    Raises:
        WindrowError: The table has a fault. The text says in which row.
    """
    options = judge_options(window, label_delay, keep, cost, models)
    if isinstance(predictions, (str, os.PathLike)):
        return judge_files([predictions], options)
    if isinstance(predictions, (list, tuple)) and all(isinstance(one, (str, os.PathLike)) for one in predictions):
        return judge_files(predictions, options)
    with tempfile.TemporaryDirectory(prefix="windrow-") as folder:
        return judge_files([_write_frame(predictions, folder)], options)


def judge_options(
    window: Optional[str],
    label_delay: Union[int, str, None],
    keep: Optional[float],
    cost: Optional[str],
    models: Optional[Paths] = None,
) -> List[str]:
    """Returns the options of `windrow judge`."""
    given = {"--window": window, "--label-delay": label_delay, "--keep": keep, "--cost": cost}
    options = [f"{option}={value}" for option, value in given.items() if value is not None]
    return options if models is None else [*options, f"--models={os.path.abspath(os.fspath(models))}"]


def judge_files(files: Sequence[Paths], options: List[str], folder: Optional[str] = None) -> Answer:
    """Returns the answer of `windrow judge` to files of predictions. Paths are relative to `folder`.

    This is the only place that knows how the command is called and what it prints.
    """
    arguments = ["judge", *(os.fspath(file) for file in files), *options]
    with tempfile.TemporaryDirectory(prefix="windrow-") as place:
        report = os.path.join(place, "report.html")
        advice, notes = run([*arguments, "--json"], folder)
        text, _ = run([*arguments, f"--report={report}"], folder)
        html = None
        if os.path.exists(report):
            with open(report, encoding="utf-8") as file:
                html = file.read()
    return Answer(text=text, json=json.loads(advice), html=html, notes=notes.strip())


def _write_frame(frame: Any, folder: str) -> str:
    """Writes a DataFrame of pandas or polars, or a table of pyarrow, as Parquet, or as CSV without pyarrow."""
    path = os.path.join(folder, "predictions.parquet")
    if hasattr(frame, "to_parquet"):
        try:
            frame.to_parquet(path, index=False)
            return path
        except ImportError:
            path = os.path.join(folder, "predictions.csv")
            # pandas would write True and False.
            is_bool = [name for name in frame.columns if str(frame[name].dtype) in ("bool", "boolean")]
            frame.astype({name: "Int8" for name in is_bool}).to_csv(
                path, index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ"
            )
            return path
    if hasattr(frame, "write_parquet"):
        frame.write_parquet(path)
        return path
    if hasattr(frame, "schema") and hasattr(frame, "column_names"):
        from pyarrow import parquet

        parquet.write_table(frame, path)
        return path
    raise WindrowError(
        f"predictions must be a DataFrame of pandas or polars, a table of pyarrow, or paths, not {type(frame).__name__}"
    )
