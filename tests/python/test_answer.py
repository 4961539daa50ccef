"""The answer in a terminal and in a notebook, and the call of the command."""

import base64
import json
import re
import xml.etree.ElementTree as ElementTree

import windrow
from conftest import ADVICE, PAGE
from windrow import _judge


def test_an_answer_prints_as_its_text():
    answer = windrow.Answer("Refit every week.\n", ADVICE)
    assert repr(answer) == str(answer) == answer.text


def test_the_schedules_are_a_data_frame():
    policies = windrow.Answer("", ADVICE).policies
    assert policies["history"].tolist() == ["8", "all"]
    assert policies["every"].tolist() == [1, 1]
    assert policies.loc[1, ["keeps", "low", "high", "at_least"]].tolist() == [0.9, 0.8, 1.1, 0.82]
    # The recommended schedule has the same losses as the second one.
    assert policies["is_recommended"].tolist() == [False, True]


def test_the_advice_may_be_part_of_a_report():
    answer = windrow.Answer("", {"windrow": "0.1.0", "advice": ADVICE})
    assert answer.sentences == ADVICE["recommendation"]["sentences"] and len(answer.policies) == 2


def test_no_schedule_is_an_empty_data_frame():
    nothing = {"recommendation": {"sentences": ["Too few windows."]}, "comparison": {"planned": [], "further": []}}
    policies = windrow.Answer("", nothing).policies
    assert len(policies) == 0 and "verdict" in policies.columns


def test_a_notebook_shows_the_pictures_with_their_own_style():
    shown = windrow.Answer("a < b", ADVICE, PAGE)._repr_html_()
    assert "This is &lt;shown&gt;." in shown and "a &lt; b" in shown
    assert re.findall('alt="([^"]*)"', shown) == ["How often &amp; how much", "Over time"]
    for data in re.findall('base64,([^"]*)', shown):
        picture = base64.b64decode(data).decode()
        assert "<style>.a{stroke:#0072b2}</style>" in picture
        assert ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"


def test_more_paths_than_a_command_line_takes_are_a_list(monkeypatch):
    given = []

    def run(arguments, folder=None):
        [listed] = [argument for argument in arguments if argument.startswith("--files-from=")]
        with open(listed[len("--files-from=") :], encoding="utf-8") as file:
            given.extend(file.read().splitlines())
        [report] = [argument for argument in arguments if argument.startswith("--report=")]
        with open(report[len("--report=") :], "w", encoding="utf-8") as page:
            page.write(PAGE)
        assert "--" not in arguments
        return json.dumps(ADVICE), ""

    monkeypatch.setattr(_judge, "run", run)
    paths = [f"all-{number:05}-0123abcd.parquet" for number in range(3_000)]
    windrow.judge(paths)
    assert given == paths


def test_paths_and_options_are_given_to_the_command(calls, tmp_path):
    answer = windrow.judge([tmp_path / "a.csv", "b.csv"], window="week", label_delay=2, keep=0.9, models="models.csv")
    [(arguments, _)] = calls
    assert arguments[:2] == ["judge", "--json"] and arguments[2].startswith("--report=")
    assert arguments[3:6] == ["--window=week", "--label-delay=2", "--keep=0.9"]
    assert arguments[6].startswith("--models=")
    # A file may have a name that begins with a hyphen.
    assert arguments[7:] == ["--", str(tmp_path / "a.csv"), "b.csv"]
    assert answer.json == ADVICE and answer.html == PAGE and answer.text == "Refit every 2nd week\n"
    assert answer.notes.splitlines() == ADVICE["table"]["notes"]
