"""The loop of a worker, through its pipes."""

import json
import os
import shutil
import signal
import sys
import sysconfig

import numpy
import pytest
from windrow._code import _is_own
from worker import LEVELS, SCHEMA, Worker, row, window

pytestmark = pytest.mark.skipif(os.name != "posix", reason="workers run on Linux and macOS")

# An estimator of scikit-learn's interface without scikit-learn: the share of positives, and a point of noise.
SHARE = """
import numpy

class Share:
    def __init__(self, random_state=None, weight=1.0):
        self.random_state, self.weight = random_state, weight

    def get_params(self, deep=True):
        return {"random_state": self.random_state, "weight": self.weight}

    def set_params(self, **given):
        self.__dict__.update(given)
        return self

    def fit(self, rows, y):
        noise = numpy.random.default_rng(self.random_state).random() + numpy.random.random()
        self.share_ = 0.9 * float(y.mean()) + 0.05 * noise
        return self

    def predict_proba(self, rows):
        return numpy.tile([1 - self.share_, self.share_], (len(rows), 1))
"""
LEARN = SHARE + "\nimport windrow\nwindrow.learner(Share())\n"


def program(*, fit="pass", first="", estimator="Share"):
    """A program whose estimator does more in its fit."""
    inner = fit.replace("\n", "\n        ")
    return f"""{first}
{SHARE}
import os, subprocess, sys

class Other(Share):
    def fit(self, rows, y):
        {inner}
        return Share.fit(self, rows, y)

import windrow
windrow.learner({estimator}())
"""


@pytest.fixture
def files(tmp_path):
    """Two windows."""
    return [window(tmp_path, number) for number in (1, 2)]


def test_a_fit_a_score_and_a_prediction(tmp_path, files):
    with Worker(tmp_path, LEARN) as worker:
        hello = worker.hello()
        assert (hello["protocol"], hello["name"]) == (1, "model.Share")
        assert {"python", "numpy", "pandas", "pyarrow"} <= set(hello["versions"]) and len(hello["digest"]) == 64
        models = [worker.fit(files[:1], "a")[0], worker.fit(files, "b")[0]]
        assert [sorted(os.listdir(model)) for model in models] == [["model.json", "model.pickle"]] * 2
        scored = worker.score(models, files[1])
        assert scored.shape == (2, 200) and scored[0, 0] != scored[1, 0]
        predicted = worker.ask("predict", folder=models[1], rows=[row(), row(carrier=None)])["result"]["probabilities"]
        assert predicted == [scored[1, 0]] * 2
        assert worker.ask("predict", folder=models[1], rows=[])["result"] == {"probabilities": []}
        assert worker.end() == 0
        assert worker.answer() == b""


NOISE = r"""
import os, sys
print("half of a line", end="")
sys.stdout.flush()
os.system("echo from a shell")
os.write(1, b'{"id":1,"result":{}} half of a line')
print("not yet written", end="")
"""
LOUD = r"""print("noise of print")
sys.stdout.write('{"id":2,"result":{"rows":0}}\n')
os.write(1, b"noise of a descriptor\n")
os.system("echo noise of a shell")
subprocess.run([sys.executable, "-c", "print('noise of a child')"])
print("no end of a line", end="")"""


def test_what_a_library_prints_is_log_and_no_answer(tmp_path, files):
    with Worker(tmp_path, program(first=NOISE, fit=LOUD, estimator="Other")) as worker:
        # These were printed before the learner could take its output.
        assert [worker.answer() for _ in range(2)] == [
            b"half of a linefrom a shell\n",
            b'{"id":1,"result":{}} half of a line\n',
        ]
        worker.hello()
        model, answer = worker.fit(files)
        assert answer == {"id": 2, "result": {}}
        assert worker.score([model], files[0]).shape == (1, 200)
        assert worker.end() == 0
        assert len(worker.lines) == 5
    log = worker_log(tmp_path)
    for source in ("print", "a descriptor", "a shell", "a child"):
        assert f"noise of {source}" in log
    assert "not yet written" in log and "no end of a line" in log


def worker_log(folder):
    return (folder / "log.txt").read_text(encoding="utf-8")


def test_a_fit_reads_nothing_of_the_requests(tmp_path, files):
    with Worker(tmp_path, program(fit="assert sys.stdin.read() == ''", estimator="Other")) as worker:
        worker.hello()
        assert worker.fit(files)[1] == {"id": 2, "result": {}}


