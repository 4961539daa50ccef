"""The rows that a worker gets: windows in Parquet files, or a few rows of a request. They become the frame of an
estimator.

A window is kept as arrays, with categories as codes, so that many windows are joined at the speed of memory.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Sequence

from ._columns import prepare
from ._errors import WindrowError

if TYPE_CHECKING:
    import numpy
    import pandas

NUMBERS = ("number", "logarithm")
KINDS = (*NUMBERS, "calendar", "category")
# The bytes of a text of Python, about.
SIZE_OF_TEXT = 64


class Feature(NamedTuple):
    """A feature of the pipeline."""

    name: str
    kind: str
    """One of `KINDS`."""


class Schema(NamedTuple):
    """The columns of a pipeline."""

    target: str
    features: List[Feature]

    @property
    def names(self) -> List[str]:
        """The names of the features."""
        return [feature.name for feature in self.features]

    @property
    def categories(self) -> List[str]:
        """The names of the features with text."""
        return [feature.name for feature in self.features if feature.kind == "category"]

    @property
    def about(self) -> List[List[str]]:
        """The features in the form of a model's file."""
        return [list(feature) for feature in self.features]


def schema_of(value: Any) -> Schema:
    """Returns the schema of a request.

    Raises:
        WindrowError: A part of it is missing or not known.
    """
    given = value if isinstance(value, dict) else {}
    target, features = given.get("target"), given.get("features")
    if not isinstance(target, str) or not isinstance(features, list) or not features:
        raise WindrowError("hello needs `schema`, with a target and a list of features")
    found = []
    for feature in features:
        name, kind = (feature.get("name"), feature.get("kind")) if isinstance(feature, dict) else (None, None)
        if not isinstance(name, str) or kind not in KINDS:
            raise WindrowError(f"hello: the feature {feature!r} needs a name, and a kind of {', '.join(KINDS)}")
        if name == target or name in [other.name for other in found]:
            raise WindrowError(f"hello: the schema has the name {name!r} twice")
        found.append(Feature(name, kind))
    return Schema(target, found)


class Rows(NamedTuple):
    """The rows of a window, or of several."""

    length: int
    columns: Dict[str, numpy.ndarray]
    """Numbers with NaN, calendar codes, and the codes of categories: places in `levels`, -1 if missing."""
    levels: Dict[str, List[str]]
    """The levels of each category."""
    labels: Optional[numpy.ndarray]
    """The labels, 0 or 1, of rows that have them."""

    @property
    def size(self) -> int:
        """The bytes in memory, about."""
        arrays = [*self.columns.values(), *([] if self.labels is None else [self.labels])]
        texts = (len(level) + SIZE_OF_TEXT for levels in self.levels.values() for level in levels)
        return sum(array.nbytes for array in arrays) + sum(texts)


