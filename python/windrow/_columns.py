"""The columns of a frame: the target as 0 and 1, the features, and categories whose levels belong to one fit."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, Optional, Sequence, Tuple

from ._errors import WindrowError

if TYPE_CHECKING:
    import numpy
    import pandas


def to_pandas(frame: Any) -> pandas.DataFrame:
    """Returns a frame of pandas, polars or pyarrow as one of pandas.

    Raises:
        WindrowError: pandas is not installed, or the argument is not a frame.
    """
    try:
        import pandas
    except ImportError as error:
        raise WindrowError("windrow.advise needs pandas: pip install pandas") from error
    if isinstance(frame, pandas.DataFrame):
        return frame
    if hasattr(frame, "to_pandas"):
        return frame.to_pandas()
    raise WindrowError(
        f"frame must be a DataFrame of pandas or polars, or a table of pyarrow, not {type(frame).__name__}"
    )


def labels(column: pandas.Series, positive: Any = None) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """Returns the labels as 0 and 1, and a mask of the rows that have one.

    The positive class is `positive`, or else `True` or 1, or else the second of the two classes in order, as in
    `classes_[1]` of scikit-learn.

    Raises:
        WindrowError: There are more than two classes, or `positive` is not one of them.
    """
    has_label = column.notna().to_numpy(dtype=bool)
    known = column[has_label]
    classes = sorted(known.unique().tolist(), key=lambda value: (str(type(value)), value))
    if len(classes) > 2:
        shown = ", ".join(repr(value) for value in classes[:4])
        raise WindrowError(
            f"target {column.name!r} has {len(classes)} classes ({shown}, ...): Windrow judges two. Make a column of "
            f"True and False, as in frame[{column.name!r}] >= 15"
        )
    if positive is None:
        # A target of one class may have no positive row.
        positive = next((value for value in classes if value in (True, 1)), classes[-1] if len(classes) == 2 else True)
    elif positive not in classes:
        raise WindrowError(f"target {column.name!r} never is positive={positive!r}: its classes are {classes}")
    values = (column == positive).fillna(False).to_numpy(dtype=bool) & has_label
    return values.astype("int8"), has_label


def seconds_and_times(column: pandas.Series) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """Returns the times of a column in whole seconds since 1970, for the windows, and in microseconds.

    A time without a zone is in UTC, as in a pipeline.

    Raises:
        WindrowError: The column has no times, or one is missing.
    """
    import pandas
    from pandas.api import types

    if types.is_numeric_dtype(column):
        raise WindrowError(
            f"time {column.name!r} has numbers: convert them first, as in "
            f"pandas.to_datetime(frame[{column.name!r}], unit='s')"
        )
    is_date = types.is_object_dtype(column) and isinstance(next(iter(column.dropna()), None), datetime.date)
    try:
        times = pandas.to_datetime(column.astype(str) if is_date else column, utc=True)
    except (ValueError, TypeError) as error:
        raise WindrowError(f"time {column.name!r} cannot be read: {error}; use pandas.to_datetime first") from error
    missing = times.isna().to_numpy()
    if missing.any():
        raise WindrowError(
            f"time {column.name!r} is missing in {missing.sum()} rows, the first at position {missing.argmax()}: leave "
            "these rows out"
        )
    plain = times.dt.tz_localize(None).to_numpy()
    micros = plain.astype("datetime64[us]").astype("int64")
    return micros // 1_000_000, micros


def features_of(
    frame: pandas.DataFrame, target: str, time: Optional[str], features: Optional[Sequence[str]], drop: Sequence[str]
) -> list:
    """Returns the names of the features: those that are given, or all columns but the target, the time and `drop`.

    Raises:
        WindrowError: A column does not exist or is there twice, the target is a feature, or there is no feature.
    """
    columns = list(frame.columns)
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise WindrowError(f"the frame has several columns with the name {twice!r}: rename them")
    named = [("target", [target]), ("time", [time] if time else []), ("features", features or []), ("drop", drop)]
    for argument, names in named:
        for name in names:
            if name not in columns:
                shown = ", ".join(str(column) for column in columns[:12]) + (", ..." if len(columns) > 12 else "")
                raise WindrowError(f"{argument}: there is no column {name!r}; the columns are {shown}")
    left_out = {target, *drop} | (set() if features else {time})
    chosen = [column for column in (features or columns) if column not in left_out]
    if features and target in features:
        raise WindrowError(f"features: {target!r} is the target")
    if not chosen:
        raise WindrowError("there is no column to learn from, besides the target and the time")
    return chosen


def handling_of(estimator: Any, is_native: Optional[bool] = None) -> str:
    """Returns how an estimator takes texts and categories.

    - `category`: it learns from pandas categories, and fails on text and on levels that it does not know.
    - `catboost`: it learns from text, and needs the names of these columns.
    - `plain`: it gets the columns as they are.

    `is_native` chooses between the first and the last. An estimator around another one, such as a search, is handled as
    the inner one; a pipeline of scikit-learn gets the columns as they are.
    """
    if is_native is not None:
        return "category" if is_native else "plain"
    for library, _ in _insides(estimator):
        if library == "catboost":
            return "catboost"
        if library in ("lightgbm", "xgboost", _HISTOGRAM_TREES):
            return "category"
    return "plain"


def most_levels(estimator: Any) -> Optional[int]:
    """Returns the number of levels that an estimator takes in a category; `None` if there is no limit."""
    for library, inner in _insides(estimator):
        if library == _HISTOGRAM_TREES:
            return min(getattr(inner, "max_bins", 255), 255)
    return None


def accepted_names(estimator: Any, names: Sequence[str]) -> list:
    """Returns the names of columns in a form that the estimator's library takes: LightGBM and XGBoost refuse some
    characters. Names that are taken stay as they are."""
    pattern = next((_REFUSED[library] for library, _ in _insides(estimator) if library in _REFUSED), None)
    if pattern is None:
        return list(names)
    taken = {name for name in names if not pattern.search(name)}
    found = []
    for name in names:
        if name not in taken:
            plain, number = pattern.sub("_", name), 2
            name = plain
            while name in taken:
                name, number = f"{plain}_{number}", number + 1
            taken.add(name)
        found.append(name)
    return found


_HISTOGRAM_TREES = "HistGradientBoostingClassifier"
# LightGBM makes underscores of spaces, and then refuses names that are equal.
_REFUSED = {"lightgbm": re.compile(r"""[\s",:\[\]{}]"""), "xgboost": re.compile(r"[\[\]<]")}


