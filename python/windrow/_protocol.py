"""The worker's end of the protocol between Windrow and a learner: lines of JSON on standard input and output.

Only answers are written to the real standard output. Everything else that prints, in Python or below it, prints to
standard error, which Windrow takes as the log. This module knows nothing of estimators.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from typing import Any, Callable, Dict, Optional, Set

from ._errors import WindrowError

PROTOCOL = 1
# The bytes of a line, without its end.
MAX_LINE = 1 << 20
# The characters of an error's message.
MAX_MESSAGE = 2_000

Method = Callable[[Dict[str, Any]], Dict[str, Any]]


# The descriptors of the channel.
_OURS: Set[int] = set()


def _close_in_child() -> None:
    """Closes the pipes in a forked child, which would keep them open after the worker has ended."""
    while _OURS:
        with contextlib.suppress(OSError):
            os.close(_OURS.pop())


if hasattr(os, "register_at_fork"):
    # Python 3.8 and 3.9 crash at their end if this is a method of an object with a file.
    os.register_at_fork(after_in_child=_close_in_child)


class Unlearnable(Exception):
    """Nothing can be learned from these rows. The text says why."""


class Channel:
    """The requests and the answers. It takes the place of standard input and output from everything else."""

    def __init__(self) -> None:
        # Duplicates are not inherited by programs that a library starts.
        self._requests = os.fdopen(os.dup(0), "rb")
        self._answers = os.dup(1)
        self._owner = os.getpid()
        os.dup2(2, 1)
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.close(empty)
        # The log is complete if the process is killed.
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(line_buffering=True)
                stream.flush()
        _OURS.update((self._requests.fileno(), self._answers))
        # A library may have printed half of a line while it was imported.
        self._write(b"\n")

    def read(self) -> Optional[Dict[str, Any]]:
        """Returns the next request; `None` at the end.

        Raises:
            SystemExit: A line is not a request, so there is no request to answer.
        """
        line = self._requests.readline(MAX_LINE + 1)
        if not line:
            return None
        if len(line) > MAX_LINE and not line.endswith(b"\n"):
            raise SystemExit(f"windrow.learner: a request is longer than {MAX_LINE:,} bytes; the worker ends")
        try:
            request = json.loads(line.decode("utf-8"), parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise SystemExit(f"windrow.learner: {_start(line)} is not JSON ({error}); the worker ends") from None
        number = request.get("id") if isinstance(request, dict) else None
        if not isinstance(number, int) or isinstance(number, bool):
            raise SystemExit(f"windrow.learner: {_start(line)} has no `id`, a whole number; the worker ends")
        return request

    def answer(self, number: int, result: Dict[str, Any]) -> None:
        """Answers a request."""
        line = _line({"id": number, "result": result})
        if len(line) > MAX_LINE:
            self.refuse(number, "failed", f"the answer is longer than {MAX_LINE:,} bytes: ask for fewer rows")
        else:
            self._write(line + b"\n")

    def refuse(self, number: int, kind: str, message: str) -> None:
        """Answers a request with an error: `unlearnable` or `failed`."""
        # Half of a pair of surrogates is not a text in other languages.
        text = message[:MAX_MESSAGE].encode("utf-8", "replace").decode("utf-8")
        self._write(_line({"id": number, "error": {"kind": kind, "message": text}}) + b"\n")

    def _write(self, line: bytes) -> None:
        if os.getpid() != self._owner:
            # A child of `os.fork` that came back from an estimator.
            os._exit(1)
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._answers, rest) :]


def serve(channel: Channel, methods: Dict[str, Method]) -> None:
    """Answers the requests of a channel, one after another, until it ends.

    Raises:
        SystemExit: A line is not a request.
    """
    while True:
        request = channel.read()
        if request is None:
            return
        number = request["id"]
        try:
            result = _call(methods, request)
        except (Unlearnable, WindrowError) as error:
            if error.__cause__ is not None:
                traceback.print_exc()
            channel.refuse(number, "unlearnable" if isinstance(error, Unlearnable) else "failed", str(error))
        except (Exception, SystemExit) as error:
            # A library may call `sys.exit`. The message has the error only; the log has the place.
            traceback.print_exc()
            channel.refuse(number, "failed", in_words(error))
        else:
            channel.answer(number, result)


def _call(methods: Dict[str, Method], request: Dict[str, Any]) -> Dict[str, Any]:
    name = request.get("method")
    if not isinstance(name, str) or name not in methods:
        raise WindrowError(f"there is no method {name!r}: this worker has {', '.join(methods)}")
    return methods[name](request)


def member(request: Dict[str, Any], name: str, kind: type, meaning: str) -> Any:
    """Returns a member of a request.

    Raises:
        WindrowError: It is missing, or of another type.
    """
    value = request.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise WindrowError(f"{request.get('method')} needs `{name}`, {meaning}")
    return value


def texts(request: Dict[str, Any], name: str, meaning: str) -> list:
    """Returns a member of a request that is a list of texts.

    Raises:
        WindrowError: It is missing, or has other items.
    """
    found = member(request, name, list, meaning)
    if not all(isinstance(text, str) for text in found):
        raise WindrowError(f"{request.get('method')} needs `{name}`, {meaning}")
    return found


def in_words(error: BaseException) -> str:
    """Returns the type of an error and its text."""
    try:
        text = str(error)
    except Exception:
        text = "its text cannot be made"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line(value: Dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def _start(line: bytes) -> str:
    """Returns the beginning of a line, for messages."""
    text = line[:60].decode("utf-8", "replace").strip()
    return repr(text + ("..." if len(line) > 60 else ""))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number in JSON")
