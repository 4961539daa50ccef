"""Windows and label delays, as a pipeline file has them."""

import numpy
import pytest
from windrow import WindrowError, _cut


def seconds(*times):
    return numpy.array(times, dtype="datetime64[s]").astype("int64")


@pytest.mark.parametrize(
    ("window", "time", "begins"),
    [
        ("day", "2013-04-03T10:00", "2013-04-03"),
        ("week", "2013-04-03", "2013-04-01"),
        ("week", "1969-12-30", "1969-12-29"),
        ("month", "2012-02-29", "2012-02-01"),
        ("month", "1969-12-31", "1969-12-01"),
        ("quarter", "2013-06-30", "2013-04-01"),
        ("7d", "2013-04-03", "2013-03-28"),
        ("1h", "2013-04-03T00:59:59", "2013-04-03T00:00"),
    ],
)
def test_spans_begin_where_the_calendar_says(window, time, begins):
    rule = _cut.parse_window(window)
    index = int(rule.indices(seconds(time))[0])
    assert rule.begin(index) == seconds(begins)[0]
    assert rule.begin(index) <= seconds(time)[0] < rule.begin(index + 1)


@pytest.mark.parametrize("text", ["fortnight", "0d", "rows=0", "parts=", "7 parsecs", ""])
def test_other_windows_are_refused(text):
    with pytest.raises(WindrowError, match="is not day, week, month"):
        _cut.parse_window(text)


@pytest.mark.parametrize(
    ("delay", "window", "windows"),
    [
        (0, "week", 0),
        (3, "rows=100", 3),
        ("2", "week", 2),
        ("0d", "week", 0),
        ("7d", "week", 1),
        ("8d", "week", 2),
        ("1week 1d", "week", 2),
        ("30d", "month", 2),
        ("1 month", "month", 1),
        ("1y", "quarter", 4),
        ("4 months", "quarter", 2),
    ],
)
def test_a_label_delay_in_windows(delay, window, windows):
    assert _cut.label_delay_in_windows(delay, _cut.parse_window(window)) == windows


@pytest.mark.parametrize(
    ("delay", "window", "fault"),
    [
        ("soon", "week", "neither"),
        ("30d", "rows=100", "no length in time"),
        (33, "week", "longer"),
        ("1y", "week", "longer"),
    ],
)
def test_other_delays_are_refused(delay, window, fault):
    with pytest.raises(WindrowError, match=fault):
        _cut.label_delay_in_windows(delay, _cut.parse_window(window))
