"""Windows in files, as the learner reads them, and what it keeps."""

import math
import os

import numpy
import pandas
import pyarrow
import pytest
from pyarrow import parquet
from windrow import WindrowError, _learner_frame
from windrow._cache import Cache, stamp_of
from windrow._columns import accepted_names, most_levels

SCHEMA = _learner_frame.schema_of(
    {
        "target": "late",
        "features": [
            {"name": "size", "kind": "number"},
            {"name": "shop", "kind": "category"},
            {"name": "hour(at)", "kind": "calendar", "codes": [0, 1]},
        ],
    }
)
GOOD = {
    "size": pyarrow.array([1.5, None, 3.0]),
    "shop": pyarrow.array(["b", None, "a"]),
    "hour(at)": pyarrow.array([0, 1, 1], pyarrow.int32()),
    "late": pyarrow.array([True, False, True]),
}


def written(folder, **columns):
    path = os.path.join(folder, "window.parquet")
    parquet.write_table(pyarrow.table({**GOOD, **columns}), path)
    return path


def frame(rows, levels=None, is_text=False):
    levels = rows.levels if levels is None else {"shop": levels}
    known = _learner_frame.joined([rows, rows], SCHEMA, levels)
    return known, _learner_frame.frame_of(known, SCHEMA, SCHEMA.names, is_text)


def test_a_window_becomes_a_frame_with_the_levels_of_the_fit(tmp_path):
    rows = _learner_frame.read_window(written(tmp_path), SCHEMA)
    known, found = frame(rows, ["a", "c"])
    assert known.labels.tolist() == [1, 0, 1] * 2
    assert found["size"].fillna(-1).tolist() == [1.5, -1, 3.0] * 2
    assert found["hour(at)"].dtype == "int32" and found["hour(at)"].tolist() == [0, 1, 1] * 2
    assert found["shop"].cat.categories.tolist() == ["a", "c"]
    assert found["shop"].isna().tolist() == [True, True, False] * 2


def test_text_is_that_of_pandas(tmp_path):
    path = written(tmp_path)
    found = frame(_learner_frame.read_window(path, SCHEMA), is_text=True)[1]
    expected = pandas.concat([pandas.read_parquet(path)] * 2, ignore_index=True).drop(columns="late")
    pandas.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array(["b", None, "a"], pyarrow.large_string()),
        pyarrow.array(["b", None, "a"]).dictionary_encode(),
        pyarrow.chunked_array([["b"], [None, "a"]]),
    ],
)
def test_text_of_every_form_is_read(column, tmp_path):
    found = frame(_learner_frame.read_window(written(tmp_path, shop=column), SCHEMA), ["a", "b"])[1]
    assert found["shop"].astype(object).where(found["shop"].notna(), "-").tolist() == ["b", "-", "a"] * 2


def test_a_calendar_code_may_be_missing(tmp_path):
    path = written(tmp_path, **{"hour(at)": pyarrow.array([0, None, 1], pyarrow.int32())})
    found = frame(_learner_frame.read_window(path, SCHEMA))[1]
    assert found["hour(at)"].fillna(-1).tolist() == [0.0, -1.0, 1.0] * 2


def test_the_arrays_of_a_window_do_not_change_with_the_frame(tmp_path):
    rows = _learner_frame.read_window(written(tmp_path), SCHEMA)
    known = _learner_frame.joined([rows], SCHEMA, rows.levels)
    found = _learner_frame.frame_of(known, SCHEMA, SCHEMA.names, False)
    found.loc[:, "size"] = 9.0
    assert rows.columns["size"][0] == 1.5


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"size": pyarrow.array(["1", "2", "3"])}, "'size' has values of the type string, and is a number"),
        ({"shop": pyarrow.array([1, 2, 3])}, "'shop' has values of the type int64, and is a category"),
        ({"hour(at)": pyarrow.array([0.5, 1, 1])}, "is a calendar"),
        ({"late": pyarrow.array([1, 0, 1])}, "'late' must be true or false in every row"),
        ({"late": pyarrow.array([True, None, False])}, "'late' must be true or false in every row"),
        ({"more": pyarrow.array([1, 2, 3])}, "those of the schema are"),
    ],
)
def test_a_file_of_another_schema_is_refused(columns, fault, tmp_path):
    with pytest.raises(WindrowError, match=fault):
        _learner_frame.read_window(written(tmp_path, **columns), SCHEMA)