# The child comes back from `fit`, too. A second one keeps running.
FORKS = """if os.fork() == 0:
    return Share.fit(self, rows, y)
child = os.fork()
if child == 0:
    import time
    time.sleep(600)
with open("child.txt", "w") as file:
    file.write(str(child))"""


def test_a_forked_child_neither_answers_nor_keeps_the_pipe_open(tmp_path, files):
    with Worker(tmp_path, program(fit=FORKS, estimator="Other")) as worker:
        worker.hello()
        model, answer = worker.fit(files)
        child = int((tmp_path / "child.txt").read_text())
        try:
            assert answer == {"id": 2, "result": {}}
            assert worker.ask("predict", folder=model, rows=[row()])["id"] == 3
            assert worker.end() == 0
            # The end, though the child still runs.
            assert worker.answer() == b""
        finally:
            os.kill(child, signal.SIGKILL)


# A program without `if __name__ == "__main__"`, which each new process of this kind imports again.
SPAWNS = """import multiprocessing
with multiprocessing.get_context("spawn").Pool(2) as pool:
    assert pool.map(abs, [-1, -2]) == [1, 2]"""


def test_processes_that_import_the_program_again_do_not_answer(tmp_path, files):
    with Worker(tmp_path, program(fit=SPAWNS, estimator="Other")) as worker:
        worker.hello()
        assert worker.fit(files)[1] == {"id": 2, "result": {}}
        assert worker.end() == 0
        assert len([line for line in worker.lines if line.strip()]) == 2


def test_the_log_has_the_place_of_a_crash(tmp_path, files):
    with Worker(tmp_path, program(fit="os.kill(os.getpid(), 11)", estimator="Other")) as worker:
        worker.hello()
        worker.send(json.dumps(request_of_a_fit(files, tmp_path)).encode() + b"\n")
        assert worker.answer() == b""
        assert worker.end() == -signal.SIGSEGV
    assert "Segmentation fault" in worker_log(tmp_path) and "model.py" in worker_log(tmp_path)


def request_of_a_fit(files, folder):
    members = {"model": "cumulative-2", "files": files, "levels": LEVELS, "folder": str(folder), "seed": 1}
    return {"id": 2, "method": "fit", **members}


BAD = [
    (b"hello\n", "'hello' is not JSON"),
    (b"\n", "is not JSON"),
    (b'{"id":1,"method":"hel', "is not JSON"),
    (b'{"id":1,"method":"hello","x":NaN}\n', "NaN is not a number in JSON"),
    (b'{"id":1,"x":"\xff"}\n', "is not JSON"),
    (b"[" * 100_000 + b"\n", "is not JSON"),
    (b"[]\n", "has no `id`"),
    (b'{"method":"hello"}\n', "has no `id`"),
    (b'{"id":true,"method":"hello"}\n', "has no `id`"),
    (b'{"id":1,"method":"' + b"x" * (1 << 20) + b'"}\n', "longer than 1,048,576 bytes"),
]


@pytest.mark.parametrize(("line", "fault"), BAD, ids=[fault for _, fault in BAD])
def test_a_line_that_is_no_request_ends_the_worker_with_a_sentence(tmp_path, line, fault):
    with Worker(tmp_path, LEARN) as worker:
        worker.send(line)
        assert worker.end() == 1
        assert worker.answer() == b""
    log = worker_log(tmp_path)
    assert fault in log and "Traceback" not in log and len(log.splitlines()) == 1


def test_a_line_of_the_longest_size_is_read(tmp_path):
    with Worker(tmp_path, LEARN) as worker:
        start = b'{"id":1,"method":"'
        worker.send(start + b"x" * ((1 << 20) - len(start) - 2) + b'"}\n')
        error = json.loads(worker.answer())["error"]
        assert error["kind"] == "failed" and len(error["message"]) == 2_000


