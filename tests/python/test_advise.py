"""A whole study with a stand-in for the command: what is fitted, written, resumed and never mixed."""

import math
import os
import re

import pandas
import pytest
import windrow
from conftest import Share, predictions
from windrow import WindrowError, _study, _table


@pytest.fixture(autouse=True)
def _no_fits():
    Share.fits = []


def advise(frame, folder, **arguments):
    settings = {"target": "late", "time": "at", "estimator": Share(), "folder": folder, "progress": False}
    return windrow.advise(frame, **{**settings, **arguments})


def test_the_table_has_what_the_command_needs(frame, calls, tmp_path):
    answer = advise(frame, tmp_path)
    assert answer.text == "Refit every 2nd week\n"
    table = predictions(calls)
    assert list(table.columns) == ["row", "time", "y", "p", "trained_through", "trained_from", "history"]
    assert (table["time"] > table["trained_through"]).all(), "no leak"
    # The row is its place in the frame of the caller.
    assert (frame["at"].to_numpy()[table["row"]] == table["time"].dt.tz_localize(None).to_numpy()).all()
    assert (frame["late"].to_numpy()[table["row"]] == table["y"].astype(bool)).all()
    assert set(table["history"]) == {"1", "2", "4", "8", "all"}
    assert table["trained_through"].dt.day_of_week.eq(6).all(), "weeks end on Sunday"
    is_all = table["history"] == "all"
    assert table.loc[is_all, "trained_from"].eq(pandas.Timestamp("2024-01-01", tz="UTC")).all()
    weeks = (table["trained_through"] + pandas.Timedelta(seconds=1) - table["trained_from"]).dt.days // 7
    assert (weeks[~is_all] == table.loc[~is_all, "history"].astype(int)).all()
    models = table.groupby(["history", "trained_through"]).ngroups
    assert models == len(calls[0][0]) - 1 - calls[0][0].index("--")
    assert "--name=late" in calls[0][0]
    assert len(calls) == 1, "the table is judged once"


def test_a_fit_learns_from_its_history_only(frame, calls, tmp_path):
    advise(frame, tmp_path, histories=[1, "all"])
    table = predictions(calls)
    week = pandas.Timedelta(days=7)
    for (history, through), rows in table.groupby(["history", "trained_through"]):
        times = frame["at"].dt.tz_localize("UTC")
        learned = frame[(times <= through) & ((times > through - week) | (history == "all"))]
        expected = (learned["late"].sum() + 1) / (len(learned) + 2)
        assert rows["p"].unique().tolist() == pytest.approx([expected])


def test_rows_without_a_label_are_predicted_but_not_learned_from(frame, calls, tmp_path):
    frame["late"] = frame["late"].astype(object).where(frame.index % 5 > 0, None)
    advise(frame, tmp_path, histories=["all"])
    table = predictions(calls)
    assert set(table.loc[table["y"].isna(), "row"]) <= {row for row in frame.index if row % 5 == 0}
    assert table["y"].isna().any()
    assert max(rows for rows, _ in Share.fits) < 240 * 0.85


def test_windows_that_cannot_be_learned_from_are_counted_by_the_judge_too(frame, calls, tmp_path):
    frame["late"] = frame["late"] & (frame["at"] >= "2024-01-15")
    advise(frame, tmp_path, histories=["all"])
    table = predictions(calls)
    assert table["trained_through"].min() == pandas.Timestamp("2024-01-21T23:59:59Z"), "two weeks have one class"
    assert table["trained_from"].eq(pandas.Timestamp("2024-01-01", tz="UTC")).all()


def test_a_second_call_fits_nothing(frame, calls, tmp_path):
    advise(frame, tmp_path)
    made = len(Share.fits)
    assert made > 50
    advise(frame, tmp_path)
    assert len(Share.fits) == made
    assert calls[0][1] == calls[1][1]


def test_a_study_that_was_stopped_continues(frame, calls, tmp_path):
    class Stopping(Share):
        def fit(self, rows, y):
            if len(Share.fits) == 20:
                raise KeyboardInterrupt
            return super().fit(rows, y)

    with pytest.raises(KeyboardInterrupt):
        advise(frame, tmp_path, estimator=Stopping())
    Share.fits = Share.fits[:19]
    assert not calls, "nothing is judged"
    [study] = os.listdir(tmp_path)
    assert not [name for name in os.listdir(tmp_path / study) if name.startswith(".part")]
    Stopping.fit = Share.fit
    advise(frame, tmp_path, estimator=Stopping())
    whole = Share.fits[19:]
    Share.fits = []
    advise(frame, tmp_path / "other", estimator=Stopping())
    assert len(whole) == len(Share.fits) - 20