def test_the_rows_of_a_request_have_the_types_of_a_file(tmp_path):
    cells = [
        {"size": 1.5, "shop": "b", "hour(at)": 0},
        {"size": None, "hour(at)": 1},
        {"size": 3, "shop": "a", "hour(at)": 1},
    ]
    rows = _learner_frame.rows_of_request(cells, SCHEMA)
    pandas.testing.assert_frame_equal(
        frame(rows, ["a", "b"])[1], frame(_learner_frame.read_window(written(tmp_path), SCHEMA), ["a", "b"])[1]
    )
    for cell in (math.inf, math.nan, -math.inf, "1", [], {}, False):
        with pytest.raises(WindrowError, match="row 2: 'size' is"):
            _learner_frame.rows_of_request([{}, {"size": cell}], SCHEMA)
    with pytest.raises(WindrowError, match="must be a category or null"):
        _learner_frame.rows_of_request([{"shop": "\ud800"}], SCHEMA)


def test_the_size_counts_the_arrays_and_the_levels():
    levels = {"shop": ["x" * 1_000, "y"]}
    rows = _learner_frame.Rows(10, {"shop": numpy.zeros(10, dtype="int32")}, levels, numpy.zeros(10, dtype="int8"))
    assert 1_050 < rows.size < 1_300


def test_a_cache_keeps_what_was_used_last():
    cache = Cache(3, 100)
    for key in "abc":
        cache.put(key, 1, key.upper(), 30)
    assert cache.get("a", 1) == "A"
    cache.put("d", 1, "D", 30)
    assert (cache.get("b", 1), cache.get("a", 1), len(cache)) == (None, "A", 3)
    cache.put("a", 2, "other", 60)
    # A larger value takes the place of several.
    assert (cache.get("a", 1), cache.get("a", 2), cache.get("c", 1), cache.get("d", 1)) == (None, "other", None, "D")
    assert cache.size == 90
    cache.put("e", 1, "E", 1_000)
    assert (len(cache), cache.size, cache.get("e", 1)) == (1, 1_000, "E")
    cache.put("f", 1, "F", 1)
    assert (len(cache), cache.size, cache.get("e", 1)) == (1, 1, None)


def test_a_stamp_changes_with_the_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("a")
    before = stamp_of(path)
    other = tmp_path / "other"
    other.write_text("b")
    os.utime(other, ns=(before[1], before[1]))
    os.replace(other, path)
    assert stamp_of(path) != before


def estimator(module, name="Classifier", **members):
    return type(name, (), {"__module__": module, **members})()


def test_names_are_changed_only_if_the_library_refuses_them():
    names = ["a b", "a_b", "a[1]", "log(x)", "a<b"]
    assert accepted_names(estimator("lightgbm.sklearn"), names) == ["a_b_2", "a_b", "a_1_", "log(x)", "a<b"]
    search = estimator("sklearn.model_selection", estimator=estimator("xgboost.sklearn"))
    assert accepted_names(search, names) == ["a b", "a_b", "a_1_", "log(x)", "a_b_2"]
    assert accepted_names(estimator("sklearn.ensemble"), names) == names


def test_the_most_levels_of_histogram_trees():
    trees = estimator("sklearn.ensemble", "HistGradientBoostingClassifier", max_bins=63)
    assert most_levels(trees) == 63
    assert most_levels(estimator("sklearn.calibration", estimator=trees)) == 63
    assert most_levels(estimator("lightgbm.sklearn")) is None