def test_a_request_that_is_wrong_gets_a_sentence(tmp_path, files):
    with Worker(tmp_path, LEARN) as worker:

        def fault(method, **members):
            error = worker.ask(method, **members)["error"]
            assert error["kind"] == "failed" and "Traceback" not in error["message"]
            return error["message"]

        assert "there is no method 'train'" in fault("train")
        assert "there is no method None" in fault(None)
        assert "the first request must be hello" in fault("predict", folder="x", rows=[])
        assert "version 2 of the protocol" in fault("hello", protocol=2, schema=SCHEMA)
        assert "needs `schema`" in fault("hello", protocol=1)
        assert "needs a name" in fault("hello", protocol=1, schema={"target": "y", "features": [{"name": "x"}]})
        twice = {"target": "y", "features": [{"name": "y", "kind": "number"}]}
        assert "has the name 'y' twice" in fault("hello", protocol=1, schema=twice)
        worker.hello()
        assert fault("fit") == "fit needs `files`, a list of paths"
        assert "needs `files`" in fault("fit", files=[1])
        whole = {"files": files, "folder": str(tmp_path), "seed": 1, "levels": LEVELS}
        assert "needs `seed`" in fault("fit", **{**whole, "seed": "1"})
        assert "levels`, with a list of texts for 'carrier'" in fault("fit", **{**whole, "levels": {}})
        assert "it is empty" in fault("fit", **{**whole, "files": []})
        assert "cannot be read" in fault("fit", **{**whole, "files": [str(tmp_path / "none")]})
        broken = tmp_path / "broken.parquet"
        broken.write_bytes(b"PAR1")
        assert "cannot be read" in fault("fit", **{**whole, "files": [str(broken)]})
        assert "has no model.pickle" in fault("score", models=[str(tmp_path)], file=files[0], out=str(tmp_path / "out"))
        model, _ = worker.fit(files)
        for cells, expected in [
            ({"speed": 1}, "row 1: 'speed' is not a feature"),
            ({"carrier": 7}, "row 1: 'carrier' is 7, and must be a category or null"),
            ({"distance": "far"}, "must be a number or null"),
            ({"distance": True}, "must be a number or null"),
            ({"distance": 10**400}, "must be a number or null"),
            ({"hour(departure)": 7.5}, "must be a calendar or null"),
            ({"hour(departure)": 2**40}, "must be a calendar or null"),
        ]:
            assert expected in fault("predict", folder=model, rows=[row(**cells)])
        assert "row 1: 7 is not a feature" in fault("predict", folder=model, rows=[7])
        # It still works.
        assert len(worker.ask("predict", folder=model, rows=[row()])["result"]["probabilities"]) == 1
        assert worker.end() == 0


def test_an_answer_is_never_longer_than_a_line(tmp_path, files):
    with Worker(tmp_path, LEARN) as worker:
        worker.hello()
        model, _ = worker.fit(files)
        message = worker.ask("predict", folder=model, rows=[{}] * 100_000)["error"]["message"]
        assert "ask for fewer rows" in message


FAILURES = [
    ("raise KeyError('no such thing')", "KeyError: 'no such thing'"),
    ("sys.exit(3)", "SystemExit: 3"),
    ("raise MemoryError", "MemoryError"),
    ("raise ValueError('x' * 5000)", "ValueError: xxx"),
    ("raise ValueError('half of \\ud800 a pair')", "ValueError: half of ? a pair"),
]


@pytest.mark.parametrize(("fit", "expected"), FAILURES, ids=[expected for _, expected in FAILURES])
def test_a_fit_that_fails_is_reported_and_its_place_is_in_the_log(tmp_path, files, fit, expected):
    with Worker(tmp_path, program(fit=fit, estimator="Other")) as worker:
        worker.hello()
        _, answer = worker.fit(files)
        assert answer["error"]["kind"] == "failed"
        message = answer["error"]["message"]
        assert message.startswith(expected) and len(message) <= 2_000 and "Traceback" not in message
        assert worker.end() == 0
    assert "Traceback" in worker_log(tmp_path) and "model.py" in worker_log(tmp_path)


def test_nothing_is_learned_from_one_class_or_from_no_row(tmp_path):
    with Worker(tmp_path, LEARN) as worker:
        worker.hello()
        cases = [
            (window(tmp_path, 1, late=False), "'late' is false in all 200 rows"),
            (window(tmp_path, 2, late=True), "'late' is true in all 200 rows"),
            (window(tmp_path, 3, rows=0), "there is no labelled row"),
        ]
        for number, (file, reason) in enumerate(cases):
            folder, answer = worker.fit([file], f"model-{number}")
            assert answer["error"]["kind"] == "unlearnable" and reason in answer["error"]["message"]
            assert os.listdir(folder) == []


def test_a_window_without_rows_has_no_probabilities(tmp_path, files):
    with Worker(tmp_path, LEARN) as worker:
        worker.hello()
        model, _ = worker.fit([window(tmp_path, 3, rows=0), *files])
        assert worker.score([model, model], window(tmp_path, 4, rows=0)).shape == (2, 0)


@pytest.mark.parametrize(("positives", "kind"), [(19, "unlearnable"), (20, "failed")])
def test_an_estimator_that_needs_more_rows_says_so(tmp_path, positives, kind):
    fit = "raise ValueError('n_splits=30 is too many')"
    with Worker(tmp_path, program(fit=fit, estimator="Other")) as worker:
        worker.hello()
        late = numpy.arange(200) < positives
        _, answer = worker.fit([window(tmp_path, 1, late=late)])
        assert answer["error"]["kind"] == kind and "n_splits=30" in answer["error"]["message"]


