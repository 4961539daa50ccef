"""The part `serve` of own.py: how long an answer of `windrow serve` takes with a learner, next to Flask with the same model.

The clients are threads of this process. Each has one connection, which is kept open if the server keeps it.
"""

import concurrent.futures
import contextlib
import csv
import http.client
import json
import os
import statistics
import sys
import time

from shared import PYTHON, ROOT, START, free_address, missing_packages, pick, row, run_program, running, table

PEERS = ROOT / "benches/peers"
SINGLE, BATCHES, BATCH, CLIENTS = pick(200, 20), pick(10, 2), 1_000, 8
# The seconds of the load, and of the same load before it, in which a server may start its processes.
SECONDS = pick(5.0, 1.0)
# The largest difference of two probabilities of the same model.
TOLERANCE = 1e-9


class Client:
    """A client with a connection of its own."""

    def __init__(self, address, path):
        self.path = path
        self._connection = http.client.HTTPConnection(address, timeout=60)

    def ask(self, method, path, body=None):
        """Returns the status and the body of an answer."""
        self._connection.request(method, path, body, {"content-type": "application/json"} if body else {})
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def predict(self, body, more=""):
        """Returns the seconds that a prediction took, and the answer. An error ends the benchmark."""
        began = time.perf_counter()
        status, answer = self.ask("POST", self.path + more, body)
        seconds = time.perf_counter() - began
        if status != 200:
            sys.exit(f"{self.path}{more} answers {status}: {answer[:500].decode(errors='replace')}")
        return seconds, json.loads(answer)


def requests_of(workdir, model):
    """Returns the rows of requests, with the fields of the model's example and values of a batch file."""
    example = json.loads((workdir / f"models/{model}/model.json").read_text())["outcome"]["examples"][0]["row"]
    numeric = json.loads((workdir / "run.json").read_text())["pipeline"]["features"]["numeric"]
    rows = []
    for path in sorted((workdir / "batches").glob("window-*.csv"), reverse=True):
        with path.open(newline="") as file:
            for line in csv.DictReader(file):
                values = {field: line[field] or None for field in example}
                rows.append({field: float(text) if text and field in numeric else text for field, text in values.items()})
                if len(rows) == BATCH:
                    return rows
    # The sample has fewer rows than a batch.
    return [rows[number % len(rows)] for number in range(BATCH)]


def load(address, path, bodies, seconds):
    """Sends rows with several clients. Returns the predictions per second, and the number of answers 503."""

    def send(first):
        client, counts, number = Client(address, path), {200: 0, 503: 0}, first
        while time.perf_counter() < ends:
            status, answer = client.ask("POST", path, bodies[number % len(bodies)])
            if status not in counts:
                sys.exit(f"{path} answers {status}: {answer[:500].decode(errors='replace')}")
            counts[status] += 1
            number += CLIENTS
        return counts

    began = time.perf_counter()
    ends = began + seconds
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        counted = list(pool.map(send, range(CLIENTS)))
    took = time.perf_counter() - began
    return sum(counts[200] for counts in counted) / took, sum(counts[503] for counts in counted)


def measure(name, address, path, rows):
    """Prints the times of a server. Returns its probabilities of the rows."""
    bodies, batch = [json.dumps(one).encode() for one in rows], json.dumps(rows).encode()
    client = Client(address, path)
    # The first answers wait until the model is read.
    for body in bodies[:10]:
        client.predict(body)
    single = sorted(1000 * client.predict(body)[0] for body in bodies[:SINGLE])
    batches, found = [], None
    for _ in range(BATCHES):
        seconds, found = client.predict(batch, "/batch")
        batches.append(1000 * seconds)
    load(address, path, bodies, SECONDS)
    per_second, refused = load(address, path, bodies, SECONDS)
    times = [statistics.median(single), single[int(0.95 * (len(single) - 1))], single[-1], statistics.median(batches)]
    row(name, *(f"{number:.1f}" for number in times), f"{per_second:,.0f}", refused)
    return [prediction["probability"] for prediction in found["predictions"]]


@contextlib.contextmanager
def windrow(binary, file, workdir):
    """Runs `windrow serve` until it is ready. Yields its address."""
    address = free_address()
    command = [binary, "serve", file, "--workdir", workdir, "--listen", address, "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    with running("windrow serve", command, address, env=environment):
        deadline = time.time() + START
        while Client(address, "").ask("GET", "/health/ready")[0] != 200:
            if time.time() > deadline:
                sys.exit(f"windrow serve is not ready after {START:.0f} s")
            time.sleep(0.05)
        yield address


@contextlib.contextmanager
def flask(study, folder, processes):
    """Fits the same model, and runs Flask with it. Yields its address."""
    listed, model, address = folder / "serve.json", folder / "serve.joblib", free_address()
    listed.write_text(json.dumps(study))
    run_program([PYTHON, PEERS / "own_train.py", listed, model])
    # Threads, because a process without them closes each connection after one answer.
    command = [PYTHON, "-m", "gunicorn", "-w", processes, "--threads", CLIENTS // processes, "-b", address, "own_flask:app"]
    environment = {**os.environ, "MODEL": str(model), "OMP_NUM_THREADS": "1"}
    with running("gunicorn", command, address, env=environment, cwd=PEERS):
        yield address


def compare(own, peer):
    """Fails if the probabilities differ: both must have the same model."""
    if not own or len(own) != len(peer):
        sys.exit(f"Windrow gives {len(own)} probabilities, and Flask {len(peer)}")
    if not all(abs(one - other) <= TOLERANCE for one, other in zip(own, peer)):
        sys.exit(f"the probabilities of Windrow and Flask differ by more than {TOLERANCE}")


def serve(binary, file, workdir, study, why):
    """Prints the times of answers. `study` is that of the loop, for the same model in Flask."""
    times = ["one row, ms, median", "ms, 95%", "ms, largest", f"{BATCH:,} rows, ms, median"]
    columns = [*times, f"predictions/s, {CLIENTS} clients", "answers 503"]
    table("answers with LightGBM", *columns)
    if why:
        row("windrow serve and Flask", f"not measured: {why}", *[""] * (len(columns) - 1))
        return
    model = f"cumulative-{len(study['batches'])}"
    rows = requests_of(workdir, model)
    with windrow(binary, file, workdir) as address:
        own = measure("windrow serve", address, f"/v1/models/{model}/predict", rows)
    missing = missing_packages("flask", "gunicorn")
    if missing:
        row("Flask, gunicorn", f"not measured: {missing}", *[""] * (len(columns) - 1))
        return
    with flask(study, file.parent, study["processes"]) as address:
        compare(own, measure("Flask, gunicorn", address, "/predict", rows))
