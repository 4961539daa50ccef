"""Measures the study of a pipeline with a learner of its own (`solver = "command"`) on the flights by weeks.

    own.py WINDROW [study] [fits] [serve] [--rounds N] [--trees N]

All parts without names.

- `study`: LightGBM in two processes, from batch files to the advice (`windrow train --once`), next to a plain loop with joblib and
  two processes. The loop gets the list of the fits, and of the windows on which each is scored, from what Windrow has made. The
  rounds are by turns, and the losses of both must agree.
- `fits`: the same study with an estimator that does nothing: what a fit costs beyond the estimator.
- `serve`: `windrow serve` with the models of the study, next to the last model in Flask: one client with one row at a time, then
  with 1,000 rows, then eight clients. Both must answer the same. Without the part `study`, the models are trained first.

Processor time is that of all processes. Memory is the largest sum over all processes, each with its share of common pages.
WINDROW_BENCH_SIZE=small: the sample of the flights in 20 windows, in seconds.
"""

import argparse
import ctypes
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from own_serve import serve
from shared import PYTHON, ROOT, broker, flights, missing_packages, pick, row, run_program, shown, table

PEER = ROOT / "benches/peers/own_loop.py"
PROCESSES = 2
# The losses of Windrow are sums of eighths of a window, to six decimal places.
TOLERANCE = 1e-5
# The prctl by which orphaned processes become children of this one, so that their processor time is counted.
PR_SET_CHILD_SUBREAPER = 36
# The time between two looks at the memory, and the time in which all processes end, in seconds.
LOOK, END = 0.2, 30.0
LEARNER = """from lightgbm import LGBMClassifier
import windrow

windrow.learner(LGBMClassifier(**{parameters!r}))
"""
NOTHING = """import numpy
import windrow


class Nothing:
    def get_params(self, deep=True):
        return {}

    def fit(self, rows, y):
        return self

    def predict_proba(self, rows):
        return numpy.full((len(rows), 2), 0.5)


windrow.learner(Nothing())
"""
SETTINGS = f"""
[train.command]
run = [{json.dumps(str(PYTHON))}, "model.py"]
workers = {PROCESSES}
"""


class Memory:
    """The largest memory of all processes below this one, in MiB. `None` without the files of Linux."""

    def __init__(self):
        self.peak = 0 if os.path.isdir("/proc/self") else None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self):
        while self.peak is not None and not self._ends.wait(LOOK):
            self.peak = max(self.peak, self._sum())

    def _sum(self):
        parents = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/stat") as file:
                    parents[int(entry)] = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                pass
        return sum(share(process) for process in parents if self._is_ours(process, parents))

    def _is_ours(self, process, parents):
        while process in parents:
            process = parents[process]
            if process == os.getpid():
                return True
        return False

    def end(self):
        self._ends.set()
        self._thread.join()
        return None if self.peak is None else self.peak / 1024


def share(process):
    """Returns the memory of a process in KiB. Common pages count in part."""
    try:
        with open(f"/proc/{process}/smaps_rollup") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except OSError:
        return 0


def adopt_orphans():
    """Makes orphaned processes children of this one. A supervisor does not wait for its learner, so that its time would be lost."""
    try:
        is_done = ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    except (AttributeError, OSError):
        is_done = False
    if not is_done:
        print("the processor time of learners is not counted on this system\n", flush=True)


def processor_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(arguments, **more):
    """Runs a program to its end. Returns wall time and processor time in seconds, and peak memory in MiB."""
    memory, before, began = Memory(), processor_time(), time.time()
    run_program(arguments, **more)
    wall = time.time() - began
    # Orphans that are still at their end.
    while time.time() < began + wall + END:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
        except ChildProcessError:
            return wall, processor_time() - before, memory.end()
    sys.exit(f"processes of this program still run {END:.0f} s after its end: {' '.join(map(str, arguments))}")


def scene(folder, name, program):
    """Writes a pipeline with a learner. Returns its file."""
    folder = folder / name
    folder.mkdir()
    small = ROOT / "fixtures/flights-sample.csv.zst"
    text = pick(flights('event = "week"'), flights("parts = 20", small))
    lines = [line for line in text.splitlines() if not line.startswith(("l2 ", "holdout "))]
    lines = ['solver = "command"' if line.startswith("solver ") else line for line in lines]
    (folder / "flights.toml").write_text("\n".join(lines) + SETTINGS)
    (folder / "model.py").write_text(program)
    return folder / "flights.toml"


