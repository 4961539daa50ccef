"""A learner of a pipeline: the program that `[train.command]` starts. It fits, scores and predicts for Windrow."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from . import _columns
from ._cache import Cache, stamp_of
from ._errors import WindrowError
from ._estimator import digest_of, name_of, share_machine, sow, versions_of
from ._learner_frame import Frames, Rows, Schema, frame_of, joined, read_window, rows_of_request, schema_of
from ._protocol import PROTOCOL, Channel, Unlearnable, in_words, member, serve, texts
from ._stored_model import PICKLE, StoredModel, read_model, write_model
from ._study import check, clone

if TYPE_CHECKING:
    import numpy
    import pandas

# The windows and the models that a worker keeps. A window is some megabytes; a model may be some kilobytes or, as a
# forest, hundreds of megabytes.
MAX_WINDOWS, MAX_WINDOW_BYTES = 4_096, 512 << 20
MAX_MODELS, MAX_MODEL_BYTES = 1_024, 512 << 20
# If the rarer class has fewer rows, an estimator that fails may only need more of them, as each fold of a
# cross-validation does.
FEW_ROWS = 20


def learner(estimator: Any) -> None:
    """Makes this program a learner of Windrow. Call it at the end of the program that ``[train.command]`` names.

    It answers the requests of ``windrow run``, ``train`` and ``serve`` on standard input, and returns at the end of
    them. What the program or its libraries print is Windrow's log.

    Each fit gets a copy of the estimator. Its seeds that are not set (``random_state``) get the seed of the fit. A
    column of text is a pandas category for LightGBM, XGBoost and HistGradientBoostingClassifier, and text for all
    others; a level that the fit has not seen is a missing value.

    Args:
        estimator: Anything with ``fit`` and ``predict_proba``: a classifier or a pipeline of scikit-learn, LightGBM,
            XGBoost, CatBoost. Once fitted, it must be possible to pickle it.

    Raises:
        SystemExit: Standard input has something other than requests.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        print(
            "windrow.learner: this program is started by Windrow: name it in [train.command] of a pipeline file, as in "
            f'run = ["python3", "{sys.argv[0]}"], and start `windrow run`',
            file=sys.stderr,
        )
    # If a library ends the process by a signal, the log says where.
    faulthandler.enable()
    channel = Channel()
    worker = _Worker(estimator)
    try:
        serve(channel, {name: getattr(worker, name) for name in ("hello", "fit", "score", "predict")})
    except BrokenPipeError:
        raise SystemExit("windrow.learner: Windrow has ended before this answer") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


