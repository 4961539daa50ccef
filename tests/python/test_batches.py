"""Batch files as one DataFrame."""

import json

import pandas
import pytest
import windrow
from windrow import WindrowError


@pytest.fixture
def workdir(tmp_path):
    """A work directory with two sealed windows, and a third one without a manifest."""
    (tmp_path / "batches").mkdir()
    dataset = {"delimiter": ";", "null": ["", "NA"], "time": {"column": "at", "format": "%Y-%m-%d"}}
    (tmp_path / "run.json").write_text(json.dumps({"pipeline": {"dataset": dataset}}))
    for window, rows in [(1, "2024-01-01;NA;x\n"), (2, "2024-01-08;3;nan\n2024-01-09;4;\n"), (3, "2024-01-15;5;y\n")]:
        (tmp_path / f"batches/window-{window:05}.csv").write_text("at;size;colour\n" + rows)
        if window < 3:
            (tmp_path / f"batches/window-{window:05}.json").write_text("{}")
    return tmp_path


def test_sealed_windows_are_read_in_their_order(workdir):
    rows = windrow.read_batches(workdir)
    assert rows["window"].tolist() == [1, 2, 2]
    assert rows["at"].tolist() == [pandas.Timestamp(day) for day in ("2024-01-01", "2024-01-08", "2024-01-09")]
    assert rows["size"].isna().tolist() == [True, False, False] and rows["size"].tolist()[1:] == [3.0, 4.0]
    # Only the texts of dataset.null are missing: `nan` is not one of them.
    assert rows["colour"].isna().tolist() == [False, False, True] and rows["colour"].tolist()[1] == "nan"


def test_parquet_is_read_too(workdir):
    for window in (1, 2):
        path = workdir / f"batches/window-{window:05}.csv"
        pandas.read_csv(path, sep=";").to_parquet(path.with_suffix(".parquet"))
        path.unlink()
    assert windrow.read_batches(workdir)["window"].tolist() == [1, 2, 2]


def test_labels_that_arrived_later_are_in_their_column(workdir):
    run = json.loads((workdir / "run.json").read_text())
    run["pipeline"]["target"] = {"column": "size"}
    (workdir / "run.json").write_text(json.dumps(run))
    (workdir / "batches/window-00001.json").write_text(json.dumps({"rows": {"numbers": [{"first": 7, "last": 7}]}}))
    labels = {"labels": [{"row": 7, "cell": "2", "extract": 2}]}
    (workdir / "batches/window-00001.labels.json").write_text(json.dumps(labels))
    assert windrow.read_batches(workdir)["size"].tolist() == [2.0, 3.0, 4.0]


def test_what_is_missing_is_named(workdir, tmp_path):
    with pytest.raises(WindrowError, match="is not a work directory"):
        windrow.read_batches(tmp_path / "none")
    (workdir / "batches/window-00001.csv").unlink()
    with pytest.raises(WindrowError, match="window-00001.csv cannot be read: it is missing"):
        windrow.read_batches(workdir)
    (workdir / "batches/window-00001.json").unlink()
    with pytest.raises(WindrowError, match="no window in"):
        windrow.read_batches(workdir)
