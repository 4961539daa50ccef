"""The programs that `windrow init --learner` writes."""

import os

import numpy
import pytest
from worker import Worker, row, window

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "cli", "init")
LIBRARIES = [
    ("lightgbm", "lightgbm.LGBMClassifier"),
    ("xgboost", "xgboost.XGBClassifier"),
    ("sklearn", "sklearn.HistGradientBoostingClassifier"),
]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="workers run on Linux and macOS")
pytest.importorskip("sklearn")


@pytest.mark.parametrize(("library", "name"), LIBRARIES)
def test_the_program_of_a_library_is_a_learner(tmp_path, library, name):
    pytest.importorskip(library)
    with open(os.path.join(PROGRAMS, f"model_{library}.py"), encoding="utf-8") as file:
        program = file.read()
    files = [window(tmp_path, number) for number in (1, 2)]
    with Worker(tmp_path, program) as worker:
        hello = worker.hello()
        assert hello["name"] == name and library in hello["versions"]
        models = []
        for folder in ("first", "second"):
            model, answer = worker.fit(files, folder)
            assert answer["result"] == {}, answer
            models.append(model)
        scored = worker.score(models, files[1])
        # Equal fits, and better than no model.
        assert (scored[0] == scored[1]).all() and numpy.ptp(scored[0]) > 0.2
        # A level that the fit has not seen is a missing value.
        rows = [row(), row(carrier="ZZ"), row(carrier=None)]
        known, new, missing = worker.ask("predict", folder=models[0], rows=rows)["result"]["probabilities"]
        assert new == missing and 0 < known < 1
        assert worker.end() == 0


def test_every_program_is_tested():
    found = sorted(name for name in os.listdir(PROGRAMS) if name.endswith(".py"))
    assert found == sorted(f"model_{library}.py" for library, _ in LIBRARIES)