def test_the_same_seed_gives_the_same_model_in_another_process(tmp_path, files):
    found = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        with Worker(folder, LEARN) as worker:
            digest = worker.hello()["digest"]
            models = [worker.fit(files, f"model-{seed}", seed=seed)[0] for seed in (7, 8, 7 + 2**30, 2**31 - 1)]
            found.append((digest, worker.score(models, files[1])[:, 0].tolist()))
    assert found[0] == found[1]
    assert len(set(found[0][1])) == 4, "another seed, another model"


def test_a_seed_of_the_program_is_kept(tmp_path, files):
    fit = "open('seed.txt', 'w').write(str(self.random_state))"
    with Worker(tmp_path, program(fit=fit, estimator="Other").replace("Other()", "Other(random_state=5)")) as worker:
        worker.hello()
        worker.fit(files, seed=8)
    assert (tmp_path / "seed.txt").read_text() == "5"


def test_a_model_is_read_at_another_place(tmp_path, files):
    with Worker(tmp_path, LEARN) as worker:
        worker.hello()
        model, _ = worker.fit(files)
        expected = worker.score([model], files[0])
    moved = tmp_path / "elsewhere"
    shutil.copytree(model, moved)
    shutil.rmtree(model)
    with Worker(tmp_path, None) as worker:
        worker.hello()
        assert (worker.score([str(moved)], files[0]) == expected).all()


def edit(model, **members):
    path = os.path.join(model, "model.json")
    with open(path, encoding="utf-8") as file:
        about = json.load(file)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**about, **members}, file)
    return about


def test_a_model_of_other_versions_is_refused(tmp_path, files):
    with Worker(tmp_path, LEARN) as worker:
        worker.hello()
        model, _ = worker.fit(files)

        def fault(**members):
            about = edit(model, **members)
            message = worker.ask("predict", folder=model, rows=[row()])["error"]["message"]
            edit(model, **about)
            return message

        about = edit(model)
        with open(os.path.join(model, "model.pickle"), "rb") as file:
            whole = file.read()
        versions = about["versions"]
        assert "numpy 0.9, and this is numpy" in fault(versions={**versions, "numpy": "0.9"})
        assert "python 2.7.1, and this is python" in fault(versions={**versions, "python": "2.7.1"})
        assert "this learner does not use lightgbm" in fault(versions={**versions, "lightgbm": "4.6.0"})
        assert "has the format 2" in fault(format=2)
        assert "made for other features" in fault(features=[["x", "number"]])
        for part in (whole[:20], b"", b"rubbish"):
            with open(os.path.join(model, "model.pickle"), "wb") as file:
                file.write(part)
            assert "cannot be read" in fault()
        with open(os.path.join(model, "model.pickle"), "wb") as file:
            file.write(whole)
        # These two are not part of a pickle, nor is a smaller version of Python.
        python = ".".join(versions["python"].split(".")[:2]) + ".99"
        edit(model, versions={**versions, "python": python, "pyarrow": "0.1", "windrow": "0.0.1"})
        assert "result" in worker.ask("predict", folder=model, rows=[row()])


def test_an_estimator_that_cannot_be_stored_gets_a_sentence(tmp_path, files):
    with Worker(tmp_path, program(fit="self.scale_ = lambda value: value", estimator="Other")) as worker:
        worker.hello()
        message = worker.fit(files)[1]["error"]["message"]
        assert "cannot be stored" in message and "give each function a name" in message


def test_the_digest_is_that_of_the_code_and_the_parameters(tmp_path):
    digests = []
    (tmp_path / "columns.py").write_text("WEIGHT = 1.0\n")
    for place, text in [
        ("model.py", LEARN.replace("Share())", "Share(weight=2.0))")),
        ("model.py", "import columns\n" + LEARN),
        ("model.py", "import columns\n" + LEARN),
        ("columns.py", "WEIGHT = 3.0\n"),
        ("model.py", "# A comment.\nimport columns\n" + LEARN),
    ]:
        (tmp_path / place).write_text(text)
        with Worker(tmp_path, None) as worker:
            digests.append(worker.hello()["digest"])
    assert digests[1] == digests[2] and len(set(digests)) == 4


