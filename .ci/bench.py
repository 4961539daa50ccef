"""Runs every benchmark of the justfile in a small size that takes seconds. Fails if one ends with an error or without its tables.

    python3 .ci/bench.py [RECIPE ...]      all of them without arguments
"""

import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The first cells of each table's header line.
TABLES = {
    "bench": ["the embedded broker | bare rdkafka, rows/s", "Apache Kafka | bare rdkafka, rows/s", "peak memory, MiB | producer"],
    "bench-stream-profile": ["processor time of produce | share", "processor time of consume | share"],
    "bench-consumer": ["topic into files | rows per second"],
    "bench-advice": ["world | windows | named", "world | rule | windows judged", "world | difference"],
    "bench-policies": ["regret, wrong answers", "regret, Brier", "log-loss and refits", "stream | windrow"],
    "bench-broker": ["the range of 1 rounds | windrow"],
    "bench-pages": ["page | kB"],
    "bench-train": ["flights | whole, s", "solver | fit, s", "a pass | ms", "rows | parse, s", "--memory | whole, s"],
    "bench-judge": ["rows, millions | format"],
    "bench-study": ["flights-sample, 12 windows, 6 histories | time, s", "log-loss by history", "the larger study | time, s"],
    "bench-wide": [
        "train with its advice | processor, s",
        "after compared with before | models",
        "optimum, checked by numpy | rows",
        "one fit | solver",
    ],
    "bench-own": [
        "the study with LightGBM | wall, s",
        "an estimator that does nothing | fits",
        "answers with LightGBM | one row, ms, median",
    ],
    "bench-serve": ["single rows | connections", "batches of 100 rows | connections", "connections | least", "resident memory | before"],
    "bench-stack": [" | Kafka, Python, Spark, Flask"],
    "bench-spark": ["rows learned from, millions | Newton, s"],
    "bench-scale": ["rows, millions | wall, s"],
}


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def fault(lines, header):
    """Returns the fault of the table with this header, or None."""
    starts = [place for place, line in enumerate(lines) if line.startswith("|") and " | ".join(cells(line)).startswith(header)]
    if not starts:
        return f"a table with the header `{header}` is missing"
    rows = []
    for line in lines[starts[0] + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(cells(line)[1:])
    measured = [any(any(letter.isdigit() for letter in cell) for cell in row) for row in rows]
    explained = [any("not measured" in cell for cell in row) for row in rows]
    if not rows or not all(a or b for a, b in zip(measured, explained)):
        return f"the table with the header `{header}` has no figures"
    return None


def run(recipe):
    """Runs a benchmark and prints its output. Returns its faults."""
    environment = {**os.environ, "WINDROW_BENCH_SIZE": "small"}
    process = subprocess.Popen(
        ["just", recipe], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    if process.wait() != 0:
        return [f"it ended with {process.returncode}"]
    return [found for found in (fault(lines, header) for header in TABLES[recipe]) if found]


def main():
    summary = subprocess.run(["just", "--summary"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    recipes = [name for name in summary.split() if name.startswith("bench")]
    if set(recipes) != set(TABLES):
        sys.exit(f"the justfile and {sys.argv[0]} differ in {', '.join(sorted(set(recipes) ^ set(TABLES)))}")
    faults = []
    for recipe in sys.argv[1:] or recipes:
        print(f"\n-- just {recipe}", flush=True)
        began = time.time()
        faults += [f"{recipe}: {found}" for found in run(recipe)]
        print(f"-- {recipe}: {time.time() - began:.0f} s", flush=True)
    if faults:
        sys.exit("\n".join(faults))


main()
