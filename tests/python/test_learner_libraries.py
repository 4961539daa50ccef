"""The learner with the libraries that people use: levels that a fit has not seen, missing values, odd names."""

import os

import numpy
import pyarrow
import pytest
from pyarrow import parquet
from windrow import WindrowError, _learner, _learner_frame
from windrow._protocol import Unlearnable
from worker import LEVELS, SCHEMA, Worker, row, window

pytest.importorskip("sklearn")


def lightgbm():
    return pytest.importorskip("lightgbm").LGBMClassifier(n_estimators=8, min_child_samples=5, verbose=-1)


def xgboost():
    return pytest.importorskip("xgboost").XGBClassifier(n_estimators=8, subsample=0.8)


def catboost():
    return pytest.importorskip("catboost").CatBoostClassifier(iterations=8)


def histogram_trees():
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=8)


def calibrated():
    from sklearn.calibration import CalibratedClassifierCV

    return CalibratedClassifierCV(lightgbm(), cv=2)


def pipeline(handle_unknown="ignore", model=None):
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown=handle_unknown), ["carrier"]),
        (SimpleImputer(), ["distance", "log(fare)"]),
        remainder="passthrough",
    )
    return make_pipeline(columns, model or RandomForestClassifier(n_estimators=8, min_samples_leaf=4))


def strict_pipeline():
    return pipeline("error")


CARRIERS = {"target": "late", "features": [{"name": "carrier", "kind": "category"}]}
TREES = [lightgbm, xgboost, catboost, histogram_trees, calibrated]
ALL = [*TREES, pipeline, strict_pipeline]


class Learner:
    """A worker without a process."""

    def __init__(self, estimator, folder, schema=SCHEMA):
        self.folder = str(folder)
        self.worker = _learner._Worker(estimator)
        self.identity = self.worker.hello({"method": "hello", "protocol": 1, "schema": schema})

    def fit(self, files, levels=LEVELS, name="model", seed=1):
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        request = {"method": "fit", "model": "m", "files": files, "levels": levels, "folder": folder, "seed": seed}
        assert self.worker.fit(request) == {}
        return folder

    def score(self, model, file):
        out = os.path.join(self.folder, "out")
        answer = self.worker.score({"method": "score", "models": [model], "file": file, "out": out})
        found = numpy.fromfile(out, dtype="<f8")
        assert answer == {"rows": len(found)}
        return found

    def predict(self, model, rows):
        request = {"method": "predict", "folder": model, "rows": rows}
        return self.worker.predict(request)["probabilities"]


def stored(folder, columns):
    """Writes a window with these columns. Returns its path."""
    path = str(folder / "window.parquet")
    parquet.write_table(pyarrow.table(columns), path)
    return path


def labels(file):
    return parquet.read_table(file)["late"].to_numpy()


@pytest.mark.parametrize("make", ALL)
def test_a_level_that_the_fit_has_not_seen_is_a_missing_value(make, tmp_path):
    estimator = make()
    before = repr(sorted(vars(estimator)))
    learner = Learner(estimator, tmp_path)
    model = learner.fit([window(tmp_path, number) for number in (1, 2)])
    later = window(tmp_path, 3, carriers=("DL", "UA", "ZZ"))
    scored = learner.score(model, later)
    late = labels(later)
    assert scored[late].mean() > scored[~late].mean() + 0.1, "the features say something"
    unseen, missing, known = learner.predict(model, [row(carrier=name) for name in ("ZZ", None, "UA")])
    assert unseen == missing != known
    assert repr(sorted(vars(estimator))) == before, "the estimator of the program is not fitted"


@pytest.mark.parametrize("make", ALL)
def test_a_row_has_the_same_probability_in_a_file_and_in_a_request(make, tmp_path):
    learner = Learner(make(), tmp_path)
    model = learner.fit([window(tmp_path, 1)])
    later = window(tmp_path, 2, rows=60, carriers=("DL", "ZZ"))
    cells = [{name: value for name, value in cells.items() if name != "late"} for cells in rows_of(later)]
    scored = learner.score(model, later)
    one_by_one = [learner.predict(model, [cells])[0] for cells in cells]
    # The sum over the trees may have another order for another number of rows.
    assert one_by_one == pytest.approx(scored.tolist(), abs=1e-12)
    assert learner.predict(model, cells) == pytest.approx(scored.tolist(), abs=1e-12)


def rows_of(file):
    return parquet.read_table(file).to_pylist()


@pytest.mark.parametrize("make", ALL)
def test_columns_without_a_value_and_values_that_are_missing_later(make, tmp_path):
    # Nothing is known of the carrier and the distance in the first window.
    early = parquet.read_table(window(tmp_path, 1))
    empty = {"carrier": pyarrow.nulls(200, pyarrow.string()), "distance": pyarrow.nulls(200, pyarrow.float64())}
    for name, values in empty.items():
        early = early.set_column(early.column_names.index(name), name, values)
    path = str(tmp_path / "early.parquet")
    parquet.write_table(early, path)
    learner = Learner(make(), tmp_path)
    model = learner.fit([path], levels={"carrier": []})
    assert len(learner.score(model, window(tmp_path, 2))) == 200
    assert 0 <= learner.predict(model, [dict.fromkeys(row())])[0] <= 1


