"""The Python of the documents is run. It needs the command, as the tests of `test_wheel`."""

import os
import re

import pandas
import pytest
import windrow
from test_wheel import REQUIRED, world
from windrow import WindrowError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def blocks(document):
    with open(os.path.join(ROOT, document), encoding="utf-8") as file:
        return re.findall(r"^```python\n(.*?)^```$", file.read(), re.DOTALL | re.MULTILINE)


def test_the_examples_of_own_models_run(tmp_path, monkeypatch, capsys):
    pytest.importorskip("lightgbm")
    try:
        windrow.find_binary()
    except WindrowError as error:
        if REQUIRED:
            raise
        pytest.skip(str(error))
    monkeypatch.chdir(tmp_path)
    first, *_ = blocks("docs/own-model.md")
    names = {"frame": world(weeks=18, rows=60)}
    exec(first, names)
    assert isinstance(names["answer"].policies, pandas.DataFrame)
    assert names["answer"].text in capsys.readouterr().out
