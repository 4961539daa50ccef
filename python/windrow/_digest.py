"""The digest of a study: data, estimator and settings. Fits of another study have another digest, so they are never
mixed."""

from __future__ import annotations

import hashlib
import pickle
import sys
import types
from typing import TYPE_CHECKING, Any, Dict

if TYPE_CHECKING:
    import numpy
    import pandas


def study_digest(frame: pandas.DataFrame, estimator: Any, settings: Dict[str, Any]) -> str:
    """Returns the SHA-256, in hexadecimal, of everything that the predictions depend on."""
    digest = hashlib.sha256()
    for part in (_of_frame(frame), canonical(estimator), canonical(settings)):
        digest.update(hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest())
    return digest.hexdigest()


def _of_frame(frame: pandas.DataFrame) -> str:
    import pandas

    digest = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        try:
            values = pandas.util.hash_pandas_object(column, index=False).to_numpy()
        except TypeError:
            # Cells that cannot be hashed, such as lists.
            values = pandas.util.hash_pandas_object(column.map(repr), index=False).to_numpy()
        digest.update(f"{name!r} {column.dtype} ".encode("utf-8"))
        digest.update(values.tobytes())
    return digest.hexdigest()


def canonical(value: Any) -> str:
    """Returns a text that is the same for equal values in every process, and differs for different ones.

    An estimator is its class, the version of its library and its parameters. A value without a better form is pickled.
    A pickle may differ between processes, and then a fit is made again.
    """
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}[{','.join(canonical(item) for item in value)}]"
    if isinstance(value, (set, frozenset)):
        return f"set[{','.join(sorted(canonical(item) for item in value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(sorted(f'{canonical(key)}:{canonical(item)}' for key, item in value.items()))}}}"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, types.FunctionType):
        # The names and constants are part of the code: a function that was edited is another one.
        code = value.__code__
        body = hashlib.sha256(code.co_code).hexdigest()
        constants = [item for item in code.co_consts if not isinstance(item, types.CodeType)]
        return f"{value.__module__}.{value.__qualname__}:{body}{canonical(constants)}{canonical(code.co_names)}"
    if hasattr(value, "get_params") and not isinstance(value, type):
        return _of_object(value, value.get_params(deep=False))
    if hasattr(value, "dtype") and hasattr(value, "tobytes"):
        return _of_array(value)
    try:
        return hashlib.sha256(pickle.dumps(value, protocol=4)).hexdigest()
    except Exception:
        return _of_object(value, getattr(value, "__dict__", {}))


def _of_object(value: Any, parameters: Dict[str, Any]) -> str:
    module = sys.modules.get(type(value).__module__.partition(".")[0])
    version = getattr(module, "__version__", "")
    return f"{canonical(type(value))}@{version}{canonical(parameters)}"


def _of_array(array: numpy.ndarray) -> str:
    return f"{array.dtype}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"