def _insides(estimator: Any) -> Iterator[Tuple[str, Any]]:
    """Yields an estimator and those that it is built around, the outer one first, each with the name of its library.
    That of scikit-learn's histogram trees is their class."""
    inner, depth = estimator, 0
    while inner is not None and depth < 5:
        module, name = type(inner).__module__.partition(".")[0], type(inner).__name__
        yield (_HISTOGRAM_TREES if name == _HISTOGRAM_TREES else module), inner
        inner, depth = getattr(inner, "estimator", None), depth + 1


def prepare(features: pandas.DataFrame, handling: str) -> pandas.DataFrame:
    """Returns the features in the form that every fit starts from."""
    if handling == "plain":
        return features
    changed = {name: _as_float(features[name]) for name in features.columns if _is_nullable_number(features[name])}
    for name in _discrete(features):
        if handling == "catboost":
            # CatBoost refuses missing values among categories.
            changed[name] = features[name].astype(object).fillna("").map(str)
        else:
            changed[name] = _as_category(features[name])
    return _replaced(features, changed) if changed else features


def _as_category(column: pandas.Series) -> pandas.Series:
    """Returns a column as a category whose levels are of one type: whole numbers or texts. XGBoost and scikit-learn
    refuse others."""
    from pandas.api import types

    if isinstance(column.dtype, _category_type()):
        categories = column.cat.categories
        is_simple = isinstance(categories.dtype, _numpy_dtype()) and types.is_integer_dtype(categories.dtype)
        if is_simple or all(type(value) is str for value in categories):
            return column
    values = column.astype(object)
    return values.map(str).where(column.notna(), None).astype("category")


def _is_nullable_number(column: pandas.Series) -> bool:
    """Returns whether a column has numbers or truth values of a type that may be missing without being NaN, such as
    `Int64` or those of pyarrow. Not every library reads them."""
    from pandas.api import types

    is_number = types.is_numeric_dtype(column) or types.is_bool_dtype(column)
    is_category = isinstance(column.dtype, _category_type())
    return is_number and not is_category and not isinstance(column.dtype, _numpy_dtype())


def _as_float(column: pandas.Series) -> pandas.Series:
    import pandas

    return pandas.Series(column.to_numpy(dtype="float64", na_value=float("nan")), index=column.index)


def _replaced(rows: pandas.DataFrame, columns: Dict[Any, Any]) -> pandas.DataFrame:
    """Returns the rows with other values in some columns. The names may be of any type."""
    rows = rows.copy(deep=False)
    for name, values in columns.items():
        rows[name] = values
    return rows


def _discrete(features: pandas.DataFrame) -> list:
    """Returns the names of the columns with text or categories."""
    from pandas.api import types

    def is_discrete(column: pandas.Series) -> bool:
        is_text = types.is_object_dtype(column) or types.is_string_dtype(column)
        return is_text or isinstance(column.dtype, _category_type())

    return [name for name in features.columns if is_discrete(features[name])]


def _category_type() -> type:
    import pandas

    return pandas.CategoricalDtype


def _numpy_dtype() -> type:
    import numpy

    return numpy.dtype