def read_window(path: str, schema: Schema) -> Rows:
    """Returns the rows of a Parquet file.

    Raises:
        WindrowError: It cannot be read, or has other columns than the schema.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(path).read()
    except (OSError, pyarrow.ArrowException) as error:
        raise WindrowError(f"{path} cannot be read: {error}") from error
    expected = [*schema.names, schema.target]
    if table.column_names != expected:
        raise WindrowError(f"{path} has the columns {table.column_names}: those of the schema are {expected}")
    columns, levels = {}, {}
    for place, (name, kind) in enumerate(schema.features):
        column = table.column(place)
        _check_type(path, name, kind, column.type)
        if kind == "category":
            columns[name], levels[name] = _coded(column)
        else:
            # Missing values of whole numbers become NaN.
            column = column.cast(pyarrow.float64() if kind in NUMBERS else pyarrow.int32())
            columns[name] = column.to_numpy()
    labels = table.column(len(schema.features))
    if not pyarrow.types.is_boolean(labels.type) or labels.null_count:
        raise WindrowError(f"{path}: the label {schema.target!r} must be true or false in every row")
    return Rows(len(table), columns, levels, labels.cast(pyarrow.int8()).to_numpy())


def _check_type(path: str, name: str, kind: str, found: Any) -> None:
    from pyarrow import types

    if kind == "category":
        text = found.value_type if types.is_dictionary(found) else found
        fits = types.is_string(text) or types.is_large_string(text)
    else:
        fits = types.is_integer(found) or (kind in NUMBERS and types.is_floating(found))
    if not fits:
        raise WindrowError(f"{path}: the column {name!r} has values of the type {found}, and is a {kind}")


def _coded(column: Any) -> tuple:
    """Returns a column of text as codes, and its levels."""
    import pyarrow

    # `combine_chunks` of no chunk gives no dictionary in every version.
    whole = pyarrow.concat_arrays(column.cast(pyarrow.string()).chunks or [pyarrow.array([], pyarrow.string())])
    coded = whole.dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes, coded.dictionary.to_pylist()


def rows_of_request(rows: Sequence[Any], schema: Schema) -> Rows:
    """Returns the rows of a request. A feature that a row does not have, or that is null, is missing.

    Raises:
        WindrowError: A value is not of the type of its feature, or of no feature.
    """
    import numpy

    names = set(schema.names)
    for place, row in enumerate(rows, 1):
        other = next((name for name in row if name not in names), None) if isinstance(row, dict) else row
        if other is not None:
            raise WindrowError(f"row {place}: {other!r} is not a feature")
    columns, levels = {}, {}
    for name, kind in schema.features:
        cells = [row.get(name) for row in rows]
        for place, cell in enumerate(cells, 1):
            if cell is not None and not _fits(cell, kind):
                raise WindrowError(f"row {place}: {name!r} is {cell!r}, and must be a {kind} or null")
        if kind == "category":
            levels[name] = sorted({cell for cell in cells if cell is not None})
            code = {level: code for code, level in enumerate(levels[name])}
            columns[name] = numpy.array([-1 if cell is None else code[cell] for cell in cells], dtype="int32")
        else:
            dtype = "int32" if kind == "calendar" and None not in cells else "float64"
            columns[name] = numpy.array([math.nan if cell is None else cell for cell in cells], dtype=dtype)
    return Rows(len(rows), columns, levels, None)


def _fits(cell: Any, kind: str) -> bool:
    """Returns whether a value of JSON can be one of a feature."""
    if kind == "category":
        return isinstance(cell, str) and _is_utf8(cell)
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        return False
    if kind == "calendar":
        return isinstance(cell, int) and -(2**31) <= cell < 2**31
    return abs(cell) <= 1.7976931348623157e308


def _is_utf8(text: str) -> bool:
    """Returns whether a text can be stored. JSON can have half of a pair of surrogates."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def joined(windows: Sequence[Rows], schema: Schema, levels: Dict[str, List[str]]) -> Rows:
    """Returns the rows of all windows, in their order, with the codes of other levels. A level that is not one of them
    becomes a missing value."""
    import numpy

    columns = {}
    for name, kind in schema.features:
        parts = [window.columns[name] for window in windows]
        if kind == "category":
            code = {level: code for code, level in enumerate(levels[name])}
            # The last code is that of a missing value, whose place is -1.
            codes = [[code.get(level, -1) for level in window.levels[name]] + [-1] for window in windows]
            parts = [numpy.array(known, dtype="int32")[part] for known, part in zip(codes, parts)]
        columns[name] = numpy.concatenate(parts)
    with_labels = all(window.labels is not None for window in windows)
    labels = numpy.concatenate([window.labels for window in windows]) if with_labels else None
    return Rows(sum(window.length for window in windows), columns, levels, labels)


def frame_of(rows: Rows, schema: Schema, names: Sequence[str], is_text: bool) -> pandas.DataFrame:
    """Returns the features as a frame whose columns have these names. Categories are text, as pandas reads it, or
    pandas categories with exactly the levels of `rows`."""
    import pandas

    columns = {}
    for name, feature in zip(names, schema.features):
        column = rows.columns[feature.name]
        if feature.kind == "category":
            levels = rows.levels[feature.name]
            if is_text:
                column = _text(column, levels)
            else:
                column = pandas.Categorical.from_codes(column, dtype=pandas.CategoricalDtype(levels))
        columns[name] = column
    # The arrays belong to this frame only.
    return pandas.DataFrame(columns, index=pandas.RangeIndex(rows.length), copy=False)


class Frames:
    """The rows of a request, as the frames of its models. Models with the same levels share one."""

    def __init__(self, rows: Rows, schema: Schema) -> None:
        self.rows = rows
        self._schema = schema
        self._last: Any = (None, None)

    def frame(self, handling: str, names: List[str], levels: Dict[str, List[str]]) -> pandas.DataFrame:
        """Returns a copy of the rows, which an estimator may change."""
        key = (handling, names, levels)
        if self._last[0] != key:
            known = joined([self.rows], self._schema, levels)
            frame = frame_of(known, self._schema, names, is_text=handling == "plain")
            self._last = (key, prepare(frame, handling))
        return self._last[1].copy()


def _text(codes: numpy.ndarray, levels: List[str]) -> Any:
    import pyarrow

    indices = pyarrow.array(codes, pyarrow.int32(), mask=codes < 0)
    coded = pyarrow.DictionaryArray.from_arrays(indices, pyarrow.array(levels, pyarrow.string()))
    return coded.dictionary_decode().to_pandas()