def make_batches(binary, file, workdir):
    with broker(binary) as address:
        at = ["--broker", address, "--quiet"]
        run_program([binary, "topic", "create", file, *at])
        run_program([binary, "produce", file, *at])
        run_program([binary, "consume", file, *at, "--workdir", workdir, "--once"])


def train(binary, file, batches, workdir):
    """Trains in a copy of a work directory with batch files. Returns the costs."""
    shutil.rmtree(workdir, ignore_errors=True)
    shutil.copytree(batches, workdir)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    return measured([binary, "train", file, "--workdir", workdir, "--once", "--quiet"], env=environment)


def load(path):
    return json.loads(path.read_text())


def fits_of(workdir):
    """Returns the seconds of each fit, by the id of its model."""
    seconds = {}
    for path in sorted((workdir / "advice/models").glob("window-*.json")):
        ladder = load(path)
        for history, model in ladder["models"].items():
            if model is not None:
                seconds[f"{history}-{ladder['window']}"] = model["foreign"]["seconds"]
    for path in sorted((workdir / "models").glob("*/model.json")):
        model = load(path)
        # A model that was copied from those of the advice was fitted once, and a recalibrated one was not fitted.
        if model["outcome"]["status"] == "learned" and "recalibrated" not in model["id"]:
            seconds.setdefault(model["id"], model["outcome"]["seconds"])
    return seconds


def losses_of(workdir):
    """Returns the sum of the log-losses of each model on each window."""
    found = {}
    for path in [*(workdir / "losses").glob("window-*.json"), *(workdir / "advice/losses").glob("window-*.json")]:
        window = load(path)
        for model in window["models"]:
            if "recalibrated" not in model["model"]:
                found[f"{model['model']} on {window['window']}"] = sum(model["log_loss"])
    return found


def pairs_of(workdir):
    """Returns the windows on which each model is scored: for losses, and for recalibration."""
    pairs = {tuple(key.split(" on ")) for key in losses_of(workdir)}
    for path in (workdir / "advice").glob("recalibrated-*.json"):
        for newest, histories in load(path)["models"].items():
            for history, windows in histories.items():
                for window, made in windows.items():
                    pairs |= {(f"{history}-{newest}", number) for number in [window, *made] if int(number) > 0}
    scored = {}
    for model, window in pairs:
        scored.setdefault(model, []).append(int(window))
    return {model: sorted(windows) for model, windows in scored.items()}


