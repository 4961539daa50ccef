"""What a run costs by its rows: the flights round and round, through broker, batch files and twenty models, in one process.

    scale.py WINDROW [ROWS...]      prints a table and the line through its points, as Markdown
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parent.parent


def run(binary, rows, form):
    text = (ROOT / "fixtures/flights.toml").read_text()
    text = "\n".join(line for line in text.splitlines() if not line.startswith("pace"))
    text = text.replace("flights.csv.zst", str(ROOT / "fixtures/flights.csv.zst"))
    text = text.replace('event = "week"', f"rows = {rows // 10}") + f'\n[batch]\nformat = "{form}"\n'
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "p.toml").write_text(text)
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        command = [binary, "run", folder / "p.toml", "--once", "--broker", "embedded", "--loop", "--limit", str(rows)]
        command += ["--workdir", folder / "work", "--listen", "127.0.0.1:0", "--quiet"]
        # In a process of its own, so that its peak is told alone.
        child = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        assert status == 0, "windrow failed"
        size = lambda pattern: sum(file.stat().st_size for file in (folder / "work").glob(pattern) if file.is_file())
        models = len(list((folder / "work/models").iterdir()))
        return {
            "rows": rows,
            "wall": time.time() - began,
            "cpu": used.ru_utime + used.ru_stime,
            "memory": used.ru_maxrss / 1024,
            "files": size("batches/window-*"),
            "log": size("broker/**/*"),
            "models": models,
        }


def line(points, key):
    """Least squares: a constant, and what a million rows cost."""
    xs, ys = [p["rows"] / 1e6 for p in points], [p[key] for p in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)
    return my - slope * mx, slope


def main():
    binary = sys.argv[1]
    sizes = [int(word) for word in sys.argv[2:]] or [1_000_000, 2_500_000, 5_000_000, 10_000_000]
    for form in ("csv", "parquet"):
        points = []
        print(f"\nBatch files in {form}:\n")
        print("| rows, millions | wall, s | processor, s | peak memory, MiB | batch files, MB | broker's log, MB | models |")
        print("|---:|---:|---:|---:|---:|---:|---:|")
        for rows in sizes:
            p = run(binary, rows, form)
            points.append(p)
            print(
                f"| {rows / 1e6:g} | {p['wall']:.1f} | {p['cpu']:.1f} | {p['memory']:.0f} | {p['files'] / 1e6:.0f} | {p['log'] / 1e6:.0f} | {p['models']} |",
                flush=True,
            )
        if len(points) > 1:
            (c, s), (_, m) = line(points, "wall"), line(points, "cpu")
            print(f"\nThe line through them: {c:.1f} s and {s:.2f} s a million rows; {m:.2f} s of processor time a million rows.")


main()
