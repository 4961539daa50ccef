"""Reads the batch files of a pipeline."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Dict, Union

from ._errors import WindrowError

if TYPE_CHECKING:
    import pandas


def read_batches(workdir: Union[str, os.PathLike]) -> pandas.DataFrame:
    """Returns the rows of all sealed windows as one DataFrame, in the order of the windows.

    The first column is ``window``, the number of the window. Missing values are those of the pipeline's
    ``dataset.null``. The time column has times if its format is a calendar time. All other columns have the types that
    pandas finds. Labels that arrived after their window was sealed are in the target's column.

    Args:
        workdir: The work directory of a run, such as ``.windrow/flights``.

    Raises:
        WindrowError: There are no batch files, or they are in an object store.
    """
    try:
        import pandas
    except ImportError as error:
        raise WindrowError("windrow.read_batches needs pandas: pip install pandas") from error
    workdir = os.fspath(workdir)
    pipeline = _pipeline(workdir)
    dataset = pipeline.get("dataset", {})
    url = (pipeline.get("batch") or {}).get("url")
    frames = []
    while True:
        window = len(frames) + 1
        stem = os.path.join(workdir, "batches", f"window-{window:05}")
        # A batch file without a manifest is not sealed, and may be written again.
        if not os.path.exists(stem + ".json"):
            break
        rows = _with_labels(_read(stem, dataset, url), stem, (pipeline.get("target") or {}).get("column"))
        if "window" in rows.columns:
            rows = rows.rename(columns={"window": "window_of_row"})
        rows.insert(0, "window", window)
        frames.append(rows)
    if not frames:
        raise WindrowError(f"no window in {workdir}: create windows with `windrow run` or `windrow consume`")
    # An empty window has no types of its own.
    filled = [rows for rows in frames if len(rows)] or frames[:1]
    whole = pandas.concat(filled, ignore_index=True)
    return _with_times(whole, dataset.get("time") or {})


def _pipeline(workdir: str) -> Dict[str, Any]:
    path = os.path.join(workdir, "run.json")
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)["pipeline"]
    except FileNotFoundError as error:
        raise WindrowError(f"{workdir} is not a work directory: it has no run.json; give that of a run") from error
    except (ValueError, KeyError, OSError) as error:
        raise WindrowError(f"{path} cannot be read: {error}") from error


def _read(stem: str, dataset: Dict[str, Any], url: Any) -> pandas.DataFrame:
    import pandas

    null = dataset.get("null", [""])
    null = [null] if isinstance(null, str) else null
    if os.path.exists(stem + ".parquet"):
        return pandas.read_parquet(stem + ".parquet")
    if not os.path.exists(stem + ".csv"):
        place = f"the batch files are in {url}: copy them to {os.path.dirname(stem)} first" if url else "it is missing"
        raise WindrowError(f"{stem}.csv cannot be read: {place}")
    delimiter = dataset.get("delimiter") or ","
    return pandas.read_csv(stem + ".csv", sep=delimiter, na_values=null, keep_default_na=False, low_memory=False)


def _with_labels(rows: pandas.DataFrame, stem: str, target: Any) -> pandas.DataFrame:
    """Returns the rows with the labels that a newer extract of the dataset has brought."""
    import pandas

    if target not in rows.columns or not os.path.exists(stem + ".labels.json"):
        return rows
    try:
        with open(stem + ".labels.json", encoding="utf-8") as file:
            labels = {label["row"]: label["cell"] for label in json.load(file)["labels"]}
        with open(stem + ".json", encoding="utf-8") as file:
            ranges = json.load(file)["rows"]["numbers"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise WindrowError(f"{stem}.labels.json cannot be read: {error}") from error
    numbers = [number for one in ranges for number in range(one["first"], one["last"] + 1, one.get("step", 1))]
    positions = [position for position, number in enumerate(numbers) if number in labels]
    column = rows[target].astype(object)
    column.iloc[positions] = [labels[numbers[position]] for position in positions]
    if pandas.api.types.is_numeric_dtype(rows[target]):
        try:
            column = pandas.to_numeric(column)
        except (ValueError, TypeError):
            pass
    return rows.assign(**{target: column})


def _with_times(rows: pandas.DataFrame, time: Dict[str, Any]) -> pandas.DataFrame:
    """Returns the rows with times in the time column. A text that is no time in that format leaves the column as it
    is."""
    import pandas

    name, form = time.get("column"), time.get("format") or ""
    if name in rows.columns and "%" in form and not pandas.api.types.is_datetime64_any_dtype(rows[name]):
        try:
            rows[name] = pandas.to_datetime(rows[name], format=form)
        except ValueError:
            pass
    return rows