def study_of(workdir, parameters):
    """Returns the same study for the loop, from what Windrow has made."""
    scored, fits = pairs_of(workdir), []
    for model in fits_of(workdir):
        history, _, last = model.rpartition("-")
        last = int(last)
        lengths = {"window": 1, "cumulative": last}
        length = lengths[history] if history in lengths else int(history.removeprefix("sliding"))
        fits.append({"model": model, "first": last - length + 1, "last": last, "scored": scored.get(model, [])})
    features = load(workdir / "run.json")["pipeline"]["features"]
    return {
        "batches": [str(path) for path in sorted((workdir / "batches").glob("window-*.csv"))],
        "numeric": features["numeric"],
        "categorical": features["categorical"],
        "target": "arr_delay",
        "at_least": 15,
        "time": "sched_dep",
        "format": "%Y-%m-%d %H:%M",
        "parameters": {**parameters, "n_jobs": max(1, cores() // PROCESSES)},
        "processes": PROCESSES,
        "fits": sorted(fits, key=lambda fit: (fit["last"], fit["first"])),
    }


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compare(own, peer):
    """Fails if the losses of a model differ: both must do the same work."""
    missing = own.keys() - peer.keys()
    if missing:
        sys.exit(f"the loop has no loss for {sorted(missing)[:5]}")
    worst = max(own, key=lambda key: abs(own[key] - peer[key]))
    if abs(own[worst] - peer[worst]) > TOLERANCE * max(1.0, own[worst]):
        sys.exit(f"{worst}: the sum of the log-losses is {own[worst]} in Windrow and {peer[worst]} in the loop")


def with_lightgbm(binary, folder, trees):
    """Makes the batch files of a pipeline with LightGBM. Returns its parameters, its file, the batch files and a work directory."""
    # With a seed: from 200,000 rows on, LightGBM takes a random sample to bin the numbers.
    parameters = {"n_estimators": trees, "verbose": -1, "deterministic": True, "force_row_wise": True, "random_state": 1}
    file = scene(folder, "lightgbm", LEARNER.format(parameters=parameters))
    make_batches(binary, file, folder / "lightgbm/batches")
    return parameters, file, folder / "lightgbm/batches", folder / "lightgbm/work"


def study(binary, folder, rounds, trees, why):
    """Prints the costs of the study and of the loop. Returns the pipeline, the work directory and the study for the loop."""
    columns = ["wall, s", "processor, s", "peak memory, MiB", "fits", "models scored on a window", "wall time, times the loop's"]
    table("the study with LightGBM", *columns)
    if why:
        row("windrow and the loop", f"not measured: {why}", *[""] * (len(columns) - 1))
        return None, None, None
    parameters, file, batches, workdir = with_lightgbm(binary, folder, trees)
    listed = folder / "lightgbm/study.json"
    costs, made = {"windrow": [], "joblib": []}, None
    for _ in range(rounds):
        costs["windrow"].append(train(binary, file, batches, workdir))
        wanted = study_of(workdir, parameters)
        if made not in (None, wanted["fits"]):
            sys.exit("two rounds of Windrow have made different fits")
        made = wanted["fits"]
        listed.write_text(json.dumps(wanted))
        found = folder / "lightgbm/losses.json"
        costs["joblib"].append(measured([PYTHON, PEER, listed, found]))
        compare(losses_of(workdir), load(found))
    ratios = [own[0] / peer[0] for own, peer in zip(costs["windrow"], costs["joblib"])]
    pairs = sum(len(fit["scored"]) for fit in made)
    for name in ("windrow", "joblib"):
        wall, processor, memory = zip(*costs[name])
        ratio = shown(ratios, 2) if name == "windrow" else "1"
        row(name, shown(wall), shown(processor), shown(memory, 0), len(made), f"{pairs:,}", ratio)
    return file, workdir, wanted


def fits(binary, folder, why):
    """Prints the time of a fit by an estimator that does nothing."""
    table("an estimator that does nothing", "fits", "ms per fit, median", "ms, largest of 95%", "train, s", "processor, s")
    if why:
        row("windrow", f"not measured: {why}", "", "", "", "")
        return
    file = scene(folder, "nothing", NOTHING)
    batches, workdir = folder / "nothing/batches", folder / "nothing/work"
    make_batches(binary, file, batches)
    wall, processor, _ = train(binary, file, batches, workdir)
    seconds = sorted(fits_of(workdir).values())
    most = seconds[int(0.95 * (len(seconds) - 1))]
    row(
        "windrow", len(seconds), f"{1000 * statistics.median(seconds):.1f}", f"{1000 * most:.1f}", f"{wall:.1f}", f"{processor:.1f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("windrow", type=pathlib.Path, help="the binary to measure")
    parser.add_argument("parts", nargs="*", metavar="PART", help="study, fits or serve; all of them by default")
    parser.add_argument("--rounds", type=int, default=pick(5, 1), help="the rounds of the study")
    parser.add_argument("--trees", type=int, default=pick(100, 10), help="the trees of each model")
    arguments = parser.parse_args()
    parts = arguments.parts or ["study", "fits", "serve"]
    unknown = set(parts) - {"study", "fits", "serve"}
    if unknown:
        sys.exit(f"unknown part {', '.join(sorted(unknown))}: the parts are study, fits and serve")
    binary = arguments.windrow.absolute()
    if not binary.is_file():
        sys.exit(f"{binary} is not a file: build it first")
    why = missing_packages("numpy", "pandas", "pyarrow", "sklearn", "lightgbm", "joblib")
    adopt_orphans()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        trained = None, None, None
        if "study" in parts:
            trained = study(binary, folder, arguments.rounds, arguments.trees, why)
        elif "serve" in parts and not why:
            parameters, file, batches, workdir = with_lightgbm(binary, folder, arguments.trees)
            train(binary, file, batches, workdir)
            trained = file, workdir, study_of(workdir, parameters)
        if "fits" in parts:
            fits(binary, folder, why)
        # The last part: the processor time of its servers would count in that of others.
        if "serve" in parts:
            serve(binary, *trained, why)


main()
