"""Runs the rivals of Windrow's advice on the streams that `benches/policies.rs` wrote, and prints the tables.

    compare.py FOLDER

FOLDER has a folder for each history of a stream. Every policy takes its decisions for wrong answers plus the cost of its refits. The
Brier table shows what the same decisions cost in squared errors, at the same cost of a refit.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from measures import SQUARED, WRONG, History, study
from tables import Results, by_alpha, efforts, regrets, verdicts

# The order of the streams in the tables.
STREAMS = ["stable", "break", "slow-walk", "moving", "seasons", "flights", "taxi", "car-loans", "rainfall", "shuttle"]


def main() -> None:
    """Prints all tables."""
    folders = sorted(path.parent for path in Path(sys.argv[1]).glob("*/stream.json"))
    by_stream: dict[str, list[History]] = defaultdict(list)
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        for history in workers.map(study, folders):
            by_stream[history.name].append(history)
    results = [Results(by_stream[name]) for name in STREAMS if name in by_stream]
    if not results:
        sys.exit(f"{sys.argv[1]} has no stream: no history was written")
    regrets(results, WRONG, "regret, wrong answers per 1,000 rows")
    regrets(results, SQUARED, "regret, Brier per 1,000 rows")
    efforts(results)
    for one in results:
        by_alpha(one, WRONG)
    verdicts(results)


if __name__ == "__main__":
    main()
