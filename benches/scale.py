"""Measures the cost of a run by its number of rows: repeated flights, through broker, batch files and twenty models, in one process.

    scale.py WINDROW [ROWS...]      prints a table and the fitted line, as Markdown

WINDROW_BENCH_SIZE=small: 20,000 and 40,000 rows, in a few seconds.
"""

import pathlib
import sys
import tempfile
import time

from shared import flights, pick, row, run_program, table


def run(binary, rows, form):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "p.toml").write_text(flights(f"rows = {rows // 10}") + f'\n[batch]\nformat = "{form}"\n')
        began = time.time()
        command = [binary, "run", folder / "p.toml", "--once", "--broker", "embedded", "--loop", "--limit", rows]
        used = run_program(command + ["--workdir", folder / "work", "--listen", "127.0.0.1:0", "--quiet"])
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
    """Fits a line by least squares. Returns its constant, and the cost of a million rows."""
    xs, ys = [p["rows"] / 1e6 for p in points], [p[key] for p in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)
    return my - slope * mx, slope


def main():
    binary = sys.argv[1]
    sizes = [int(word) for word in sys.argv[2:]] or pick([1_000_000, 2_500_000, 5_000_000, 10_000_000], [20_000, 40_000])
    for form in ("csv", "parquet"):
        points = []
        print(f"\nBatch files in {form}:")
        table("rows, millions", "wall, s", "processor, s", "peak memory, MiB", "batch files, MB", "broker's log, MB", "models")
        for rows in sizes:
            p = run(binary, rows, form)
            points.append(p)
            costs = [f"{p['wall']:.1f}", f"{p['cpu']:.1f}", f"{p['memory']:.0f}"]
            row(f"{rows / 1e6:g}", *costs, f"{p['files'] / 1e6:.0f}", f"{p['log'] / 1e6:.0f}", p["models"])
        if len(points) > 1:
            (c, s), (_, m) = line(points, "wall"), line(points, "cpu")
            print(f"\nThe line through them: {c:.1f} s and {s:.2f} s a million rows; {m:.2f} s of processor time a million rows.")


main()
