"""The target, the features, and the levels of categories."""

import numpy
import pandas
import pytest
from windrow import WindrowError, _columns


def labels(values, positive=None):
    y, has_label = _columns.labels(pandas.Series(values, name="late"), positive)
    return y.tolist(), has_label.tolist()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([False, True], [0, 1]),
        ([0, 1], [0, 1]),
        ([1.0, 2.0], [1, 0]),
        (["no", "yes"], [0, 1]),
        (["bad", "good"], [0, 1]),
        ([False, False], [0, 0]),
    ],
)
def test_the_positive_class(values, expected):
    assert labels(values)[0] == expected


def test_the_positive_class_can_be_named():
    assert labels(["bad", "good"], positive="bad")[0] == [1, 0]
    with pytest.raises(WindrowError, match="never is positive='late'"):
        labels(["bad", "good"], positive="late")


@pytest.mark.parametrize(
    "values", [[True, None, False], [1.0, numpy.nan, 0.0], pandas.array([1, None, 0], dtype="Int64")]
)
def test_a_missing_label_is_no_label(values):
    assert labels(values) == ([1, 0, 0], [True, False, True])


def test_a_number_is_no_target():
    with pytest.raises(WindrowError, match=r"has 3 classes .* frame\['late'\] >= 15"):
        labels([3, 14, 20])


def test_times_have_no_zone_or_are_converted():
    naive = pandas.Series(["2024-01-01 00:00:01.5"], name="at")
    zoned = pandas.Series(pandas.to_datetime(["2024-01-01 01:00:01.5+01:00"]), name="at")
    for column in (naive, zoned):
        seconds, micros = _columns.seconds_and_times(column)
        assert (seconds[0], micros[0]) == (1_704_067_201, 1_704_067_201_500_000)


def test_times_that_cannot_be_used():
    for values, fault in [
        ([1, 2], "has numbers"),
        (["x"], "cannot be read"),
        (["2024-01-01", None], "missing in 1 rows"),
    ]:
        with pytest.raises(WindrowError, match=fault):
            _columns.seconds_and_times(pandas.Series(values, name="at"))


def test_the_features_are_the_other_columns():
    frame = pandas.DataFrame(columns=["late", "at", "id", "size", "colour"])
    assert _columns.features_of(frame, "late", "at", None, ["id"]) == ["size", "colour"]
    assert _columns.features_of(frame, "late", "at", ["at", "size"], []) == ["at", "size"]
    with pytest.raises(WindrowError, match="drop: there is no column 'ids'"):
        _columns.features_of(frame, "late", "at", None, ["ids"])
    with pytest.raises(WindrowError, match="'late' is the target"):
        _columns.features_of(frame, "late", "at", ["late"], [])


class Strict:
    """Fails on a level that the fit has not seen, as an encoder of scikit-learn does by default."""

    def fit(self, rows):
        self.known = set(rows["colour"].dropna())
        return self

    def predict_proba(self, rows):
        new = set(rows["colour"].dropna()) - self.known
        if new:
            raise ValueError(f"unknown {sorted(new)}")
        self.asked = rows
        return numpy.tile([0.5, 0.5], (len(rows), 1))


TRAINING = pandas.DataFrame({"colour": ["red", "blue", "red"], "size": [1, 2, 3]})
LATER = pandas.DataFrame({"colour": ["blue", "green", None], "size": [4, 5, 6]})


def test_text_becomes_a_category_with_the_levels_of_the_fit():
    whole = _columns.prepare(pandas.concat([TRAINING, LATER], ignore_index=True), "category")
    levels = _columns.Levels("category", whole[:3])
    assert list(levels.training()["colour"].cat.categories) == ["blue", "red"]
    model = Strict()
    model.known = {"blue", "red"}
    levels.predict(model, whole[3:])
    assert model.asked["colour"].cat.categories.tolist() == ["blue", "red"]
    assert model.asked["colour"].isna().tolist() == [False, True, True]


def test_only_the_most_frequent_levels_are_kept_if_an_estimator_takes_few():
    column = pandas.Series(["e", "b", "a", "a", "d", "c", "c", None], name="colour").astype("category")
    whole = pandas.DataFrame({"colour": column})
    training = _columns.Levels("category", whole, 3).training()
    # Of b, d and e, each in one row, the first is kept.
    assert training["colour"].cat.categories.tolist() == ["a", "b", "c"]
    assert training["colour"].isna().tolist() == [True, False, False, False, True, False, False, True]
    assert _columns.Levels("category", whole[1:5], 3).by_column() == {"colour": ["a", "b", "d"]}


