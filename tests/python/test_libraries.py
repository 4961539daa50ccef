"""The libraries that people use, on a few rows: scikit-learn, LightGBM, and both with categories that a fit has not
seen."""

import numpy
import pandas
import pytest
import windrow
from conftest import predictions

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


def test_lightgbm_gets_categories(orders, calls, tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=5, verbose=-1, n_jobs=1)
    advise(orders, model, calls, tmp_path)
    assert not hasattr(model, "_Booster") or model._Booster is None, "the estimator of the caller is not fitted"


def test_histogram_trees_of_scikit_learn_get_categories(orders, calls, tmp_path):
    from sklearn.ensemble import HistGradientBoostingClassifier

    advise(orders, HistGradientBoostingClassifier(max_iter=5), calls, tmp_path)


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


def test_a_search_is_handled_as_its_estimator(orders, calls, tmp_path):
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import HistGradientBoostingClassifier

    advise(orders, CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=3), cv=2), calls, tmp_path)


def test_a_margin_without_probabilities_is_refused(orders, tmp_path):
    from sklearn.svm import LinearSVC

    with pytest.raises(windrow.WindrowError, match="LinearSVC gives no probabilities"):
        windrow.advise(orders, target="late", time="at", estimator=LinearSVC(), folder=tmp_path)