PROGRAMS = {
    "lightgbm": "from lightgbm import LGBMClassifier as E\ne = E(n_estimators=8, subsample=0.5, subsample_freq=1)",
    "xgboost": "from xgboost import XGBClassifier as E\ne = E(n_estimators=8, subsample=0.5)",
    "catboost": "from catboost import CatBoostClassifier as E\ne = E(iterations=8)",
    "sklearn": "from test_learner_libraries import pipeline\ne = pipeline()",
}


@pytest.mark.parametrize("library", sorted(PROGRAMS))
def test_the_seed_decides_in_another_process(library, tmp_path):
    pytest.importorskip(library)
    program = f"{PROGRAMS[library]}\nimport windrow\nwindrow.learner(e)\n"
    files = [window(tmp_path, number) for number in (1, 2)]
    path = os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])
    found = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        with Worker(folder, program, PYTHONPATH=path) as worker:
            worker.hello()
            models = [worker.fit(files, f"model-{seed}", seed=seed)[0] for seed in (3, 4)]
            found.append(worker.score(models, files[1]))
            assert sorted(os.listdir(folder)) == ["log.txt", "model-3", "model-4", "model.py", "out"]
            # CatBoost prints its progress.
            assert worker.end() == 0 and len([line for line in worker.lines if line.strip()]) == 4
    assert numpy.abs(found[0] - found[1]).max() <= 1e-12
    assert (found[0][0] != found[0][1]).any(), "another seed, another model"


def odd_schema(names):
    return {"target": "late", "features": [{"name": name, "kind": "number"} for name in names]}


@pytest.mark.parametrize("make", TREES)
def test_names_of_columns_that_a_library_refuses(make, tmp_path):
    names = ["price [EUR]", "price_EUR_", "price__EUR_", 'a "b": {c}', "a<b", "x y", "x_y", "größe, m²"]
    random = numpy.random.default_rng(1)
    columns = {name: random.normal(size=200) for name in names}
    path = stored(tmp_path, {**columns, "late": sum(columns.values()) + random.normal(size=200) > 0})
    learner = Learner(make(), tmp_path, odd_schema(names))
    scored = learner.score(learner.fit([path], levels={}), path)
    assert scored[labels(path)].mean() > scored[~labels(path)].mean() + 0.1


def test_histogram_trees_take_the_most_frequent_levels(tmp_path, capsys):
    carriers = [f"C{number:03}" for number in range(300)]
    # C100 to C299 have two rows, the others one.
    column = carriers + carriers[100:]
    random = numpy.random.default_rng(1)
    path = stored(tmp_path, {"carrier": column, "late": random.random(500) < 0.5})
    learner = Learner(histogram_trees(), tmp_path, CARRIERS)
    model = learner.fit([path], levels={"carrier": carriers})
    kept = learner.worker._model(model).levels["carrier"]
    assert kept == carriers[:55] + carriers[100:]
    assert "carrier has 300 levels, and HistGradientBoostingClassifier takes 255" in capsys.readouterr().err
    rare, missing = learner.predict(model, [{"carrier": "C060"}, {"carrier": None}])
    assert rare == missing


def test_text_before_an_estimator_without_an_encoder_gets_a_hint(tmp_path):
    from sklearn.linear_model import LogisticRegression

    learner = Learner(LogisticRegression(), tmp_path)
    with pytest.raises(WindrowError, match="carrier have text: put a OneHotEncoder"):
        learner.fit([window(tmp_path, 1)])


def fitted(estimator, folder, late, punctual):
    """Fits a model to 60 rows of two carriers. Returns the learner and the model."""
    path = stored(folder, {"carrier": [late, punctual] * 30, "late": [True, False] * 30})
    learner = Learner(estimator, folder, CARRIERS)
    return learner, learner.fit([path], levels={"carrier": sorted([late, punctual])})


def test_an_encoder_that_refuses_new_levels_gets_a_hint(tmp_path):
    learner, model = fitted(strict(), tmp_path, late="AA", punctual="UA")
    with pytest.raises(WindrowError, match="give the encoder handle_unknown='ignore'"):
        learner.predict(model, [{"carrier": "ZZ"}])


def strict():
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    return make_pipeline(make_column_transformer((OneHotEncoder(), ["carrier"])), LogisticRegression())


def words():
    """A pipeline that takes every text, but no missing value."""
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(make_column_transformer((CountVectorizer(), "carrier")), LogisticRegression())


def test_a_pipeline_that_takes_no_missing_value_gets_new_text_as_it_is(tmp_path):
    learner, model = fitted(words(), tmp_path, late="red plane", punctual="blue plane")
    red, blue = learner.predict(model, [{"carrier": "red train"}, {"carrier": "blue train"}])
    assert red > 0.5 > blue
    with pytest.raises((AttributeError, ValueError), match="invalid document|has no attribute 'lower'"):
        learner.predict(model, [{"carrier": None}])