@pytest.mark.parametrize(
    "change",
    [
        {"estimator": Share(2.0)},
        {"window": "14d"},
        {"drop": ["more"]},
        {"positive": False},
    ],
)
def test_another_study_is_never_mixed(frame, calls, tmp_path, change):
    frame["more"] = 1
    advise(frame, tmp_path)
    made = len(Share.fits)
    advise(frame, tmp_path, **change)
    assert calls[0][1] != calls[1][1] and len(Share.fits) > made


def test_other_data_are_another_study(frame, calls, tmp_path):
    advise(frame, tmp_path)
    frame.loc[3, "size"] = -1
    advise(frame, tmp_path)
    assert calls[0][1] != calls[1][1]


def test_a_later_label_needs_other_predictions_of_the_same_study(frame, calls, tmp_path):
    advise(frame, tmp_path)
    advise(frame, tmp_path, label_delay="8d")
    assert calls[0][1] == calls[1][1]
    files = [arguments[arguments.index("--") + 1 :] for arguments, _ in calls]
    assert "--label-delay=8d" in calls[1][0] and set(files[0]) != set(files[1])


def test_windows_by_rows_need_no_time(calls, tmp_path):
    frame = pandas.DataFrame({"size": range(200), "late": [row % 3 == 0 for row in range(200)]})
    advise(frame, tmp_path, time=None, window="rows=10")
    table = predictions(calls)
    assert list(table.columns)[1] == "window" and (table["window"] == table["row"] // 10 + 1).all()
    assert (table["window"] > table["trained_through"]).all()
    assert table.loc[table["history"] == "all", "trained_from"].eq(1).all()
    assert not any(argument.startswith("--window") for argument in calls[0][0])


def test_rows_in_windows_by_rows_are_numbered_in_the_order_of_their_times(frame, calls, tmp_path):
    advise(frame, tmp_path, window="parts=20")
    table = predictions(calls).drop_duplicates("row")
    # The judge orders such rows by their numbers.
    assert (table["window"] == table["row"] // 12 + 1).all()
    late = frame.sort_values("at")["late"].to_numpy()
    assert (late[table["row"]] == table["y"].astype(bool)).all()


def test_equal_parts_are_those_of_a_pipeline():
    frame = pandas.DataFrame({"late": [True, False] * 5 + [True]})
    rows = _study.Rows(frame, "late", None, windrow._advise.parse_window("parts=3"), None)
    assert [rows.span(window, window) for window in (1, 2, 3)] == [(0, 4), (4, 8), (8, 11)]


def test_a_failing_fit_is_named(frame, calls, tmp_path):
    class Failing(Share):
        def predict_proba(self, rows):
            raise ValueError("input contains NaN")

    with pytest.raises(WindrowError, match=r"predict_proba failed with .* through window \d+ .*: ValueError: input"):
        advise(frame, tmp_path, estimator=Failing())


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"target": "lat"}, "target: there is no column 'lat'; the columns are at, size, late"),
        ({"time": None}, "needs the name of a column of times"),
        ({"estimator": object()}, "estimator has no fit"),
        ({"histories": [0]}, "histories: 0 is neither"),
        ({"histories": [15]}, "all are too long for 20 windows"),
        ({"window": "1s"}, "use longer windows"),
    ],
)
def test_mistakes_are_explained(frame, calls, tmp_path, arguments, fault):
    with pytest.raises(WindrowError, match=re.escape(fault)):
        advise(frame, tmp_path, **arguments)


def test_without_pyarrow_the_table_is_csv(frame, calls, tmp_path, monkeypatch):
    monkeypatch.setattr(_table, "file_format", lambda: "csv")
    frame["late"] = frame["late"].astype(object).where(frame["size"] < 239, None)
    advise(frame, tmp_path, histories=["all"])
    arguments, folder = calls[0]
    with open(os.path.join(folder, arguments[-1]), encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert lines[0] == "row,time,y,p,trained_through,trained_from,history"
    assert re.fullmatch(
        r"\d+,2024-\d\d-\d\dT\d\d:00:00Z,[01]?,0\.\d+,2024-\d\d-\d\dT23:59:59Z,2024-01-01T00:00:00Z,all", lines[1]
    )
    assert lines[-1].split(",")[2] == "", "the newest row has no label"
    assert math.isclose(float(lines[1].split(",")[3]), 1 / 3, rel_tol=0.2)


def test_several_fits_at_a_time_give_the_same_table(frame, calls, tmp_path):
    pytest.importorskip("joblib")
    advise(frame, tmp_path / "one")
    advise(frame, tmp_path / "two", n_jobs=2)
    columns = ["row", "trained_through", "history", "p"]
    first, second = (predictions(calls[at:]).sort_values(columns[:3])[columns] for at in (0, 1))
    assert first.to_numpy().tolist() == second.to_numpy().tolist()