def test_the_versions_of_the_libraries_are_part_of_the_digest(tmp_path):
    digests = []
    first = "import os, sys, numpy, pyarrow\nname, _, version = os.environ['UPDATED'].partition(' ')\n"
    text = first + "if name:\n    sys.modules[name].__version__ = version\n" + LEARN
    for updated in ("", "numpy 2.999.0", "pyarrow 99.0.0", ""):
        with Worker(tmp_path, text, UPDATED=updated) as worker:
            digests.append(worker.hello()["digest"])
    # Pyarrow only carries the rows.
    assert digests[0] == digests[2] == digests[3] != digests[1]


def test_a_module_that_only_a_function_imports_is_part_of_the_digest(tmp_path, files):
    digests = []
    (tmp_path / "steps").mkdir()
    texts = {
        "model.py": program(fit="from steps import late\nlate.run()", estimator="Other"),
        "steps/__init__.py": "",
        "steps/late.py": "def run():\n    from . import deeper\n    import late_too\n",
        "steps/deeper.py": "WEIGHT = 1.0\n",
        "late_too.py": "WEIGHT = 1.0\n",
        "unused.py": "WEIGHT = 1.0\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    for number, changed in enumerate([None, "steps/late.py", "steps/deeper.py", "late_too.py", "unused.py"]):
        if changed is not None:
            (tmp_path / changed).write_text(texts[changed] + "# Changed.\n")
        with Worker(tmp_path, None) as worker:
            digests.append(worker.hello()["digest"])
            assert "result" in worker.fit(files, f"model-{number}")[1]
            assert worker.hello()["digest"] == digests[-1], "the same after the first fit"
    assert len(set(digests)) == 4 and digests[3] == digests[4]


def test_the_digest_of_a_program_in_a_package_follows_its_relative_imports(tmp_path, files):
    digests = []
    (tmp_path / "learners").mkdir()
    (tmp_path / "learners/__init__.py").write_text("")
    (tmp_path / "learners/model.py").write_text(program(fit="from . import late", estimator="Other"))
    for weight in (1.0, 1.0, 2.0):
        (tmp_path / "learners/late.py").write_text(f"WEIGHT = {weight}\n")
        with Worker(tmp_path, None, module="learners.model") as worker:
            digests.append(worker.hello()["digest"])
            assert "result" in worker.fit(files, f"model-{len(digests)}")[1]
            assert worker.hello()["digest"] == digests[-1], "the same after the first fit"
    assert digests[0] == digests[1] != digests[2]


def test_python_itself_is_no_code_of_a_program_that_is_above_it():
    library = os.path.realpath(sysconfig.get_paths()["stdlib"])
    assert not _is_own(os.path.join(library, "ast.py"), os.path.dirname(library))
    assert _is_own(os.path.realpath(__file__), os.path.dirname(os.path.realpath(__file__)))


def test_an_estimator_without_probabilities_is_refused_by_hello(tmp_path):
    with Worker(tmp_path, "import windrow\nwindrow.learner(object())\n") as worker:
        answer = worker.ask("hello", protocol=1, schema=SCHEMA)
        assert answer["error"]["message"] == "estimator has no fit: object gives no probabilities"
    with Worker(tmp_path, LEARN.replace("Share())", "Share)")) as worker:
        answer = worker.ask("hello", protocol=1, schema=SCHEMA)
        assert answer["error"]["message"] == "estimator is a class: call it, as in Share()"


def test_a_missing_library_gets_a_sentence(tmp_path):
    with Worker(tmp_path, "import sys\nsys.modules['pyarrow'] = None\n" + LEARN) as worker:
        answer = worker.ask("hello", protocol=1, schema=SCHEMA)
        assert "pip install pandas pyarrow" in answer["error"]["message"]


def test_probabilities_that_are_none_are_refused(tmp_path, files):
    text = program(estimator="Other").replace("self.share_, self.share_]", "self.share_, float('nan')]")
    with Worker(tmp_path, text) as worker:
        worker.hello()
        model, _ = worker.fit(files)
        answer = worker.ask("score", models=[model], file=files[0], out=str(tmp_path / "out"))
        assert "not between 0 and 1" in answer["error"]["message"]


def test_in_a_terminal_it_says_who_starts_it(tmp_path):
    import pty
    import subprocess

    (tmp_path / "model.py").write_text(LEARN)
    ours, theirs = pty.openpty()
    try:
        done = subprocess.Popen(
            [sys.executable, "model.py"], cwd=tmp_path, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        # The end of the input, as a user types it.
        os.write(ours, b"\x04")
        _, log = done.communicate(timeout=120)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0 and b'run = ["python3", "model.py"]' in log
