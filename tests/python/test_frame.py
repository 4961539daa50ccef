"""Frames of predictions as files for the command."""

import re

import pandas
import pytest
import windrow
from windrow import WindrowError, _frame


def table(**columns):
    return pandas.DataFrame({"window": [2, 3], "y": [True, False], "p": [0.25, 0.5], "trained_through": 1, **columns})


def written(frame, tmp_path):
    """Returns the columns that the command gets."""
    path = _frame.write_frame(frame, str(tmp_path))
    assert path.endswith(".parquet")
    return pandas.read_parquet(path)


@pytest.fixture
def _no_parquet(monkeypatch):
    def to_parquet(*_, **__):
        raise ImportError("pyarrow")

    monkeypatch.setattr(pandas.DataFrame, "to_parquet", to_parquet)


def lines(frame, tmp_path):
    with open(_frame.write_frame(frame, str(tmp_path)), encoding="utf-8") as file:
        return file.read().splitlines()


def test_a_frame_is_written_as_parquet(tmp_path):
    assert written(table(), tmp_path).to_dict("list") == table().to_dict("list")


@pytest.mark.parametrize("kind", [object, "category"])
def test_histories_may_be_numbers_and_texts(tmp_path, kind):
    histories = pandas.Series(["all", 4], dtype=object).astype(kind)
    assert written(table(history=histories), tmp_path)["history"].tolist() == ["all", "4"]


def test_a_missing_name_stays_missing(tmp_path):
    models = written(table(model=pandas.Series([None, 7], dtype=object)), tmp_path)["model"]
    assert models.isna().tolist() == [True, False] and models[1] == "7"


def test_columns_that_the_command_does_not_read_are_left_out(tmp_path):
    frame = table(note=pandas.Series([1, "two"], dtype=object))
    frame[3] = "a name that is a number"
    assert list(written(frame, tmp_path)) == ["window", "y", "p", "trained_through"]


def test_losses_keep_their_columns(tmp_path):
    columns = ["model", "window", "rows", "positives", "log_loss", "block"]
    losses = pandas.DataFrame([["window-1", 2, 9, 3, 4.5, 1]], columns=columns)
    assert list(written(losses, tmp_path)) == columns


def test_a_missing_column_is_named_with_the_columns_of_the_frame(tmp_path):
    frame = table(score=0.5).drop(columns="p")
    fault = "predictions: there is no column `p`; the columns are window, y, trained_through, score"
    with pytest.raises(WindrowError, match=re.escape(fault)):
        _frame.write_frame(frame, str(tmp_path))


def test_values_that_no_file_takes_are_explained(tmp_path):
    frame = table()
    frame["p"] = pandas.Series([0.25, "half"], dtype=object)
    with pytest.raises(WindrowError, match="predictions cannot be written .* each column needs values of one type"):
        _frame.write_frame(frame, str(tmp_path))


def test_two_columns_of_one_name_are_refused(tmp_path):
    frame = pandas.concat([table(), table()[["p"]]], axis=1)
    with pytest.raises(WindrowError, match="several columns have the name 'p'"):
        _frame.write_frame(frame, str(tmp_path))


@pytest.mark.usefixtures("_no_parquet")
def test_without_pyarrow_labels_are_numbers_and_times_are_utc(tmp_path):
    times = pandas.to_datetime(["2024-03-04 00:30", "2024-03-05 00:30"]).tz_localize("Europe/Berlin")
    frame = table(time=times, trained_through=pandas.Timestamp("2024-03-03 20:00")).drop(columns="window")
    assert lines(frame, tmp_path)[:2] == [
        "y,p,trained_through,time",
        "1,0.25,2024-03-03T20:00:00.000000Z,2024-03-03T23:30:00.000000Z",
    ]


def test_what_is_no_table_is_refused():
    with pytest.raises(WindrowError, match="must be a DataFrame .* not int"):
        windrow.judge(3)
