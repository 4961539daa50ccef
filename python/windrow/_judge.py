"""Judges predictions with the command `windrow judge`."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any, List, Optional, Sequence, Union

from ._answer import Answer
from ._binary import run
from ._frame import write_frame

Paths = Union[str, "os.PathLike[str]"]

# Windows takes command lines of up to 32,767 characters.
MAX_ARGUMENTS_LENGTH = 20_000


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
        predictions: A DataFrame, or the path of a file or a folder, or a list of paths: CSV, NDJSON or Parquet. Each row
            is one prediction, with the columns ``time`` or ``window``, ``y``, ``p``, ``trained_through``, and, if there are
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
        return judge_files([write_frame(predictions, folder)], options)


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
    with tempfile.TemporaryDirectory(prefix="windrow-") as place:
        report = os.path.join(place, "report.html")
        # The table is read and judged once: the JSON has the text, too.
        arguments = ["judge", "--json", f"--report={report}", *options]
        printed, _ = run([*arguments, *_named([os.fspath(file) for file in files], place)], folder)
        with open(report, encoding="utf-8") as file:
            html = file.read()
    answer = json.loads(printed)
    return Answer(text=answer["text"], json=answer, html=html, notes="\n".join(answer["table"]["notes"]))


def _named(files: List[str], place: str) -> List[str]:
    """Returns the arguments that name the files: their paths or, if a command line does not take so many, a list in a file
    of the folder `place`."""
    if sum(len(file) + 3 for file in files) <= MAX_ARGUMENTS_LENGTH or any("\n" in file for file in files):
        return ["--", *files]
    listed = os.path.join(place, "files.txt")
    with open(listed, "w", encoding="utf-8") as out:
        out.writelines(f"{file}\n" for file in files)
    return [f"--files-from={listed}"]
