"""A fitted model in a folder: `model.pickle` has the estimator, `model.json` what its rows must look like.

A folder may be copied to another place. It is read only with the versions of the libraries that made it, since a
pickle of other versions may be read without an error and predict something else.
"""

from __future__ import annotations

import json
import os
import pickle
from typing import Any, Dict, List, NamedTuple

from ._errors import WindrowError
from ._estimator import decisive
from ._protocol import in_words

FORMAT = 1
PICKLE = "model.pickle"
DESCRIPTION = "model.json"


class StoredModel(NamedTuple):
    """A fitted estimator with what its rows must look like."""

    estimator: Any
    handling: str
    """How it takes text: see `_columns.handling_of`."""
    names: List[str]
    """The names of its columns."""
    levels: Dict[str, List[str]]
    """The levels of each category in the fit."""


def write_model(folder: str, model: StoredModel, features: List[List[str]], versions: Dict[str, str]) -> None:
    """Writes a model to a folder that exists.

    Raises:
        WindrowError: The estimator cannot be pickled.
    """
    with open(os.path.join(folder, PICKLE), "wb") as file:
        try:
            pickle.dump(model.estimator, file, protocol=4)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise WindrowError(
                f"the fitted estimator cannot be stored: {in_words(error)}; give each function a name, outside of "
                "other functions, and keep open files and connections out of it"
            ) from error
    about = {
        "format": FORMAT,
        "versions": versions,
        "classes": [int(value) for value in getattr(model.estimator, "classes_", [])],
        "handling": model.handling,
        "features": features,
        "names": model.names,
        "levels": model.levels,
    }
    with open(os.path.join(folder, DESCRIPTION), "w", encoding="utf-8") as file:
        json.dump(about, file)


def read_model(folder: str, features: List[List[str]], versions: Dict[str, str]) -> StoredModel:
    """Reads a model.

    Raises:
        WindrowError: The folder has no model, or one of other features or of other versions of the libraries.
    """
    try:
        with open(os.path.join(folder, DESCRIPTION), encoding="utf-8") as file:
            about = json.load(file)
        if about["format"] != FORMAT:
            raise WindrowError(
                f"the model in {folder} has the format {about['format']!r}, and this version of windrow reads "
                f"{FORMAT}: train it again"
            )
        _check_versions(folder, about["versions"], versions)
        if about["features"] != features:
            raise WindrowError(f"the model in {folder} was made for other features: train it again")
        with open(os.path.join(folder, PICKLE), "rb") as file:
            estimator = pickle.load(file)
        return StoredModel(estimator, about["handling"], about["names"], about["levels"])
    except WindrowError:
        raise
    except Exception as error:
        # Bytes that are not a pickle raise errors of any type.
        raise WindrowError(f"the model in {folder} cannot be read: {in_words(error)}; train it again") from error


def _check_versions(folder: str, made: Dict[str, str], present: Dict[str, str]) -> None:
    current = decisive(present)
    for library, version in decisive(made).items():
        if version == current.get(library):
            continue
        here = present.get(library)
        found = f"this is {library} {here}" if here else f"this learner does not use {library}"
        raise WindrowError(
            f"the model in {folder} was made with {library} {made[library]}, and {found}: install that version, or train "
            "the model again"
        )
