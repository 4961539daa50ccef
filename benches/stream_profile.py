"""Prints the processor time of `windrow produce` and `windrow consume` by guarantee, as shares of each process.

    stream_profile.py WINDROW [ROWS]

A million flights of 112 bytes go through `windrow broker`, a process of its own. perf takes samples of the producer and of the
consumer, with call graphs:

    perf record -e cpu-clock -F 499 --call-graph dwarf,4096 -o DATA windrow produce ... --loop --limit ROWS
    perf record -e cpu-clock -F 499 --call-graph dwarf,4096 -o DATA windrow consume ... --once
    perf script -i DATA --no-inline -F comm,ip,sym

A sample belongs to the first group one of whose functions is in its call graph. A bare rdkafka loop spends the shares of the client
library too; the others are what a guarantee costs. If perf is missing, one sentence says so.
"""

import collections
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from shared import ROOT, broker, flights, pick, replaced, row, run_program, table

RECORD = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "499", "--call-graph", "dwarf,4096", "-o"]
# The threads of librdkafka.
LIBRARY = "client library, its own threads"
LIBRARY_THREAD = re.compile("rdk:")
# The groups of each command, in the order in which they are tried.
GROUPS = {
    "produce": {
        "name of the replay: sha256 of the dataset": "windrow_dataset::content::digest",
        LIBRARY: None,
        "headers: number of the row, name of the replay": "OwnedHeaders|rd_kafka_header",
        "client library, queue of messages": "rd_kafka_producev|BaseProducer.*::send|Publisher::send$",
        "headers and key as text": "Publisher::send_row",
        "client library, delivery reports": "rd_kafka_|rdkafka",
        "account of the delivery reports": "windrow_kafka::publisher",
        "dataset as rows, and their count": "windrow_dataset|windrow_record|producer::rounds|begin_count",
        "pace, plan, stop and counters of a row": "windrow_stream|CancellationToken",
    },
    "consume": {
        "name of the replay: sha256 of the dataset": "windrow_dataset::content::digest",
        LIBRARY: None,
        "headers: number of the row, name of the replay": "rd_kafka_message_headers|BorrowedHeaders|Delivery::envelope",
        "client library, poll of a message": "rd_kafka_|rdkafka|drop_in_place<windrow_kafka::reader",
        "position, outage and copy of a message": "windrow_kafka|fetcher",
        "sha256 of the batch files": "sha2::",
        "write, sync and manifest of the batch files": "spill::|windrow_base::files|windrow_windows::store|serde_json",
        "split into fields, UTF-8": "RecordParser",
        "time of the row": "TimeFormat|jiff|Schema::time|cell::fixed",
        "account of row numbers and offsets": "roaring|NumberSet|messages_of|RowRange|Offsets",
        "sender, order and window of the row": "windrow_windows|Placement|PartitionProgress",
        "types of the cells, target, share of refusals": "windrow_config|windrow_record|guarded|RowFault",
        "progress and seals": "windrow_stream",
    },
}
OTHER = "start, end, and all else"


def fault_of_perf():
    """Returns the reason why perf cannot take samples, or None."""
    if not shutil.which("perf"):
        return "perf is not on the path (Debian: apt-get install linux-perf)"
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run([*RECORD, f"{folder}/data", "true"], capture_output=True, text=True)
    said = (tried.stderr.strip().splitlines() or ["no message"])[0]
    return f"perf cannot take samples ({said}): lower kernel.perf_event_paranoid" if tried.returncode else None


def head(command):
    table(f"processor time of {command}", "share", "ns for a row")


def call_graphs(data):
    """Yields the thread and the functions, innermost first, of each sample in a file of perf."""
    script = ["perf", "script", "-i", str(data), "--no-inline", "-F", "comm,ip,sym"]
    text = subprocess.run(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace", check=True).stdout
    for sample in text.split("\n\n"):
        thread, *frames = sample.strip("\n").splitlines() or [""]
        if thread:
            yield thread.strip(), "\n".join(frame.strip().partition(" ")[2] for frame in frames)


def group_of(groups, thread, functions):
    for group, pattern in groups.items():
        if LIBRARY_THREAD.match(thread) if pattern is None else pattern.search(functions):
            return group
    return OTHER


def shares(command, data, count):
    """Prints the share and the time for one row of each group."""
    groups = {name: pattern and re.compile(pattern, re.MULTILINE) for name, pattern in GROUPS[command].items()}
    counted = collections.Counter(group_of(groups, *sample) for sample in call_graphs(data))
    samples = sum(counted.values())
    head(command)
    for group in [*groups, OTHER]:
        # 499 samples a second.
        row(group, f"{counted[group] / max(samples, 1):.1%}", f"{counted[group] / 499 * 1e9 / count:.0f}")
    row("all", f"{samples} samples", f"{samples / 499 * 1e9 / count:.0f}")


def pipeline(folder, topic, dataset, window):
    """Writes a pipeline of the flights with a topic of its own. Returns its path."""
    text = flights(f"rows = {window}", dataset)
    file = folder / f"{topic}.toml"
    file.write_text(replaced(text, "[stream]", f'[stream]\ntopic = "{topic}"'))
    return file


def plain_flights(windrow, folder, at):
    """Returns the flights as a CSV file, as the other benchmarks of the stream read them: a batch file of all rows."""
    file, workdir = pipeline(folder, "all", ROOT / "fixtures/flights.csv.zst", 1_000_000), folder / "all"
    run_program([windrow, "topic", "create", file, *at])
    run_program([windrow, "produce", file, *at])
    run_program([windrow, "consume", file, *at, "--workdir", workdir, "--once"])
    return workdir / "batches/window-00001.csv"


def main():
    windrow = pathlib.Path(sys.argv[1]).absolute()
    count = int(sys.argv[2]) if len(sys.argv) > 2 else pick(1_000_000, 50_000)
    why = fault_of_perf()
    if why:
        for command in GROUPS:
            head(command)
            row("all", f"not measured: {why}", "")
        return
    with tempfile.TemporaryDirectory() as name, broker(windrow) as address:
        folder, at = pathlib.Path(name), ["--broker", address, "--quiet"]
        dataset = plain_flights(windrow, folder, at)
        file = pipeline(folder, "profiled", dataset, count // 10)
        run_program([windrow, "topic", "create", file, *at])
        more = {"produce": ["--loop", "--limit", count], "consume": ["--once", "--workdir", folder / "profiled"]}
        for command in GROUPS:
            data = folder / f"{command}.data"
            run_program([*RECORD, data, windrow, command, file, *at, *more[command]])
            shares(command, data, count)


main()