def test_categories_are_turned_on_in_versions_that_take_none_by_default():
    class Trees(dict):
        def get_params(self):
            return dict(self)

        set_params = dict.update

    model = Trees(enable_categorical=False, estimator__categorical_features="warn", other="warn")
    whole = _columns.prepare(TRAINING, "category")
    _columns.Levels("category", whole[["size"]]).set_up(model)
    assert model["enable_categorical"] is False, "there is no category"
    _columns.Levels("category", whole).set_up(model)
    assert model == {"enable_categorical": True, "estimator__categorical_features": "from_dtype", "other": "warn"}


def test_levels_are_whole_numbers_or_texts():
    def levels(column):
        features = pandas.DataFrame({"colour": column})
        prepared = _columns.prepare(features, "category")["colour"]
        return prepared.cat.categories.tolist(), prepared.isna().tolist()

    assert levels(pandas.Series([7, None, "x"], dtype=object)) == (["7", "x"], [False, True, False])
    assert levels(pandas.Series([True, False, None], dtype=object)) == (["False", "True"], [False, False, True])
    assert levels(pandas.Series([0.5, None, 1.5]).astype("category")) == (["0.5", "1.5"], [False, True, False])
    assert levels(pandas.Series([3, 1, 3]).astype("category")) == ([1, 3], [False] * 3)
    assert levels(pandas.Series(["b", None, "a"], dtype="string")) == (["a", "b"], [False, True, False])


def test_numbers_with_a_missing_value_of_their_own_become_floats():
    columns = {
        "count": pandas.array([1, None, 3], dtype="Int64"),
        "flag": pandas.array([True, None, False], dtype="boolean"),
        "plain": [1, 2, 3],
    }
    features = pandas.DataFrame(columns)
    for handling in ("category", "catboost"):
        prepared = _columns.prepare(features, handling)
        assert [str(dtype) for dtype in prepared.dtypes] == ["float64", "float64", "int64"]
        assert prepared["flag"].fillna(-1).tolist() == [1, -1, 0]
    assert _columns.prepare(features, "plain") is features


def test_a_column_without_a_value_is_a_constant_in_the_fit():
    features = pandas.DataFrame({"colour": [None, None, "red"], "size": [None, None, 4.0], "weight": [1.0, None, 2.0]})
    levels = _columns.Levels("category", _columns.prepare(features, "category")[:2])
    training = levels.training()
    assert training["size"].tolist() == [0.0, 0.0] and training["colour"].isna().all()
    assert training["weight"].isna().tolist() == [False, True] and len(training["colour"].cat.categories) == 1


def test_a_plain_estimator_gets_the_columns_as_they_are():
    levels = _columns.Levels("plain", TRAINING)
    assert levels.training() is TRAINING
    known = LATER[LATER["colour"] != "green"]
    model = Strict().fit(TRAINING)
    levels.predict(model, known)
    assert model.asked is known


def test_unseen_levels_become_missing_where_the_estimator_fails():
    model = Strict().fit(TRAINING)
    _columns.Levels("plain", TRAINING).predict(model, LATER)
    assert model.asked["colour"].isna().tolist() == [False, True, True]
    assert LATER["colour"].tolist()[1] == "green", "the rows of the caller do not change"


def test_another_failure_is_not_hidden():
    class Broken(Strict):
        def predict_proba(self, rows):
            raise ValueError("no memory")

    with pytest.raises(ValueError, match="no memory"):
        _columns.Levels("plain", TRAINING).predict(Broken(), LATER)


def test_the_handling_follows_the_library():
    booster = type("Booster", (), {"__module__": "lightgbm.sklearn"})
    search = type("Search", (), {"__module__": "sklearn.model_selection", "estimator": booster()})
    forest = type("Forest", (), {"__module__": "sklearn.ensemble"})
    assert [_columns.handling_of(one()) for one in (booster, search, forest)] == ["category", "category", "plain"]
    assert _columns.handling_of(forest(), True) == "category"


@pytest.mark.parametrize(
    ("classes", "predicted", "expected"),
    [
        ([0, 1], [[0.9, 0.1]], [0.1]),
        ([1, 0], [[0.9, 0.1]], [0.9]),
        ([0], [[1.0]], [0.0]),
        ([], [[0.9, 0.1]], [0.1]),
        ([0, 1], [0.3], [0.3]),
    ],
)
def test_the_probability_of_the_positive_class(classes, predicted, expected):
    model = type("Model", (), {"classes_": classes})
    assert _columns.probabilities(model, predicted, 1).tolist() == expected


@pytest.mark.parametrize("predicted", [[[0.5, 1.5]], [[0.5, float("nan")]], [[0.2, 0.3, 0.5]]])
def test_what_is_no_probability_is_refused(predicted):
    with pytest.raises(WindrowError, match="predict_proba returned"):
        _columns.probabilities(object(), predicted, 1)
