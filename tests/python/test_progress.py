"""The estimate and the progress of the fits."""

import io

import pytest
from windrow._progress import Cost, Progress, estimate, in_words


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_estimate_follows_the_rows():
    measured = [Cost(100, 1.0, 10, 0.1), Cost(1_000, 19.0, 10, 0.1)]
    # Between the two, interpolated; outside, in proportion; 0.01 s for each row that is predicted.
    assert estimate(measured, [(550, 0)]) == pytest.approx(10.0)
    assert estimate(measured, [(2_000, 0)]) == pytest.approx(38.0)
    assert estimate(measured, [(50, 0)]) == pytest.approx(0.5)
    assert estimate(measured, [(100, 300), (100, 0)]) == pytest.approx(5.0)


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 s"), (89, "89 s"), (1_500, "25 min"), (9_000, "2.5 h")])
def test_times_for_people(seconds, words):
    assert in_words(seconds) == words


def test_a_line_for_each_tenth_elsewhere():
    out = io.StringIO()
    progress = Progress(stream=out)
    progress.begin(0, 200)
    for done in range(1, 201):
        progress.update(done, 200, left=60.0)
    lines = out.getvalue().splitlines()
    assert (
        len(lines) == 10
        and lines[0] == "windrow: 10% of 200 fits, 60 s left"
        and lines[-1] == "windrow: 100% of 200 fits"
    )


def test_a_bar_on_a_terminal_and_nothing_if_it_is_not_wanted():
    out = Terminal()
    progress = Progress(stream=out)
    progress.begin(0, 4)
    progress.update(2, 4, left=5.0)
    assert out.getvalue() == "\r\033[K[###############---------------] 2 of 4 fits, 5 s left"
    silent = Terminal()
    quiet = Progress(False, silent)
    quiet.say("390 fits")
    quiet.update(1, 4)
    assert silent.getvalue() == ""