class _Worker:
    """One process of a learner: its estimator, and what it keeps between requests."""

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator
        self._schema: Optional[Schema] = None
        self._versions: Dict[str, str] = {}
        self._handling, self._names = "plain", []
        self._forget()
        self._reported: set = set()

    def _forget(self) -> None:
        self._windows = Cache(MAX_WINDOWS, MAX_WINDOW_BYTES)
        self._models = Cache(MAX_MODELS, MAX_MODEL_BYTES)

    def hello(self, request: Dict[str, Any]) -> Dict[str, Any]:
        """Stores the schema, and returns the identity of this learner."""
        if request.get("protocol") != PROTOCOL:
            raise WindrowError(
                f"Windrow speaks version {request.get('protocol')!r} of the protocol, and the Python package windrow "
                f"speaks {PROTOCOL}: install them together, with pip install --force-reinstall windrow"
            )
        check(self._estimator)
        _import_libraries()
        # The first copy imports a library, too.
        clone(self._estimator)
        schema = schema_of(request.get("schema"))
        self._versions = versions_of(self._estimator)
        self._handling = _columns.handling_of(self._estimator)
        self._names = _columns.accepted_names(self._estimator, schema.names)
        answer = {"name": name_of(self._estimator), "versions": self._versions}
        answer["digest"] = digest_of(self._estimator, self._versions)
        self._schema = schema
        # They are kept in the order of the features.
        self._forget()
        return {"protocol": PROTOCOL, **answer}

    def fit(self, request: Dict[str, Any]) -> Dict[str, Any]:
        """Fits a copy of the estimator to the rows of some windows, and writes it to a folder."""
        schema = self._greeted()
        files = texts(request, "files", "a list of paths")
        folder = member(request, "folder", str, "a path")
        seed = member(request, "seed", int, "a whole number")
        levels = _levels(request, schema)
        if not files:
            raise WindrowError("fit needs `files`, a list of paths: it is empty")
        rows = joined([self._window(path) for path in files], schema, levels)
        _check_classes(rows, schema)
        frame = frame_of(rows, schema, self._names, is_text=self._handling == "plain")
        frame = _columns.prepare(frame, self._handling)
        training = _columns.Levels(self._handling, frame, _columns.most_levels(self._estimator))
        model = clone(self._estimator)
        sow(model, seed)
        share_machine(model, self._estimator)
        training.set_up(model)
        try:
            model.fit(training.training(), rows.labels, **training.fit_arguments(model))
        except Exception as error:
            explained = self._explained(error, rows)
            if explained is None:
                raise
            raise explained from error
        seen = training.by_column()
        by_name = dict(zip(schema.names, self._names))
        levels = {name: seen.get(by_name[name], known) for name, known in levels.items()}
        self._report_rare(rows.levels, levels)
        write_model(folder, StoredModel(model, self._handling, self._names, levels), schema.about, self._versions)
        return {}

    def score(self, request: Dict[str, Any]) -> Dict[str, Any]:
        """Writes the probabilities of a window, model after model."""
        schema = self._greeted()
        models = texts(request, "models", "a list of folders")
        path = member(request, "file", str, "a path")
        out = member(request, "out", str, "a path")
        frames = Frames(self._window(path), schema)
        with open(out, "wb") as file:
            for folder in models:
                file.write(self._probabilities(self._model(folder), frames).astype("<f8").tobytes())
        return {"rows": frames.rows.length}

    def predict(self, request: Dict[str, Any]) -> Dict[str, Any]:
        """Returns the probabilities of a few rows."""
        schema = self._greeted()
        folder = member(request, "folder", str, "a path")
        rows = rows_of_request(member(request, "rows", list, "a list of rows"), schema)
        return {"probabilities": self._probabilities(self._model(folder), Frames(rows, schema)).tolist()}

    def _greeted(self) -> Schema:
        """Returns the schema that `hello` brought.

        Raises:
            WindrowError: There was no `hello`.
        """
        if self._schema is None:
            raise WindrowError("the first request must be hello, and be answered")
        return self._schema

    def _window(self, path: str) -> Rows:
        try:
            stamp = stamp_of(path)
        except OSError as error:
            raise WindrowError(f"{path} cannot be read: {error.strerror}") from None
        window = self._windows.get(path, stamp)
        if window is None:
            window = read_window(path, self._greeted())
            self._windows.put(path, stamp, window, window.size)
        return window

    def _model(self, folder: str) -> StoredModel:
        try:
            stamp = stamp_of(os.path.join(folder, PICKLE))
        except OSError as error:
            raise WindrowError(f"{folder} has no {PICKLE}: {error.strerror}; train the model again") from None
        model = self._models.get(folder, stamp)
        if model is None:
            model = read_model(folder, self._greeted().about, self._versions)
            # The model may be from a worker with more threads. CatBoost refuses changes after a fit.
            with contextlib.suppress(Exception):
                share_machine(model.estimator, self._estimator)
            self._models.put(folder, stamp, model, stamp[0])
        return model

    def _probabilities(self, model: StoredModel, frames: Frames) -> numpy.ndarray:
        import numpy

        rows = frames.rows
        if rows.length == 0:
            # Estimators of scikit-learn refuse to predict nothing.
            return numpy.empty(0)

        def as_they_are() -> Optional[pandas.DataFrame]:
            # A step may take every text, but no missing value.
            is_new = any(set(rows.levels[name]).difference(model.levels[name]) for name in rows.levels)
            is_plain = model.handling == "plain"
            return frames.frame(model.handling, model.names, rows.levels) if is_plain and is_new else None

        known = frames.frame(model.handling, model.names, model.levels)
        try:
            predicted = _columns.predict_either(model.estimator, known, as_they_are)
        except Exception as error:
            advised = _with_advice(error, rows, model.handling)
            if advised is None:
                raise
            raise advised from error
        return _columns.probabilities(model.estimator, predicted, rows.length)

    def _explained(self, error: Exception, rows: Rows) -> Optional[Exception]:
        """Returns another error for that of a fit, if its reason is known."""
        fewest = min(int(rows.labels.sum()), rows.length - int(rows.labels.sum()))
        is_about_rows = isinstance(error, ValueError) or type(error).__name__ in ("CatBoostError", "LightGBMError")
        if fewest < FEW_ROWS and is_about_rows:
            return Unlearnable(f"one class has only {fewest} rows, and the estimator fails: {in_words(error)}")
        return _with_advice(error, rows, self._handling)

    def _report_rare(self, given: Dict[str, List[str]], kept: Dict[str, List[str]]) -> None:
        most = _columns.most_levels(self._estimator)
        for name in given:
            if most is not None and len(given[name]) > most and name not in self._reported:
                self._reported.add(name)
                print(
                    f"{name} has {len(given[name]):,} levels, and HistGradientBoostingClassifier takes {most}: the "
                    f"{len(kept[name])} most frequent ones count, and the others are missing values",
                    file=sys.stderr,
                )