def test_a_fold_without_a_class_is_unlearnable(tmp_path):
    from sklearn.calibration import CalibratedClassifierCV

    learner = Learner(CalibratedClassifierCV(lightgbm(), cv=5), tmp_path)
    with pytest.raises(Unlearnable, match="one class has only 3 rows"):
        learner.fit([window(tmp_path, 1, late=numpy.arange(200) < 3)])


@pytest.mark.parametrize(("make", "parameter"), [(lightgbm, "n_jobs"), (catboost, "thread_count")])
def test_the_threads_are_those_of_the_environment(make, parameter, tmp_path, monkeypatch):
    def threads(model):
        return learner.worker._model(model).estimator.get_params().get(parameter)

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    learner = Learner(make(), tmp_path)
    path = window(tmp_path, 1)
    model = learner.fit([path])
    assert threads(model) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    # CatBoost keeps those of the fit.
    learner = Learner(make(), tmp_path)
    assert threads(model) == (1 if make is lightgbm else 3)
    assert len(learner.score(model, path)) == 200
    learner = Learner(make().set_params(**{parameter: 2}), tmp_path)
    assert threads(learner.fit([path], name="other")) == 2, "a number of the program is kept"


def test_what_the_identity_has(tmp_path):
    learner = Learner(pipeline(model=lightgbm()), tmp_path)
    assert learner.identity["name"] == "sklearn.Pipeline(lightgbm.LGBMClassifier)"
    assert {"sklearn", "lightgbm", "numpy", "pandas", "pyarrow", "python"} <= set(learner.identity["versions"])
    assert Learner(calibrated(), tmp_path).identity["name"] == "sklearn.CalibratedClassifierCV(lightgbm.LGBMClassifier)"
    digests = {Learner(make(), tmp_path).identity["digest"] for make in ALL}
    assert len(digests) == len(ALL)


def test_seeds_reach_the_parts_of_a_pipeline(tmp_path):
    learner = Learner(pipeline(), tmp_path)
    model = learner.worker._model(learner.fit([window(tmp_path, 1)], seed=41))
    assert model.estimator[-1].random_state == 41


def test_a_window_is_kept_until_its_file_changes(tmp_path, monkeypatch):
    read = []
    original = _learner_frame.read_window
    monkeypatch.setattr(_learner, "read_window", lambda path, schema: (read.append(path), original(path, schema))[1])
    learner = Learner(lightgbm(), tmp_path)
    path = window(tmp_path, 1)
    model = learner.fit([path])
    learner.score(model, path)
    assert read == [path]
    os.rename(window(tmp_path, 2), path)
    learner.score(model, path)
    assert read == [path] * 2


def test_what_a_worker_keeps_is_bounded(tmp_path, monkeypatch):
    files = [window(tmp_path, number) for number in range(1, 7)]
    size = _learner_frame.read_window(files[0], _learner_frame.schema_of(SCHEMA)).size
    assert 200 * (8 + 8 + 4 + 4 + 1) <= size <= 200 * 25 + 1_000
    monkeypatch.setattr(_learner, "MAX_WINDOW_BYTES", 3 * size + 100)
    monkeypatch.setattr(_learner, "MAX_MODELS", 2)
    learner = Learner(lightgbm(), tmp_path)
    models = [learner.fit(files[:count], name=f"model-{count}") for count in range(1, 7)]
    scores = [learner.score(model, files[0]).tolist() for model in models]
    assert len(learner.worker._windows) == 3 and learner.worker._windows.size <= 3 * size + 100
    assert len(learner.worker._models) == 2
    assert [learner.score(model, files[0]).tolist() for model in models] == scores


class Careless:
    """An estimator that changes the rows that it gets."""

    def fit(self, rows, y):
        self.mean_ = rows["distance"].mean()
        rows.loc[:, "distance"] = 0.0
        return self

    def predict_proba(self, rows):
        positive = (rows["distance"] > self.mean_).to_numpy() * 0.5 + 0.25
        rows.loc[:, "distance"] = 0.0
        return numpy.column_stack([1 - positive, positive])


def test_an_estimator_that_changes_its_rows_does_not_disturb_the_next_one(tmp_path):
    learner = Learner(Careless(), tmp_path)
    path = window(tmp_path, 1)
    models = [learner.fit([path], name=name) for name in ("a", "b")]
    out = str(tmp_path / "out")
    learner.worker.score({"method": "score", "models": models, "file": path, "out": out})
    first, second = numpy.fromfile(out, dtype="<f8").reshape(2, -1)
    assert (first == second).all() and len(set(first)) == 2


def test_models_are_kept_by_their_size(tmp_path, monkeypatch):
    monkeypatch.setattr(_learner, "MAX_MODEL_BYTES", 100)
    learner = Learner(lightgbm(), tmp_path)
    path = window(tmp_path, 1)
    models = [learner.fit([path], name=name) for name in ("a", "b")]
    for model in models:
        learner.score(model, path)
    # The last one is kept, though it is larger.
    assert len(learner.worker._models) == 1
