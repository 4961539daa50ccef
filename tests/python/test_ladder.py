"""Which histories are fitted, and what each fit predicts."""

import pytest
from windrow import _ladder


@pytest.mark.parametrize(
    ("windows", "expected"),
    [(2, [None]), (5, [1, 2, None]), (20, [1, 2, 4, 8, None]), (53, [1, 2, 4, 8, 16, None])],
)
def test_histories_double_up_to_four_tenths_of_the_windows(windows, expected):
    assert _ladder.histories(windows) == expected


def test_wanted_histories_are_kept_unless_they_are_too_long():
    assert _ladder.histories(20, (3, 9, None)) == [3, None]
    assert _ladder.histories(20, (9,)) == []


def test_a_longer_history_never_takes_the_advice_away():
    assert _ladder.judged_histories(16, None, 0) == [1, 2, 4, None]
    # A history of 8 windows would leave only 11 of 19 windows with labels that are a window late.
    assert _ladder.judged_histories(20, None, 1) == [1, 2, 4, None]
    assert _ladder.judged_histories(21, None, 1) == [1, 2, 4, 8, None]


def test_refit_periods_double_up_to_a_third_of_the_windows():
    assert _ladder.intervals(37, 0) == [1, 2, 4, 8]
    assert _ladder.intervals(1, 0) == [1]
    assert _ladder.intervals(1_000, 0)[-1] == 64
    assert _ladder.intervals(1_000, 1)[-1] == 32


def planned(windows, delay=0, ages=None, can_learn=lambda first, last: True):
    ages = ages or _ladder.ages_of_schedules(windows, None, delay)
    return {(fit.history, fit.newest): fit.predicts for fit in _ladder.plan(windows, None, delay, ages, can_learn)}


@pytest.mark.parametrize("delay", [0, 2])
def test_every_schedule_and_phase_finds_its_predictions(delay):
    windows = 53
    fits = planned(windows, delay)
    judged = windows - 16 - delay
    for history in [1, 2, 4, 8, 16, None]:
        for window in range(16 + 1 + delay, windows + 1):
            for age in range(max(_ladder.intervals(judged, delay))):
                newest = window - 1 - delay - age
                key = (None if history is None or history >= newest else history, newest)
                assert window in fits[key], (history, window, age)
        # Never: the fit in use at the first window that is judged.
        assert window in fits[(None if history in (None, 16) else history, 16)]


def test_a_fit_predicts_only_windows_whose_labels_it_cannot_know():
    for (_, newest), predicts in planned(30, delay=2).items():
        assert min(predicts) > newest + 2


def test_a_history_of_all_windows_so_far_is_one_fit():
    fits = planned(20)
    assert (4, 4) not in fits and (None, 4) in fits and (4, 5) in fits


def test_the_fit_before_stays_in_use_if_windows_cannot_be_learned_from():
    fits = planned(20, can_learn=lambda first, last: not first <= 10 <= last or first < 10)
    # Window 10 alone has no labels. The fit of window 9 is as far from window 14 as that of window 10 would be.
    assert (1, 10) not in fits and (None, 10) in fits
    far = max(planned(20)[(1, 10)])
    assert max(fits[(1, 9)]) == far


def test_windows_are_counted_from_the_first_fit():
    # The only history has no fit of the first two windows, so the judge begins with window 3.
    fits = _ladder.plan(30, (1,), 0, 8, lambda first, last: first > 2)
    forever = [fit.newest for fit in fits if fit.predicts[-1] - fit.newest > 8]
    assert forever and min(forever) == fits[0].newest == 3


def test_all_ages_that_a_pipeline_keeps():
    fits = planned(100, ages=64)
    assert max(fits[(1, 20)]) == 84
    # The fits in use when judging begins are needed forever, with the three before them.
    for newest in (29, 32):
        assert max(fits[(1, newest)]) == 100
    assert max(fits[(1, 28)]) == 92
