"""Cuts rows into windows, by the rules of the pipeline file.

The spans are those of `crates/windrow-config/src/span.rs`: weeks from Monday, months and quarters of the calendar, and
durations aligned to 1970, all in UTC. A label delay becomes windows as in `label_delay.rs` next to it.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, NamedTuple, Union

from ._errors import WindrowError

if TYPE_CHECKING:
    import numpy

DAY = 86_400
# 1970-01-01 was a Thursday, so a week began on 29 December 1969.
MONDAY = -3 * DAY
MAX_LABEL_DELAY = 32

# The names of humantime, which reads the durations of pipeline files. A month is `M`, a minute `m`.
_UNITS = {
    1: "s sec secs second seconds",
    60: "m min mins minute minutes",
    3_600: "h hr hrs hour hours",
    DAY: "d day days",
    7 * DAY: "w wk wks week weeks",
    2_630_016: "M month months",
    31_557_600: "y yr yrs year years",
}
_SECONDS = {name: seconds for seconds, names in _UNITS.items() for name in names.split()}


class Window(NamedTuple):
    """A rule that cuts rows into windows."""

    text: str
    """The rule as the user wrote it."""
    kind: str
    """`month`, `quarter`, `fixed`, `rows` or `parts`."""
    size: int
    """The length in seconds, the number of rows, or the number of parts."""
    origin: int = 0
    """The second since 1970 from which windows of a fixed length are counted."""

    @property
    def is_by_time(self) -> bool:
        """Whether the time of a row decides about its window."""
        return self.kind in ("month", "quarter", "fixed")

    def indices(self, seconds: numpy.ndarray) -> numpy.ndarray:
        """Returns the index of the span of each time, counted from 1970."""
        if self.kind == "fixed":
            return (seconds - self.origin) // self.size
        months = seconds.astype("datetime64[s]").astype("datetime64[M]").astype("int64")
        return months if self.kind == "month" else months // 3

    def begin(self, index: int) -> int:
        """Returns the second since 1970 at which a span begins."""
        if self.kind == "fixed":
            return index * self.size + self.origin
        month = index if self.kind == "month" else 3 * index
        begin = datetime.datetime(1970 + month // 12, month % 12 + 1, 1, tzinfo=datetime.timezone.utc)
        return int(begin.timestamp())

    def shortest_run(self, windows: int) -> int:
        """Returns the length of the shortest run of this number of consecutive windows, in seconds."""
        starts = {"fixed": 1, "month": 48, "quarter": 16}[self.kind]
        return min(self.begin(first + windows) - self.begin(first) for first in range(starts))


def parse_window(text: str) -> Window:
    """Returns the rule that a text names: `day`, `week`, `month`, `quarter`, a duration, `rows=N` or `parts=N`.

    Raises:
        WindrowError: The text is none of these.
    """
    if text in ("month", "quarter"):
        return Window(text, text, 0)
    if text in ("day", "week"):
        return Window(text, "fixed", DAY if text == "day" else 7 * DAY, 0 if text == "day" else MONDAY)
    found = re.fullmatch(r"(rows|parts)\s*=\s*([0-9]+)", text)
    if found and int(found.group(2)) > 0:
        return Window(text, found.group(1), int(found.group(2)))
    seconds = _duration(text)
    if not seconds:
        raise WindrowError(
            f"window={text!r} is not day, week, month, quarter, a duration of at least 1s (as in '12h' or '30d'), "
            "rows=N or parts=N"
        )
    return Window(text, "fixed", seconds)


def label_delay_in_windows(delay: Union[int, str], window: Window) -> int:
    """Returns a label delay, a number of windows or a duration, as a number of windows.

    Raises:
        WindrowError: The delay has another form or is too long, or the windows have no length in time.
    """
    text = str(delay).strip()
    if text.isdigit():
        windows = int(text)
    else:
        seconds = _duration(text)
        if seconds is None:
            raise WindrowError(f"label_delay={delay!r} is neither a number of windows nor a duration, as in 2 or '30d'")
        if not window.is_by_time:
            raise WindrowError(
                f"label_delay={delay!r} is a duration, but windows by the number of rows have no length in time: give "
                "a number of windows, as in 2"
            )
        windows = _windows_of(text, seconds, window)
    if windows > MAX_LABEL_DELAY:
        raise WindrowError(f"label_delay={delay!r} is longer than {MAX_LABEL_DELAY} windows: use longer windows")
    return windows


def _windows_of(text: str, seconds: int, window: Window) -> int:
    parts = [(int(number), _SECONDS[unit]) for number, unit in _parts(text)]
    months = {2_630_016: 1, 31_557_600: 12}
    if window.kind != "fixed" and all(unit in months for _, unit in parts):
        # Whole months and years are months of the calendar.
        whole = sum(number * months[unit] for number, unit in parts)
        return whole if window.kind == "month" else -(-whole // 3)
    windows = 0
    while windows <= MAX_LABEL_DELAY and (window.shortest_run(windows) if windows else 0) < seconds:
        windows += 1
    return windows


def _parts(text: str) -> list:
    return re.findall(r"([0-9]+)\s*([A-Za-z]+)", text)


def _duration(text: str) -> Union[int, None]:
    """Returns the seconds of a duration such as `14d` or `1h 30m`; `None` if it is not one."""
    if not re.fullmatch(r"\s*([0-9]+\s*[A-Za-z]+\s*)+", text) or any(unit not in _SECONDS for _, unit in _parts(text)):
        return None
    return sum(int(number) * _SECONDS[unit] for number, unit in _parts(text))
