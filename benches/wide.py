"""Measures `windrow train` with its advice on wide categorical data (23 categories, three numbers, 2.4 million rows, 65 months), on
the flights and on the taxi trips, next to an earlier binary. Compares three fits with scikit-learn, and has an independent program
check the optimum of every published model.

    wide.py WINDROW [study] [fits] [optimum] [--data NAME ...] [--rounds N] [--rows N] [--folder FOLDER]

All parts without names. `WINDROW_BENCH_BEFORE` is the path of the earlier binary. Both binaries make batch files of their own from
the same dataset, and then train by turns. Their models and advice must agree. Without the variable, only WINDROW is measured.

- `study`: processor time, wall time and peak memory of `windrow train --once` from batch files to the advice; the differences
  between the two binaries.
- `fits`: one fit to the first window, the last window and all rows, next to scikit-learn's lbfgs and newton-cholesky.
- `optimum`: the gradient and the objective of the published models, computed by benches/peers/optimum.py.

With --folder, the dataset and the batch files stay in FOLDER and are used again. WINDROW_BENCH_SIZE=small: 6,000 rows in 12 months
and the sample of the flights, in seconds.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from shared import PYTHON, ROOT, broker, missing_packages, pick, row, run_program, shown, table
from wide_compare import compare, last_window

PEERS = ROOT / "benches/peers"
MONTHS = pick(65, 12)
# The rounds of the study. One round of the wide data takes minutes.
ROUNDS = {"wide": 1, "flights": pick(3, 1), "taxi": 3, "flights-sample": 1}
FIT_ROUNDS = pick(3, 1)
# The largest gradient per row that is called an optimum, as in Windrow's solver.
GRADIENT_BOUND = 1e-7
# The largest difference of a coefficient between the two binaries.
COEFFICIENT_BOUND = 1e-9
# The objective is a sum over all rows, so it is compared with itself.
OBJECTIVE_BOUND = 1e-9
# A fit of scikit-learn counts if its objective is at most this much above Windrow's, per row.
STATED_EXCESS = 1e-7
# The time limit of one program of scikit-learn, in seconds.
PEER_LIMIT = pick(3_600, 300)
NUMERIC = ["age", "speed_limit", "vehicle_years"]
NOT_FEATURES = {"time", "severe", *NUMERIC}


class Binary:
    """A binary that is measured, with the name of its rows in the tables."""

    def __init__(self, name, path):
        self.name, self.path = name, pathlib.Path(path).absolute()
        if not self.path.is_file():
            sys.exit(f"{path} is not a file: build the binary `{name}` first")


class Data:
    """A dataset with its pipeline file."""

    def __init__(self, name, folder, file):
        self.name, self.folder, self.file = name, folder, file

    def workdir(self, binary):
        return self.folder / f"{self.file.stem}-{binary.name}"


def categories_of(dataset):
    """Returns the categories of a file of the wide dataset."""
    with dataset.open() as lines:
        columns = lines.readline().strip().split(",")
    return [column for column in columns if column not in NOT_FEATURES]


def pipeline_of_wide(name, dataset, window, settings):
    """Returns the pipeline of a file of the wide dataset. `settings` are those of training."""
    return (
        f'name = "{name}"\n[dataset]\npath = {json.dumps(str(dataset))}\n'
        'time = { column = "time", format = "%Y-%m-%d %H:%M:%S" }\n[target]\ncolumn = "severe"\nequals = "1"\n'
        f"[features]\nnumeric = {json.dumps(NUMERIC)}\ncategorical = {json.dumps(categories_of(dataset))}\nmin_count = 50\n"
        f"[window]\n{window}\n[train]\n{settings}\n"
    )


def wide(folder, rows):
    """Returns the wide dataset, which is made if the folder does not have it."""
    name = f"wide-{rows}"
    dataset, file = folder / f"{name}.csv", folder / f"{name}.toml"
    if not dataset.exists():
        unfinished = folder / f"{name}.unfinished"
        run_program([PYTHON, PEERS / "wide_data.py", rows, MONTHS, unfinished])
        unfinished.rename(dataset)
    file.write_text(pipeline_of_wide("wide", dataset, 'event = "month"', 'schemes = ["cumulative", "window"]'))
    return Data("wide", folder, file)


def fixture(folder, name):
    """Returns a fixture with its own pipeline, without a pace."""
    text = (ROOT / f"fixtures/{name}.toml").read_text()
    text = "\n".join(line for line in text.splitlines() if not line.startswith("pace")) + "\n"
    archive = f"{name}.csv.zst"
    if f'"{archive}"' not in text:
        sys.exit(f"fixtures/{name}.toml has no dataset {archive}: adapt {sys.argv[0]}")
    file = folder / f"{name}.toml"
    file.write_text(text.replace(f'"{archive}"', json.dumps(str(ROOT / "fixtures" / archive))))
    return Data(name, folder, file)


def make_batches(binary, file, workdir):
    """Makes the batch files of a pipeline without training, unless they are there."""
    if (workdir / "batches/end.json").exists():
        return
    shutil.rmtree(workdir, ignore_errors=True)
    with broker(binary.path) as address:
        at = ["--broker", address, "--quiet"]
        run_program([binary.path, "topic", "create", file, *at])
        run_program([binary.path, "produce", file, *at])
        run_program([binary.path, "consume", file, *at, "--workdir", workdir, "--once"])


def train(binary, file, workdir):
    """Trains from batch files to the advice. Returns the processor time and wall time in seconds, and the peak memory in MiB."""
    for made in ("models", "windows", "losses", "advice"):
        shutil.rmtree(workdir / made, ignore_errors=True)
    for made in ("advice.json", "aliases.jsonl"):
        (workdir / made).unlink(missing_ok=True)
    began = time.time()
    used = run_program([binary.path, "train", file, "--workdir", workdir, "--once", "--quiet"])
    return used.ru_utime + used.ru_stime, time.time() - began, used.ru_maxrss / 1024


def study(binaries, datasets, rounds, why):
    """Prints the costs of training with the advice, and the differences between the binaries. Returns the faults found."""
    ours = binaries[-1]
    table("train with its advice", "processor, s", "wall, s", "peak memory, MiB", "models", "processor time, before / after")
    if why:
        row("wide", f"not measured: {why}", "", "", "", "")
    found, faults = [], []
    for data in datasets:
        for binary in binaries:
            make_batches(binary, data.file, data.workdir(binary))
        costs = {binary.name: [] for binary in binaries}
        for _ in range(rounds or ROUNDS[data.name]):
            for binary in binaries:
                costs[binary.name].append(train(binary, data.file, data.workdir(binary)))
        for binary in binaries:
            cpu, wall, mib = zip(*costs[binary.name])
            models = len(list((data.workdir(binary) / "models").iterdir()))
            both = zip(costs[binaries[0].name], costs[binary.name])
            ratio = shown([before[0] / own[0] for before, own in both], 2) if len(binaries) > 1 else ""
            row(f"{data.name}, {binary.name}", shown(cpu, 1), shown(wall, 1), shown(mib, 0), models, ratio)
        if len(binaries) > 1:
            found.append((data.name, compare(*(data.workdir(binary) for binary in binaries))))

    columns = ["a coefficient", "a standard error", "a loss of a block, nats"]
    table("after compared with before", "models", *(f"largest difference of {column}" for column in columns), "sentences")
    if len(binaries) == 1:
        row(ours.name, "not measured: WINDROW_BENCH_BEFORE is not set", "", "", "", "")
    for name, difference in found:
        cells = [f"{size:.1e}" for size in (difference.coefficient, difference.standard_error, difference.loss)]
        row(name, difference.models, *cells, "the same" if difference.same_sentences else "differ")
        faults += [f"{name}: {fault}" for fault in difference.faults]
        if difference.coefficient > COEFFICIENT_BOUND:
            faults.append(f"{name}: a coefficient differs by {difference.coefficient:.1e}")
    return faults


def optimum(ours, datasets, trained, why):
    """Prints the gradient and the objective of published models, computed by another program. Returns the faults found."""
    columns = ["rows", "columns", "largest gradient per row", "reported", "objective", "difference from the reported one, relative"]
    table("optimum, checked by numpy", *columns)
    if why:
        row("all", f"not measured: {why}", *[""] * (len(columns) - 1))
        return []
    faults = []
    for data in datasets:
        workdir = data.workdir(ours)
        if not trained:
            make_batches(ours, data.file, workdir)
            train(ours, data.file, workdir)
        checked = [PYTHON, PEERS / "optimum.py", data.file, workdir]
        models = json.loads(subprocess.run(checked, stdout=subprocess.PIPE, check=True, text=True).stdout)["models"]
        for model in models:
            apart = abs(model["objective"] - model["reported_objective"]) / max(abs(model["objective"]), 1.0)
            model["apart"] = apart
            name = f"{data.name}, {model['model']}"
            faults += [f"{name}: {fault}" for fault in model["faults"]]
            # A comparison with NaN is false, so NaN is a fault.
            if not model["gradient"] <= GRADIENT_BOUND or not apart <= OBJECTIVE_BOUND:
                faults.append(f"{name}: the gradient per row is {model['gradient']:.1e}, the objective differs by {apart:.1e}")
        last = last_window(workdir)
        named = ["window-1", f"window-{last}", f"cumulative-{last}"] if data.name == "wide" else []
        for model in (model for name in named for model in models if model["model"] == name):
            sizes = [f"{model['rows']:,}", model["columns"], f"{model['gradient']:.1e}", f"{model['reported_gradient']:.1e}"]
            row(f"{data.name}, {model['model']}", *sizes, f"{model['objective']:,.4f}", f"{model['apart']:.1e}")
        keys = ("rows", "columns", "gradient", "reported_gradient", "apart")
        largest = {key: max(model[key] for model in models) for key in keys}
        sizes = [f"{largest['rows']:,}", largest["columns"], f"{largest['gradient']:.1e}", f"{largest['reported_gradient']:.1e}"]
        row(f"{data.name}, the largest of {len(models)} models", *sizes, "", f"{largest['apart']:.1e}")
    return faults


def fits(binaries, data, folder, why):
    """Prints the time and the objective of three fits, of Windrow and of scikit-learn."""
    ours = binaries[-1]
    columns = ["solver", "fit, s", "ratio", "objective", "above windrow's, nats per row"]
    table("one fit", *columns)
    if why:
        row("all", f"not measured: {why}", "", "", "", "")
        return
    make_batches(ours, data.file, data.workdir(ours))
    batches, last = data.workdir(ours) / "batches", last_window(data.workdir(ours))
    parts = [
        ("window 1", batches / "window-00001.csv"),
        (f"window {last}", batches / f"window-{last:05}.csv"),
        (f"windows 1 to {last}", data.file.with_suffix(".csv")),
    ]
    for name, dataset in parts:
        # One window of all rows and no holdout, so that the model needs one fit, as the peers' models do.
        stem = f"{data.file.stem}-fit-{name.replace(' ', '-')}"
        file = folder / f"{stem}.toml"
        # The end of the dataset seals the window.
        settings = 'schemes = ["cumulative"]\nholdout = 0.0'
        file.write_text(pipeline_of_wide("fit", dataset, "rows = 1000000000", settings))
        seconds, cards = {binary.name: [] for binary in binaries}, {}
        for binary in binaries:
            make_batches(binary, file, folder / f"{stem}-{binary.name}")
        for _ in range(FIT_ROUNDS):
            for binary in binaries:
                workdir = folder / f"{stem}-{binary.name}"
                train(binary, file, workdir)
                cards[binary.name] = card = json.loads((workdir / "models/cumulative-1/model.json").read_text())
                seconds[binary.name].append(card["outcome"]["solver"]["seconds"])
        rows, objective = cards[ours.name]["lineage"]["fit_rows"], cards[ours.name]["outcome"]["solver"]["objective"]
        label, least = f"{name}, {rows:,} rows", min(seconds[ours.name])

        def line(solver, took, reached):
            row(label, solver, f"{took:.3f}", f"{took / least:.1f}", f"{reached:,.4f}", f"{(reached - objective) / rows:.1e}")

        for binary in reversed(binaries):
            line(f"windrow, {binary.name}", min(seconds[binary.name]), cards[binary.name]["outcome"]["solver"]["objective"])
        facts = folder / f"{stem}.json"
        named = {"numeric": NUMERIC, "categorical": categories_of(dataset), "target": "severe", "min_count": 50}
        facts.write_text(json.dumps(named))
        for solver in ("lbfgs", "newton-cholesky"):
            command = [PYTHON, PEERS / "wide_fit.py", solver, facts, dataset, repr(objective + STATED_EXCESS * rows)]
            try:
                printed = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, timeout=PEER_LIMIT).stdout
            except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
                is_slow = isinstance(error, subprocess.TimeoutExpired)
                reason = f"it takes more than {PEER_LIMIT} s" if is_slow else f"it ended with {error.returncode}"
                row(label, f"scikit-learn, {solver}", f"not measured: {reason}", "", "", "")
                continue
            found = json.loads(printed)
            reached = f"tol={found['tolerance']:g}" + ("" if found["reached"] else ", objective not reached")
            line(f"scikit-learn, {solver}, {reached}", found["seconds"], found["objective"])


def measure(arguments, folder):
    parts = arguments.parts or ["study", "fits", "optimum"]
    unknown = set(parts) - {"study", "fits", "optimum"}
    if unknown:
        sys.exit(f"unknown part {', '.join(sorted(unknown))}: the parts are study, fits and optimum")
    before = os.environ.get("WINDROW_BENCH_BEFORE")
    binaries = [Binary("before", before)] if before else []
    binaries.append(Binary("after", arguments.windrow))
    why = missing_packages("numpy", "pandas", "pyarrow", "sklearn")
    names = [name for name in arguments.data if name != "wide" or not why]
    datasets = [wide(folder, arguments.rows) if name == "wide" else fixture(folder, name) for name in names]
    why_not_wide = why if "wide" in arguments.data else None
    faults = []
    if "study" in parts:
        faults += study(binaries, datasets, arguments.rounds, why_not_wide)
    if "optimum" in parts:
        faults += optimum(binaries[-1], datasets, "study" in parts, why)
    if "fits" in parts and "wide" in arguments.data:
        fits(binaries, next((data for data in datasets if data.name == "wide"), None), folder, why)
    if faults:
        sys.exit("\n" + "\n".join(faults))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("windrow", help="the binary to measure")
    parser.add_argument("parts", nargs="*", metavar="PART", help="study, fits or optimum; all of them by default")
    names = pick(["wide", "flights", "taxi"], ["wide", "flights-sample"])
    parser.add_argument("--data", nargs="+", choices=list(ROUNDS), default=names, help="the datasets to measure")
    parser.add_argument("--rounds", type=int, help="the rounds of the study; by default 1 for the wide data and 3 for others")
    parser.add_argument("--rows", type=int, default=pick(2_400_000, 6_000), help="the rows of the wide data")
    parser.add_argument("--folder", type=pathlib.Path, help="keep the files in this folder")
    arguments = parser.parse_args()
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        measure(arguments, arguments.folder.absolute())
    else:
        with tempfile.TemporaryDirectory() as name:
            measure(arguments, pathlib.Path(name))


main()
