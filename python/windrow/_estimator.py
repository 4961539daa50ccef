"""An estimator seen from outside: its name, the versions of its libraries, the digest of its code, seeds, threads."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import os
import platform
import random
import sys
from typing import Any, Dict, Iterator, Tuple

from ._binary import package_version
from ._code import own_code
from ._digest import canonical

SEEDS = ("random_state", "random_seed", "seed")
# The names of the number of threads, for the libraries that do not read `OMP_NUM_THREADS`. The first one is set.
THREADS = {
    "lightgbm": ("n_jobs", "num_threads", "num_thread", "nthread", "nthreads"),
    "catboost": ("thread_count",),
}
# Imported by every worker, whatever its estimator.
LIBRARIES = ("numpy", "pandas", "pyarrow")


def parts(estimator: Any) -> Iterator[Tuple[str, Any]]:
    """Yields an estimator and those inside it, each with the prefix of its parameters' names."""
    yield "", estimator
    for name, value in _parameters(estimator, True).items():
        if hasattr(value, "get_params") and not isinstance(value, type):
            yield name + "__", value


def name_of(estimator: Any) -> str:
    """Returns the name of an estimator, as in `lightgbm.LGBMClassifier`. One inside it is in parentheses: the last of a
    pipeline, or the one that a search or a calibration is built around."""
    name, inner, depth = [], estimator, 0
    while inner is not None and depth < 5:
        name.append(f"{_library(inner)}.{type(inner).__name__}")
        steps = getattr(inner, "steps", None)
        inner = steps[-1][-1] if isinstance(steps, list) and steps else getattr(inner, "estimator", None)
        depth += 1
    return "(".join(name) + ")" * (len(name) - 1)


def versions_of(estimator: Any) -> Dict[str, str]:
    """Returns the versions of Python, of this package, and of the libraries of the estimator and its parts."""
    found = {"python": platform.python_version()}
    package = package_version()
    if package is not None:
        found["windrow"] = package
    libraries = {type(part).__module__.partition(".")[0] for _, part in parts(estimator)}
    for library in sorted({*LIBRARIES, *libraries} - {"__main__", "builtins", "windrow"}):
        version = getattr(sys.modules.get(library), "__version__", None) or _installed(library)
        if version is not None:
            found[library] = str(version)
    return found


def _installed(library: str) -> Any:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def decisive(versions: Dict[str, str]) -> Dict[str, str]:
    """Returns those parts of the versions that decide what a model is, and whether its pickle is read: 3.12 of Python
    3.12.4, and not the versions of this package and of pyarrow."""
    found = {library: version for library, version in versions.items() if library not in ("windrow", "pyarrow")}
    if "python" in found:
        found["python"] = ".".join(found["python"].split(".")[:2])
    return found


def digest_of(estimator: Any, versions: Dict[str, str]) -> str:
    """Returns the SHA-256, in hexadecimal, of the estimator with its parameters, of the versions of its libraries, and of
    the code: the file that was started, and the modules of its folder that it imports."""
    digest = hashlib.sha256(canonical(estimator).encode("utf-8", "surrogatepass"))
    for library, version in sorted(decisive(versions).items()):
        digest.update(f"\n{library} {version}".encode("utf-8", "surrogatepass"))
    for name, path in sorted(own_code().items()):
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
        digest.update(f"\n{name} {content}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def sow(estimator: Any, seed: int) -> None:
    """Sets the seed of each part of an estimator that has none, and those of Python and numpy."""
    import numpy

    random.seed(seed)
    numpy.random.seed(seed)
    if not hasattr(estimator, "set_params"):
        for name in SEEDS:
            if getattr(estimator, name, seed) is None:
                setattr(estimator, name, seed)
        return
    unset = {}
    for prefix, part in parts(estimator):
        given = _parameters(part, False)
        names = [name for name in SEEDS if name in given and given[name] is None]
        # CatBoost lists only those parameters that were given.
        if not set(SEEDS) & set(given) and "random_seed" in _arguments(part):
            names = ["random_seed"]
        unset.update({prefix + name: seed for name in names})
    if unset:
        estimator.set_params(**unset)


def share_machine(estimator: Any, template: Any) -> None:
    """Sets what several workers on one machine need, in each part of an estimator that leaves it open in `template`.

    The number of threads is `OMP_NUM_THREADS` for the libraries that do not read it: LightGBM and CatBoost would use
    every core in each worker. CatBoost writes no files, which would be in the folder of the pipeline.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    threads = int(first) if first.isdecimal() else 0
    unset = {}
    for prefix, part in parts(template):
        library, given = _library(part), _parameters(part, False)
        names = THREADS.get(library, ())
        if threads and names and all(given.get(name) is None for name in names):
            unset[prefix + names[0]] = threads
        if library == "catboost" and given.get("allow_writing_files") is None:
            unset[prefix + "allow_writing_files"] = False
    if unset:
        estimator.set_params(**unset)


def _parameters(estimator: Any, deep: bool) -> Dict[str, Any]:
    return estimator.get_params(deep=deep) if hasattr(estimator, "get_params") else {}


def _arguments(part: Any) -> Any:
    try:
        return inspect.signature(type(part).__init__).parameters
    except (TypeError, ValueError):
        return {}


def _library(value: Any) -> str:
    """Returns the name of the library of an object; for one of the program itself, the name of its file."""
    library = type(value).__module__.partition(".")[0]
    if library != "__main__":
        return library
    script = getattr(sys.modules.get("__main__"), "__file__", None) or "__main__"
    return os.path.splitext(os.path.basename(script))[0]
