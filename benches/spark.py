"""The same windows, fitted by Newton here and by Spark's LogisticRegression on `local[2]` through Spark Connect.

    spark.py WINDROW PYTHON [ROWS...]     WINDROW is built with the feature `spark`; PYTHON has pyspark

Prints a table, the lines through its points and where they cross, as Markdown. A point is one model of all rows so far, as the
trainer makes it: two fits, one of them to be scored. The server keeps running between points, as a cluster would.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parent.parent
WINDOWS = 4


def start(python, folder):
    find = "import importlib.util as u; print(u.find_spec('pyspark').submodule_search_locations[0])"
    home = subprocess.run([python, "-c", find], capture_output=True, text=True, check=True).stdout.strip()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [f"{home}/bin/spark-submit", "--master", "local[2]", "--driver-memory", "8g"]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    for setting in (f"spark.connect.grpc.binding.port={port}", "spark.driver.host=127.0.0.1", "spark.ui.enabled=false"):
        command += ["--conf", setting]
    log = folder / "spark.log"
    server = subprocess.Popen(
        command + ["spark-internal"], stdout=log.open("w"), stderr=subprocess.STDOUT, cwd=folder, env={**os.environ, "SPARK_HOME": home}
    )
    while "Spark Connect server started" not in log.read_text():
        assert server.poll() is None, log.read_text()[-2000:]
        time.sleep(0.2)
    return server, port


def peak(pid):
    """Of a process that is still there, in MiB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def windows(binary, rows, port, folder):
    """Windows in Parquet, without models: the consumer's work alone."""
    text = (ROOT / "fixtures/flights.toml").read_text()
    text = "\n".join(line for line in text.splitlines() if not line.startswith("pace"))
    text = text.replace("flights.csv.zst", str(ROOT / "fixtures/flights.csv.zst"))
    text = text.replace('event = "week"', f"rows = {rows // WINDOWS}").replace('"cumulative", "window"', '"cumulative"')
    text += f'\n[batch]\nformat = "parquet"\n[advise]\nhistories = ["all"]\n[train.spark]\nremote = "sc://127.0.0.1:{port}"\n'
    (folder / "p.toml").write_text(text)
    command = [binary, "run", "p.toml", "--once", "--broker", "embedded", "--loop", "--limit", str(rows)]
    command += ["--workdir", "newton", "--listen", "127.0.0.1:0", "--quiet"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    for name in ("models", "windows", "losses", "advice", "broker"):
        subprocess.run(["rm", "-rf", name], cwd=folder / "newton", check=True)
    subprocess.run(["cp", "-r", "newton", "spark"], cwd=folder, check=True)


def train(binary, solver, folder):
    command = [binary, "train", "p.toml", "--workdir", solver, "--solver", solver, "--once", "--quiet"]
    child = subprocess.Popen([str(word) for word in command], cwd=folder, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    assert status == 0, f"{solver} failed"
    found = {}
    for window in range(1, WINDOWS + 1):
        model = json.loads((folder / solver / f"models/cumulative-{window}/model.json").read_text())
        assert model["outcome"]["solver"]["converged"], (solver, window)
        found[model["lineage"]["fit_rows"]] = model["outcome"]
    return found, used.ru_maxrss / 1024


def line(points):
    """Least squares: a constant, and what a million rows cost."""
    xs, ys = [rows / 1e6 for rows, _ in points], [seconds for _, seconds in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)
    return my - slope * mx, slope


def main():
    binary, python = str(pathlib.Path(sys.argv[1]).absolute()), sys.argv[2]
    sizes = [int(word) for word in sys.argv[3:]] or [400_000, 2_000_000]
    points = {"newton": [], "spark": []}
    with tempfile.TemporaryDirectory() as name:
        server, port = start(python, pathlib.Path(name))
        try:
            print("| rows learned from, millions | Newton, s | Spark, s | Spark / Newton | largest difference of a coefficient |")
            print("|---:|---:|---:|---:|---:|")
            for rows in sizes:
                with tempfile.TemporaryDirectory() as place:
                    folder = pathlib.Path(place)
                    windows(binary, rows, port, folder)
                    (newton, here), (spark, client) = (train(binary, solver, folder) for solver in ("newton", "spark"))
                for learned, model in newton.items():
                    ours, theirs = model["solver"]["seconds"], spark[learned]["solver"]["seconds"]
                    pairs = zip(model["coefficients"], spark[learned]["coefficients"])
                    apart = max(abs(a["weight"] - b["weight"]) for a, b in pairs)
                    points["newton"].append((learned, ours))
                    points["spark"].append((learned, theirs))
                    print(f"| {learned / 1e6:.2f} | {ours:.2f} | {theirs:.1f} | {theirs / ours:.0f} | {apart:.0e} |", flush=True)
                print(
                    f"| peak memory at {rows / 1e6:g} | {here:.0f} MiB | {client:.0f} MiB here, {peak(server.pid):.0f} MiB there | | |",
                    flush=True,
                )
        finally:
            server.kill()
            server.wait()
    (c, s), (there, slope) = line(points["newton"]), line(points["spark"])
    print(f"\nThe lines: Newton {c:.2f} s and {s:.2f} s a million rows; Spark {there:.1f} s and {slope:.1f} s a million rows.")
    if slope > s:
        print(f"They do not cross on equal cores: a cluster with more than {2 * slope / s:.0f} cores costs less for every row.")
        for cores in (4 * slope / s, 8 * slope / s):
            cross = (there - c) / (s - 2 * slope / cores)
            print(f"With {cores:.0f} cores, if Spark's time for rows falls as its cores rise, they cross at {cross:.0f} million rows.")
    else:
        print(f"They cross at {(there - c) / (s - slope):.1f} million rows.")


main()
