"""Finds the command ``windrow`` that belongs to this package, and runs it."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from typing import Iterator, List, Optional, Tuple

from ._errors import WindrowError


def find_binary() -> str:
    """Returns the path of the command ``windrow`` that was installed with this package.

    The places are those where uv and ruff look for theirs: the folder of scripts of this Python, that of the user, and
    the folder ``bin`` next to the package, which ``pip install --target`` fills. The PATH comes last.

    Raises:
        WindrowError: There is no such file, or none of them has the version of the package.
    """
    refused = None
    for path in _candidates():
        if os.path.isfile(path):
            try:
                _check_version(path)
            except WindrowError as error:
                # An older command in one of the first folders must not hide the right one in a later folder.
                refused = refused or error
            else:
                return path
    if refused is not None:
        raise refused
    places = "\n  ".join(dict.fromkeys(os.path.dirname(path) for path in _folders_of_scripts()))
    raise WindrowError(
        f"the command `windrow` is not in any of these folders, nor on the PATH:\n  {places}\n"
        "install the package again: pip install --force-reinstall windrow"
    )


def run(arguments: List[str], folder: Optional[str] = None) -> Tuple[str, str]:
    """Runs the command, and returns what it printed on both streams.

    Raises:
        WindrowError: The command failed. The text is the command's own.
    """
    done = subprocess.run(
        [find_binary(), *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # The command prints UTF-8, whatever the locale of this process.
    out, err = done.stdout.decode("utf-8"), done.stderr.decode("utf-8", "replace")
    if done.returncode != 0:
        raise WindrowError(err.strip() or f"`windrow {arguments[0]}` ended with exit code {done.returncode}")
    return out, err


def _candidates() -> Iterator[str]:
    yield from _folders_of_scripts()
    on_path = shutil.which("windrow")
    if on_path is not None:
        yield on_path


def _folders_of_scripts() -> Iterator[str]:
    """Yields the paths at which an installer may have put the command."""
    name = "windrow" + (sysconfig.get_config_var("EXE") or "")
    yield os.path.join(sysconfig.get_path("scripts"), name)
    # A virtual environment sees the packages of its base if it was made with --system-site-packages.
    yield os.path.join(sysconfig.get_path("scripts", vars={"base": sys.base_prefix}), name)
    yield os.path.join(sysconfig.get_path("scripts", scheme=_user_scheme()), name)
    beside = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in ("bin", "Scripts") if os.name == "nt" else ("bin",):
        yield os.path.join(beside, folder, name)


def _user_scheme() -> str:
    if sys.version_info >= (3, 10):
        return sysconfig.get_preferred_scheme("user")
    if os.name == "nt":
        return "nt_user"
    return "osx_framework_user" if sys.platform == "darwin" and sys._framework else "posix_user"


@functools.lru_cache(maxsize=None)
def _check_version(path: str) -> None:
    """Raises an error if the command is of another version than the package."""
    package = package_version()
    if package is None:
        return
    try:
        done = subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise WindrowError(f"{path} cannot be run: {error}; install the package again") from error
    first = (done.stdout.decode("utf-8", "replace").splitlines() or [""])[0]
    command = first.rpartition(" ")[2]
    if _release(command) != _release(package):
        raise WindrowError(
            f"{path} is windrow {command}, but the Python package is windrow {package}: "
            "install them together, with pip install --force-reinstall windrow"
        )


def package_version() -> Optional[str]:
    """Returns the version of the installed package; `None` if its source is used without installing it."""
    try:
        return importlib.metadata.version("windrow")
    except importlib.metadata.PackageNotFoundError:
        return None


def _release(version: str) -> str:
    """Returns a version in the form of Python's packages: Cargo writes 1.2.0-beta.3, and pip 1.2.0b3."""
    short = {"alpha": "a", "beta": "b", "rc": "rc"}
    return re.sub(r"-(alpha|beta|rc)\.?", lambda found: short[found.group(1)], version.strip())
