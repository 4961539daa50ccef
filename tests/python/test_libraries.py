"""The libraries that people use, on a few rows with categories that a fit has not seen and with missing values."""

import numpy
import pandas
import pytest
import windrow
from conftest import predictions
from windrow import _columns, _study

sklearn = pytest.importorskip("sklearn")


@pytest.fixture
def orders():
    """Sixteen weeks of orders. Every week has a shop of its own, and text with a missing value."""
    random = numpy.random.default_rng(3)
    rows = 16 * 40
    at = pandas.Timestamp("2024-01-01") + pandas.to_timedelta(numpy.arange(rows) * 7 * 24 / 40, unit="h")
    frame = pandas.DataFrame(
        {"at": at, "size": random.normal(size=rows), "shop": [f"shop {n // 40}" for n in range(rows)]}
    )
    frame["colour"] = pandas.Series(random.choice(["red", "blue"], rows)).where(random.random(rows) > 0.1)
    frame["late"] = numpy.where(frame["size"] + random.normal(size=rows) > 0, "yes", "no")
    return frame


def advise(frame, estimator, calls, folder, **arguments):
    windrow.advise(
        frame,
        target="late",
        time="at",
        estimator=estimator,
        histories=[1, "all"],
        folder=folder,
        progress=False,
        **arguments,
    )
    table = predictions(calls)
    # The features say something, so the positive class is the right one.
    assert table.loc[table["y"] == 1, "p"].mean() > table.loc[table["y"] == 0, "p"].mean() + 0.1
    return table


def lightgbm():
    library = pytest.importorskip("lightgbm")
    return library.LGBMClassifier(n_estimators=5, min_child_samples=5, verbose=-1, n_jobs=1)


def xgboost():
    # Categories are off by default.
    return pytest.importorskip("xgboost").XGBClassifier(n_estimators=5, n_jobs=1)


def catboost():
    library = pytest.importorskip("catboost")
    return library.CatBoostClassifier(iterations=20, verbose=False, allow_writing_files=False, thread_count=1)


def histogram_trees():
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=5)


TREES = [lightgbm, xgboost, catboost, histogram_trees]


@pytest.mark.parametrize("make", TREES)
def test_trees_get_categories(orders, calls, tmp_path, make):
    model = make()
    before = sorted(vars(model))
    advise(orders, model, calls, tmp_path)
    assert sorted(vars(model)) == before, "the estimator of the caller is not fitted"


@pytest.mark.parametrize("make", TREES)
def test_trees_get_columns_of_every_type(orders, calls, tmp_path, make):
    random = numpy.random.default_rng(4)
    rows = len(orders)
    is_known = random.random(rows) > 0.2
    # Nothing is known of these two in the first weeks.
    orders["colour"] = orders["colour"].where(orders.index > 150)
    orders["weight"] = pandas.Series(random.normal(size=rows)).where(orders.index > 150)
    orders["count"] = pandas.Series(random.integers(0, 9, rows)).astype("Int64").where(is_known)
    orders["is_new"] = pandas.Series(random.choice([True, False], rows)).astype("boolean").where(is_known)
    orders["code"] = pandas.Series(random.integers(0, 3, rows)).astype("category")
    orders["mixed"] = pandas.Series([7 if row % 3 else "seven" for row in range(rows)], dtype=object)
    advise(orders, make(), calls, tmp_path)


@pytest.mark.parametrize("make", [lightgbm, xgboost, histogram_trees])
def test_a_level_that_the_fit_has_not_seen_counts_as_missing(orders, make):
    handling = _columns.handling_of(make())
    features = _columns.prepare(orders[["size", "shop", "colour"]], handling)
    levels = _columns.Levels(handling, features[:400])
    model = _study.clone(make())
    levels.set_up(model)
    model.fit(levels.training(), orders["late"][:400] == "yes")
    later = features[400:]
    no_shop = pandas.Series(None, index=later.index, dtype=later["shop"].dtype)
    unseen, missing = (levels.predict(model, rows) for rows in (later, later.assign(shop=no_shop)))
    assert unseen.tolist() == missing.tolist() and len(numpy.unique(unseen)) > 2


def pipeline(handle_unknown):
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    encoder = OneHotEncoder(handle_unknown=handle_unknown)
    return make_pipeline(
        make_column_transformer((encoder, ["shop", "colour"]), remainder="passthrough"), LogisticRegression()
    )


def test_a_pipeline_gets_the_columns_as_they_are(orders, calls, tmp_path):
    advise(orders, pipeline("ignore"), calls, tmp_path)


def test_a_pipeline_that_fails_on_new_levels_gets_missing_values(orders, calls, tmp_path):
    # The encoder knows a missing value from the fit, but no new shop.
    orders.loc[::9, "shop"] = None
    advise(orders, pipeline("error"), calls, tmp_path)


@pytest.mark.parametrize("make", [xgboost, catboost])
def test_an_estimator_around_another_one_is_handled_as_the_inner_one(orders, calls, tmp_path, make):
    from sklearn.calibration import CalibratedClassifierCV

    advise(orders, CalibratedClassifierCV(make(), cv=2), calls, tmp_path)


def test_a_pipeline_imputes_its_own_missing_values(orders, calls, tmp_path):
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    orders.loc[::7, "size"] = None
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["shop", "colour"]), (SimpleImputer(), ["size"])
    )
    advise(orders, make_pipeline(columns, LogisticRegression()), calls, tmp_path)


def test_a_margin_without_probabilities_is_refused(orders, tmp_path):
    from sklearn.svm import LinearSVC

    with pytest.raises(windrow.WindrowError, match="LinearSVC gives no probabilities"):
        windrow.advise(orders, target="late", time="at", estimator=LinearSVC(), folder=tmp_path)
