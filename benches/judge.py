"""Measures `windrow judge` on a table of ten million predictions, next to the same mean losses of the schedules computed with
Polars in the same run. The losses of both must agree.

    judge.py WINDROW [ROWS...]      prints a table, as Markdown

The table is made by the Python of the peers. WINDROW_BENCH_SIZE=small: 40,000 rows, in a few seconds.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

from shared import PYTHON, ROOT, missing_packages, pick, row, run_program, table

PEERS = ROOT / "benches/peers"
# Losses are sums of eighths of a window, to six decimal places.
TOLERANCE = 1e-6


def measured(arguments):
    """Runs a program. Returns its time in seconds, and its peak memory in MiB."""
    began = time.time()
    used = run_program(arguments)
    return time.time() - began, used.ru_maxrss / 1024


def losses(report):
    """Returns the log-loss of each schedule in a report of `windrow judge`, by history and period."""
    names = {"cumulative": "all", "window": "1"}
    found = {}
    for finding in json.loads(report.read_text())["advice"]["comparison"]["planned"]:
        for policy in [finding["policy"], *finding.get("same", [])]:
            history = policy["history"]
            key = f"{names.get(history, history.replace('sliding', ''))}, {policy['refit'].get('windows')}"
            found[key] = finding["errors"]["log_loss"]
    return found


def compare(own, peer):
    if set(own) != set(peer):
        sys.exit(f"the schedules differ: {sorted(set(own) ^ set(peer))}")
    worst = max(abs(own[key] - peer[key]) for key in own)
    if worst > TOLERANCE:
        sys.exit(f"the losses differ by up to {worst}: {own} and {peer}")


def main():
    binary = sys.argv[1]
    sizes = [int(word) for word in sys.argv[2:]] or pick([1_000_000, 10_000_000], [40_000])
    memory = "peak memory, MiB"
    table("rows, millions", "format", "file, MB", "windrow judge, s", memory, "Polars, s", memory)
    missing = missing_packages("numpy", "polars", "pyarrow")
    if missing:
        row(f"{sizes[-1] / 1e6:g}", "both", "", f"not measured: {missing}", "", "", "")
        return
    for rows in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            made = [PYTHON, PEERS / "predictions.py", str(rows), str(pick(105, 40)), folder]
            rows = int(subprocess.run(made, stdout=subprocess.PIPE, check=True, text=True).stdout)
            for file in ("predictions.parquet", "predictions.csv"):
                report, peers = folder / "report.json", folder / "peer.json"
                own = measured([binary, "judge", folder / file, "--window", "week", "--report", report])
                peer = measured([PYTHON, PEERS / "judge_polars.py", folder / file, peers])
                compare(losses(report), json.loads(peers.read_text()))
                size = (folder / file).stat().st_size / 1e6
                costs = [cell for wall, peak in (own, peer) for cell in (f"{wall:.1f}", f"{peak:.0f}")]
                row(f"{rows / 1e6:g}", file.rpartition(".")[2], f"{size:.0f}", *costs)


main()
