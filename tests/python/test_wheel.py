"""The package with its command, as pip installs them.

`WINDROW_TEST_WHEEL=required` makes a missing command an error.
"""

import base64
import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ElementTree

import numpy
import pandas
import pytest
import windrow
from conftest import Share
from windrow import WindrowError

REQUIRED = os.environ.get("WINDROW_TEST_WHEEL") == "required"


@pytest.fixture(scope="module")
def command():
    """The path of the command. Tests that need it are skipped without it."""
    try:
        return windrow.find_binary()
    except WindrowError as error:
        if REQUIRED:
            raise
        pytest.skip(str(error))


def test_the_package_is_installed_and_not_its_source():
    if not REQUIRED:
        pytest.skip("WINDROW_TEST_WHEEL is not `required`")
    assert os.path.dirname(windrow.__file__).startswith(sysconfig.get_path("purelib"))
    assert os.path.dirname(windrow.find_binary()) == sysconfig.get_path("scripts")
    names = [str(file) for file in importlib.metadata.files("windrow")]
    assert "windrow/py.typed" in names and not [name for name in names if "test" in name]
    assert not importlib.metadata.requires("windrow")


def test_the_package_needs_only_the_standard_library():
    known = "{name.partition('.')[0] for name in sys.modules} & {'numpy', 'pandas', 'pyarrow', 'sklearn', 'joblib'}"
    script = f"import sys, windrow; assert not {known}, {known}"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_module_is_the_command(command):
    def output(*program):
        return subprocess.run([*program, "--version"], stdout=subprocess.PIPE, check=True).stdout

    assert output(sys.executable, "-m", "windrow") == output(command)
    failed = subprocess.run([sys.executable, "-m", "windrow", "judge", "no-such-file.csv"], stderr=subprocess.PIPE)
    assert failed.returncode != 0 and b"no-such-file.csv" in failed.stderr


def world(weeks=24, rows=200):
    """Weeks in which the direction of the effect turns slowly, so that old rows mislead."""
    random = numpy.random.default_rng(11)
    number = numpy.arange(weeks * rows)
    x, z = random.normal(size=(2, len(number)))
    turn = 0.12 * (number // rows)
    p = 1 / (1 + numpy.exp(-2 * (x * numpy.cos(turn) + z * numpy.sin(turn))))
    at = pandas.Timestamp("2024-01-01") + pandas.to_timedelta(number * 7 * 86_400 // rows, unit="s")
    return pandas.DataFrame({"at": at, "x": x, "z": z, "late": random.random(len(number)) < p})


class Logistic:
    """Logistic regression by a few steps of Newton, so that this test needs no other package."""

    def fit(self, rows, y):
        self.w = numpy.zeros(rows.shape[1])
        values = rows.to_numpy()
        for _ in range(6):
            p = 1 / (1 + numpy.exp(-values @ self.w))
            hessian = (values * (p * (1 - p))[:, None]).T @ values + numpy.eye(len(self.w))
            self.w += numpy.linalg.solve(hessian, values.T @ (y - p) - self.w)
        return self

    def predict_proba(self, rows):
        p = 1 / (1 + numpy.exp(-rows.to_numpy() @ self.w))
        return numpy.column_stack([1 - p, p])


def test_the_answer_is_that_of_the_same_schedules_computed_apart(command, tmp_path):
    answer = windrow.advise(
        world(), target="late", time="at", estimator=Logistic(), window="week", folder=tmp_path, progress=False
    )
    [study] = [entry for entry in tmp_path.iterdir()]
    table = pandas.concat([pandas.read_parquet(path) for path in study.glob("*.parquet")], ignore_index=True)
    monday = pandas.Timestamp("2024-01-01", tz="UTC")
    table["window"] = (table["time"] - monday).dt.days // 7 + 1
    table["newest"] = (table["trained_through"] - monday).dt.days // 7 + 1
    table["loss"] = -numpy.log(numpy.where(table["y"] == 1, table["p"], 1 - table["p"]))
    judged = answer.json["basis"]["judged"]
    table = table[table["window"].between(judged["first"], judged["last"])]
    policies = answer.policies.set_index(["history", "refit", "every"])
    compared = 0
    for history in ("1", "2", "4", "8", "all"):
        # A history of all windows so far is the fit of `all`.
        is_all = (table["history"] == "all") & (table["newest"] <= (99 if history == "all" else int(history)))
        rows = table[(table["history"] == history) | is_all]
        for every in (1, 2, 4):
            if (history, "every", every) not in policies.index:
                continue
            # The mean over the phases: models of 1 to `every` windows of age.
            of_age = rows[rows["window"] - rows["newest"] <= every]
            expected = of_age["loss"].sum() / every / judged["rows"]
            assert policies.loc[(history, "every", every), "log_loss"] == pytest.approx(expected, abs=2e-6)
            compared += 1
    assert compared >= 8
    # Old rows mislead, so a short history is the best one.
    assert policies.index[0][0] in ("1", "2", "4")
    assert answer.sentences[0] in " ".join(answer.text.split())
    check_notebook(answer._repr_html_())


def check_notebook(shown):
    """Checks that the answer in a notebook needs no other file, and has colours for light and dark."""
    pictures = re.findall(r'<img alt="([^"]+)"[^>]* src="data:image/svg\+xml;base64,([^"]+)">', shown)
    assert len(pictures) == shown.count("<img ") == 4
    assert "http" not in re.sub('base64,[^"]*', "", shown) and "<script" not in shown and "<style" not in shown
    for title, data in pictures:
        picture = base64.b64decode(data).decode("utf-8")
        names = [element.tag.rpartition("}")[2] for element in ElementTree.fromstring(picture).iter()]
        assert names[0] == "svg" and f"<title>{title}</title>" in picture
        assert "@media(prefers-color-scheme:dark){svg{" in picture
        assert not {"image", "use", "script", "foreignObject"}.intersection(names)
        assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")


def test_a_fault_of_the_table_is_named(command):
    table = pandas.DataFrame({"window": [2, 3, 3], "y": [0, 1, 0], "p": [0.1, 0.2, 1.2], "trained_through": [1, 2, 2]})
    with pytest.raises(WindrowError, match="row 3"):
        windrow.judge(table)


def test_an_estimator_without_signal_has_an_answer_too(command):
    answer = windrow.advise(world(weeks=18, rows=30), target="late", time="at", estimator=Share(), progress=False)
    assert answer.text and answer.json["recommendation"]["status"] in ("clear", "partly", "too_few")