def _with_advice(error: Exception, rows: Rows, handling: str) -> Optional[WindrowError]:
    """Returns the error of an estimator with what to do about its text; `None` if it is about something else."""
    text = str(error)
    if rows.levels and "could not convert string to float" in text:
        if handling != "plain":
            return WindrowError(f"{in_words(error)}; it takes no categories: install scikit-learn 1.4 or later")
        return WindrowError(
            f"{in_words(error)}; {', '.join(rows.levels)} have text: put a OneHotEncoder(handle_unknown='ignore') for "
            "them before the estimator, with make_column_transformer and make_pipeline of scikit-learn"
        )
    if "unknown categories" in text:
        return WindrowError(
            f"{in_words(error)}; a value that the fit has not seen is a missing value, and the fit had no missing one: "
            "give the encoder handle_unknown='ignore'"
        )
    return None


def _import_libraries() -> None:
    """Imports what each fit needs, so that the first one is not slower than others.

    Raises:
        WindrowError: A library is missing.
    """
    try:
        import numpy  # noqa: F401
        import pandas  # noqa: F401
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise WindrowError(f"windrow.learner needs pandas and pyarrow ({error}): pip install pandas pyarrow") from error


def _levels(request: Dict[str, Any], schema: Schema) -> Dict[str, List[str]]:
    """Returns the levels of each category, as the request has them.

    Raises:
        WindrowError: Those of a category are missing.
    """
    levels = member(request, "levels", dict, "the levels of each category")
    for name in schema.categories:
        known = levels.get(name)
        if not isinstance(known, list) or not all(isinstance(level, str) for level in known):
            raise WindrowError(f"fit needs `levels`, with a list of texts for {name!r}")
    return {name: levels[name] for name in schema.categories}


def _check_classes(rows: Rows, schema: Schema) -> None:
    """Raises `Unlearnable` if there are no rows of both classes."""
    if rows.length == 0:
        raise Unlearnable("there is no labelled row")
    positive = int(rows.labels.sum())
    if positive in (0, rows.length):
        value = "true" if positive else "false"
        raise Unlearnable(f"there is one class only: {schema.target!r} is {value} in all {rows.length:,} rows")
