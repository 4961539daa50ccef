"""The transcript of the protocol in `docs/own-model.md`: its requests get its answers.

`WINDROW_BLESS=1` writes the answers of this learner to `fixtures/learner/transcript.jsonl`.
"""

import json
import os

import numpy
import pyarrow
import pytest
from pyarrow import parquet
from test_documents import ROOT, blocks
from worker import Worker

DOCUMENT = "docs/own-model.md"
TRANSCRIPT = os.path.join(ROOT, "fixtures", "learner", "transcript.jsonl")
# The place of the files in the transcript.
PLACE = "/srv/flights"


def lines():
    with open(TRANSCRIPT, encoding="utf-8") as file:
        return file.read().splitlines()


def flights(path, number, rows=240):
    """Writes a window of the transcript. In window 4, every flight is late."""
    i = numpy.arange(rows) + 1_000 * number
    hour = (i * 5 % 24).astype("int32")
    carrier = numpy.array(["AA", "DL", "UA"])[i * 7 % 3]
    late = (hour + 4 * (carrier == "UA") + i * i % 11 > 18) | (number == 4)
    columns = {
        "distance": pyarrow.array(100.0 + i * 37 % 2_400, mask=i % 19 == 0),
        "log(fare)": pyarrow.array(numpy.log1p(20.0 + i * 13 % 300)),
        "carrier": pyarrow.array(carrier, mask=i % 23 == 0),
        "hour(departure)": pyarrow.array(hour),
        "late": pyarrow.array(late),
    }
    parquet.write_table(pyarrow.table(columns), path)


def is_close(found, expected):
    """Returns whether two answers are the same. Probabilities may differ a little between versions of a library."""
    if isinstance(expected, float):
        return isinstance(found, float) and abs(found - expected) < 1e-6
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and list(found) == list(expected)
            and all(map(is_close, found.values(), expected.values()))
        )
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(is_close, found, expected))
    return found == expected and type(found) is type(expected)


def test_the_document_shows_the_transcript():
    with open(os.path.join(ROOT, DOCUMENT), encoding="utf-8") as file:
        assert "\n\n" + "".join(f"    {line}\n" for line in lines()) + "\n" in file.read()


def test_the_learner_of_the_document_answers_as_the_transcript(tmp_path):
    pytest.importorskip("lightgbm")
    [program] = [block for block in blocks(DOCUMENT) if "windrow.learner(" in block]
    for folder in ("frames", "scores"):
        (tmp_path / folder).mkdir()
    for number in (1, 2, 3, 4):
        flights(tmp_path / "frames" / f"window-{number:05}.parquet", number)
    kept = lines()
    found = []
    with Worker(tmp_path, program) as worker:
        for request in kept[::2]:
            here = request.replace(PLACE, str(tmp_path))
            if json.loads(request)["method"] == "fit":
                os.makedirs(json.loads(here)["folder"])
            worker.send(here.encode() + b"\n")
            found += [request, worker.answer().decode().rstrip("\n").replace(str(tmp_path), PLACE)]
        assert worker.end() == 0
    if os.environ.get("WINDROW_BLESS"):
        with open(TRANSCRIPT, "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in found))
        return
    for line, expected in zip(found[1::2], kept[1::2]):
        answer, expected = json.loads(line), json.loads(expected)
        for hello in (answer, expected):
            if "digest" in hello.get("result", {}):
                # These are those of the machine.
                assert len(hello["result"].pop("digest")) == 64
                names = list(hello["result"].pop("versions"))
                assert [name for name in names if name != "windrow"] == [
                    "python",
                    "lightgbm",
                    "numpy",
                    "pandas",
                    "pyarrow",
                ]
        assert is_close(answer, expected), line
    scores = numpy.fromfile(tmp_path / "scores" / "window-00003", dtype="<f8")
    assert len(scores) == 240 and ((scores > 0) & (scores < 1)).all()
