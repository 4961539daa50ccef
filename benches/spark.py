"""Fits the same windows by Windrow's Newton solver, and by Spark's LogisticRegression on `local[2]` through Spark Connect.

    spark.py WINDROW [ROWS...]     WINDROW is built with the feature `spark`

Prints a table, the fitted lines and their intersection, as Markdown. A point is one model of all rows so far, as the trainer
makes it: two fits, one of them to be scored. The server keeps running between points, as a cluster would. It needs Java, and
pyspark in the Python of WINDROW_BENCH_PYTHON. If Spark cannot be used, the table has only the times of Newton.

WINDROW_BENCH_SIZE=small: 12,000 rows, in about half a minute, most of it for Spark.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from shared import PYTHON, flights, free_address, missing_java, missing_packages, pick, replaced, row, run_program, table

WINDOWS = 4


def missing_spark(binary):
    """Returns the reason why Spark cannot be used, or None."""
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    features = [line for line in version.splitlines() if line.startswith("features:")]
    if not any("spark" in line.split() for line in features):
        return (
            "this binary has no client for Spark: install protoc (Debian: apt-get install protobuf-compiler), and build "
            "with --features spark"
        )
    return missing_packages("pyspark") or missing_java()


def start(folder):
    find = "import importlib.util as u; print(u.find_spec('pyspark').submodule_search_locations[0])"
    home = subprocess.run([PYTHON, "-c", find], capture_output=True, text=True, check=True).stdout.strip()
    port = int(free_address().rpartition(":")[2])
    command = [f"{home}/bin/spark-submit", "--master", "local[2]", "--driver-memory", pick("8g", "1g")]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    for setting in (f"spark.connect.grpc.binding.port={port}", "spark.driver.host=127.0.0.1", "spark.ui.enabled=false"):
        command += ["--conf", setting]
    log = folder / "spark.log"
    server = subprocess.Popen(
        command + ["spark-internal"], stdout=log.open("w"), stderr=subprocess.STDOUT, cwd=folder, env={**os.environ, "SPARK_HOME": home}
    )
    while "Spark Connect server started" not in log.read_text():
        if server.poll() is not None:
            sys.exit(f"Spark's server ended: {log.read_text()[-2000:]}")
        time.sleep(0.2)
    return server, port


def peak(pid):
    """Returns the peak memory of a running process, in MiB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def windows(binary, rows, port, folder):
    """Makes windows in Parquet, without models: the work of the consumer without that of the trainer."""
    text = replaced(flights(f"rows = {rows // WINDOWS}"), '"cumulative", "window"', '"cumulative"')
    text += f'\n[batch]\nformat = "parquet"\n[advise]\nhistories = ["all"]\n[train.spark]\nremote = "sc://127.0.0.1:{port}"\n'
    (folder / "p.toml").write_text(text)
    command = [binary, "run", "p.toml", "--once", "--broker", "embedded", "--loop", "--limit", rows]
    run_program(command + ["--workdir", "newton", "--listen", "127.0.0.1:0", "--quiet"], cwd=folder)
    for name in ("models", "windows", "losses", "advice", "broker"):
        shutil.rmtree(folder / "newton" / name, ignore_errors=True)
    shutil.copytree(folder / "newton", folder / "spark")


def train(binary, solver, folder):
    used = run_program([binary, "train", "p.toml", "--workdir", solver, "--solver", solver, "--once", "--quiet"], cwd=folder)
    found = {}
    for window in range(1, WINDOWS + 1):
        model = json.loads((folder / solver / f"models/cumulative-{window}/model.json").read_text())
        if not model["outcome"]["solver"]["converged"]:
            sys.exit(f"{solver} did not converge on window {window}")
        found[model["lineage"]["fit_rows"]] = model["outcome"]
    return found, used.ru_maxrss / 1024


def line(points):
    """Fits a line by least squares. Returns its constant, and the cost of a million rows."""
    xs, ys = [rows / 1e6 for rows, _ in points], [seconds for _, seconds in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)
    return my - slope * mx, slope


def crossing(points):
    """Prints the fitted lines and their intersection."""
    (c, s), (there, slope) = line(points["newton"]), line(points["spark"])
    print(f"\nThe lines: Newton {c:.2f} s and {s:.2f} s a million rows; Spark {there:.1f} s and {slope:.1f} s a million rows.")
    if slope > s:
        print(f"They do not cross on equal cores: a cluster with more than {2 * slope / s:.0f} cores costs less for every row.")
        for cores in (4 * slope / s, 8 * slope / s):
            cross = (there - c) / (s - 2 * slope / cores)
            print(f"With {cores:.0f} cores, if Spark's time for rows falls as its cores rise, they cross at {cross:.0f} million rows.")
    else:
        print(f"They cross at {(there - c) / (s - slope):.1f} million rows.")


def measure(binary, rows, server, port, points):
    """Prints the points of one size. Without Spark, `server` is None."""
    with tempfile.TemporaryDirectory() as path:
        folder = pathlib.Path(path)
        windows(binary, rows, port, folder)
        newton, here = train(binary, "newton", folder)
        spark, client = train(binary, "spark", folder) if server else ({}, None)
    for learned, model in newton.items():
        ours = model["solver"]["seconds"]
        points["newton"].append((learned, ours))
        start = f"{learned / 1e6:.2f}", f"{ours:.2f}"
        if not server:
            row(*start, "not measured", "", "")
            continue
        theirs = spark[learned]["solver"]["seconds"]
        points["spark"].append((learned, theirs))
        pairs = zip(model["coefficients"], spark[learned]["coefficients"])
        apart = max(abs(a["weight"] - b["weight"]) for a, b in pairs)
        row(*start, f"{theirs:.1f}", f"{theirs / ours:.0f}", f"{apart:.0e}")
    there = f"{client:.0f} MiB here, {peak(server.pid):.0f} MiB there" if server else "not measured"
    row(f"peak memory at {rows / 1e6:g}", f"{here:.0f} MiB", there, "", "")


def main():
    binary = str(pathlib.Path(sys.argv[1]).absolute())
    sizes = [int(word) for word in sys.argv[2:]] or pick([400_000, 2_000_000], [12_000])
    points = {"newton": [], "spark": []}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        why = missing_spark(binary)
        if why:
            print(f"Spark: not measured: {why}\n")
        server, port = (None, 1) if why else start(folder)
        try:
            table("rows learned from, millions", "Newton, s", "Spark, s", "Spark / Newton", "largest difference of a coefficient")
            for rows in sizes:
                measure(binary, rows, server, port, points)
        finally:
            if server:
                server.kill()
                server.wait()
    if server:
        crossing(points)


main()
