"""A worker of a learner, as Windrow starts it: a process with a pipe on each side. And the windows that it gets."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time

import numpy
import pyarrow
from pyarrow import parquet

# A worker imports its libraries first, which may take long on a busy machine.
SECONDS = 120
SCHEMA = {
    "target": "late",
    "features": [
        {"name": "distance", "kind": "number"},
        {"name": "log(fare)", "kind": "logarithm"},
        {"name": "carrier", "kind": "category"},
        {"name": "hour(departure)", "kind": "calendar", "codes": list(range(24))},
    ],
}
LEVELS = {"carrier": ["AA", "DL", "UA"]}


class Worker:
    """A running learner."""

    def __init__(self, folder, program, module=None, **environment):
        self.folder = folder
        path = os.path.join(folder, "model.py")
        if program is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(program)
        self._log = open(os.path.join(folder, "log.txt"), "w+b")
        self.process = subprocess.Popen(
            [sys.executable, path] if module is None else [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "", **environment},
        )
        self.lines = []
        """Every line of standard output."""
        self._rest = b""
        self._last = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
            self._log.close()

    def send(self, line):
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def ask(self, method, **members):
        """Returns the answer to a request."""
        self._last += 1
        self.send(json.dumps({"id": self._last, "method": method, **members}).encode() + b"\n")
        answer = json.loads(self.answer())
        assert answer["id"] == self._last
        return answer

    def answer(self):
        """Returns the next line that is not empty; an empty text at the end."""
        while True:
            line = self._line()
            self.lines.append(line)
            if line.strip() or not line:
                return line

    def _line(self):
        until = time.monotonic() + SECONDS
        while b"\n" not in self._rest:
            readable, _, _ = select.select([self.process.stdout], [], [], max(0.0, until - time.monotonic()))
            assert readable, f"no line within {SECONDS} seconds: {self.log()}"
            more = os.read(self.process.stdout.fileno(), 1 << 16)
            if not more:
                break
            self._rest += more
        line, end, self._rest = self._rest.partition(b"\n")
        return line + end

    def hello(self, schema=SCHEMA):
        answer = self.ask("hello", protocol=1, schema=schema)
        assert "result" in answer, answer
        return answer["result"]

    def fit(self, files, name="model", seed=1, levels=LEVELS):
        """Returns the folder of the model and the answer."""
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        answer = self.ask("fit", model="cumulative-2", files=files, levels=levels, folder=folder, seed=seed)
        return folder, answer

    def score(self, models, file):
        """Returns the probabilities, one row for each model."""
        out = os.path.join(self.folder, "out")
        answer = self.ask("score", models=models, file=file, out=out)
        assert "result" in answer, answer
        return numpy.fromfile(out, dtype="<f8").reshape(len(models), answer["result"]["rows"])

    def end(self):
        """Closes the worker's standard input. Returns its exit code."""
        self.process.stdin.close()
        return self.process.wait(SECONDS)

    def log(self):
        """Returns what it has printed on standard error."""
        with open(self._log.name, encoding="utf-8", errors="replace") as file:
            return file.read()


def window(folder, number, rows=200, late=None, carriers=("AA", "DL", "UA")):
    """Writes a window, with missing values. Returns its path."""
    i = numpy.arange(rows)
    random = numpy.random.default_rng(number)
    distance, hour = random.normal(size=rows), random.integers(0, 24, rows)
    carrier = random.choice(carriers, rows)
    if late is None:
        late = distance + (carrier == "UA") + 0.1 * (hour - 12) + 0.5 * random.normal(size=rows) > 0.5
    columns = {
        "distance": pyarrow.array(distance, mask=i % 11 == 3),
        "log(fare)": pyarrow.array(numpy.log1p(random.random(rows)), mask=i % 13 == 5),
        "carrier": pyarrow.array(carrier, mask=i % 17 == 2),
        "hour(departure)": pyarrow.array(hour.astype("int32")),
        "late": pyarrow.array(numpy.broadcast_to(late, rows)),
    }
    path = os.path.join(folder, f"window-{number:05}.parquet")
    parquet.write_table(pyarrow.table(columns), path)
    return path


def row(**cells):
    """Returns a row of a request."""
    return {"distance": 0.4, "log(fare)": None, "carrier": "UA", "hour(departure)": 7, **cells}