class Levels:
    """The levels of each category in the rows of one fit. Rows to predict get the same levels; a level that the fit has
    not seen becomes a missing value. If an estimator takes only `most` levels, so do the rarest ones."""

    def __init__(self, handling: str, training: pandas.DataFrame, most: Optional[int] = None) -> None:
        self._handling = handling
        self._training = training
        self._levels: Dict[str, Any] = {}
        if handling == "category":
            for name in _discrete(training):
                levels = _used_levels(training[name], most)
                # XGBoost fails on a category without levels.
                self._levels[name] = levels if len(levels) else [""]

    def by_column(self) -> Dict[str, list]:
        """Returns the levels of each column that the fit gets as a category. A stored model needs them."""
        return {name: list(levels) for name, levels in self._levels.items()}

    def training(self) -> pandas.DataFrame:
        """Returns the rows to fit."""
        rows = self._with_levels(self._training)
        if self._handling == "plain":
            return rows
        # No tree splits a constant, so these columns are ignored. The bins of scikit-learn fail without any value.
        empty = [name for name in rows.columns if name not in self._levels and rows[name].isna().all()]
        return _replaced(rows, dict.fromkeys(empty, 0.0)) if empty else rows

    def set_up(self, model: Any) -> None:
        """Sets the parameters without which XGBoost, and histogram trees of scikit-learn 1.4 and 1.5, refuse
        categories, also of an estimator inside another one."""
        if not self._levels or not hasattr(model, "get_params"):
            return
        parameters = model.get_params()
        changed: Dict[str, Any] = {}
        for name, value in parameters.items():
            if _last_part(name) == "enable_categorical" and not value:
                changed[name] = True
            elif _last_part(name) == "categorical_features" and isinstance(value, str) and value == "warn":
                changed[name] = "from_dtype"
        if changed:
            model.set_params(**changed)

    def fit_arguments(self, model: Any) -> Dict[str, Any]:
        """Returns further arguments of `fit`."""
        if self._handling != "catboost":
            return {}
        parameters = model.get_params() if hasattr(model, "get_params") else {}
        is_chosen = any(_last_part(name) == "cat_features" and parameters[name] is not None for name in parameters)
        names = _discrete(self._training)
        return {"cat_features": names} if names and not is_chosen else {}

    def predict(self, model: Any, rows: pandas.DataFrame) -> Any:
        """Returns `predict_proba` of rows. If it fails on levels that the fit has not seen, they become missing."""
        if self._handling != "plain":
            return model.predict_proba(self._with_levels(rows))
        return predict_either(model, rows, lambda: self._without_new_levels(rows))

    def _with_levels(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        if not self._levels:
            return rows
        return _replaced(rows, {name: rows[name].cat.set_categories(levels) for name, levels in self._levels.items()})

    def _without_new_levels(self, rows: pandas.DataFrame) -> Optional[pandas.DataFrame]:
        """Returns the rows with unseen levels as missing values; `None` if there is no such level."""
        changed = {}
        for name in _discrete(rows):
            is_seen = rows[name].isin(self._training[name].unique()) | rows[name].isna()
            if not is_seen.all():
                changed[name] = rows[name].where(is_seen)
        return _replaced(rows, changed) if changed else None


def _used_levels(column: pandas.Series, most: Optional[int]) -> Any:
    """Returns the levels that the rows of a category have, in their order: at most `most`, those that most rows have.
    Of equally frequent ones, the first are kept."""
    import numpy

    levels, codes = column.cat.categories, column.cat.codes.to_numpy()
    # Counting is much faster than pandas' `remove_unused_categories`, which sorts the rows.
    counts = numpy.bincount(codes[codes >= 0], minlength=len(levels))
    used = numpy.flatnonzero(counts)
    if most is not None and len(used) > most:
        used = numpy.sort(used[numpy.argsort(-counts[used], kind="stable")[:most]])
    return levels[used]


def predict_either(model: Any, rows: pandas.DataFrame, other: Callable[[], Optional[pandas.DataFrame]]) -> Any:
    """Returns `predict_proba` of rows. If that fails, and there is another form of them, the result for that form."""
    try:
        return model.predict_proba(rows)
    except Exception as error:
        again = other()
        if again is None:
            raise
        try:
            return model.predict_proba(again)
        except Exception:
            raise error from None


def _last_part(parameter: str) -> str:
    """Returns the name of a parameter without those of the estimators around it."""
    return parameter.rpartition("__")[2]


def probabilities(model: Any, predicted: Any, rows: int) -> numpy.ndarray:
    """Returns the probability of the positive class, label 1, from the result of `predict_proba`.

    Raises:
        WindrowError: The result has another shape, or is not a probability.
    """
    import numpy

    values = numpy.asarray(predicted, dtype="float64")
    if values.ndim == 2:
        classes = [int(value) for value in getattr(model, "classes_", [])]
        if len(classes) == values.shape[1]:
            values = values[:, classes.index(1)] if 1 in classes else numpy.zeros(len(values))
        elif values.shape[1] == 2:
            values = values[:, 1]
    if values.shape != (rows,):
        raise WindrowError(f"predict_proba returned the shape {values.shape} for {rows} rows: two columns are expected")
    if not ((values >= 0.0) & (values <= 1.0)).all():
        raise WindrowError("predict_proba returned values that are not between 0 and 1")
    return values
