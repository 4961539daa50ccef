"""Runs the stack and Windrow on the same flights, one after the other, and prints the cost of each, as Markdown.

    measure.py WINDROW [ROUNDS]      the binary; the number of rounds, by default 5

WINDROW_TEST_KAFKA is the folder of a Kafka distribution; Kafka and Spark need Java. The stack runs in the Python of
WINDROW_BENCH_PYTHON, which has benches/peers/requirements.txt installed. If it cannot be started, only Windrow is measured.

WINDROW_BENCH_SIZE=small: one round on the first two months of the flights' sample, in about half a minute. The test that kills the
stack's consumer is left out, because it waits for a minute.
"""

import atexit
import csv
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
# The folder above this one has the helpers of all benchmarks in Python.
sys.path.insert(0, str(HERE.parent))
from shared import PYTHON, ROOT, flights, missing_kafka, missing_packages, pick

# The first seven letters of a time are its month.
MONTH = "7"
TICKS = os.sysconf("SC_CLK_TCK")
ROW = {
    "distance": 1576.0, "temp": 39.0, "dewp": 27.0, "humid": 62.0, "wind_speed": 15.0, "precip": 0.0, "pressure": 1012.0,
    "visib": 10.0, "plane_year": 2012.0, "seats": 200.0, "carrier": "B6", "origin": "JFK", "dest": "BOS",
}


STARTED = []


def start(arguments, **more):
    """Starts a process. It ends when this program ends, or earlier."""
    process = subprocess.Popen([str(a) for a in arguments], **more)
    STARTED.append(process)
    return process


@atexit.register
def end_all():
    for process in STARTED:
        if process.poll() is None:
            process.kill()
            process.wait()


class Watch:
    """The processor time and memory of processes and their child processes."""

    def __init__(self):
        self.roots, self.cpu, self.peak, self.seen = [], 0.0, 0, {}
        self.running = True
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while self.running:
            self.sample()
            time.sleep(0.1)

    def sample(self):
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    fields = open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()
                    parents[int(entry)] = (int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS)
                except (OSError, IndexError):
                    pass
        memory = 0
        for pid, (_, cpu) in parents.items():
            at = pid
            while at and at not in self.roots:
                at = parents.get(at, (0, 0))[0]
            if not at:
                continue
            self.seen[pid] = max(cpu, self.seen.get(pid, 0.0))
            try:
                for line in open(f"/proc/{pid}/smaps_rollup"):
                    if line.startswith("Pss:"):
                        memory += int(line.split()[1])
            except OSError:
                pass
        self.peak = max(self.peak, memory)

    def start(self, arguments, **more):
        process = start(arguments, **more)
        self.roots.append(process.pid)
        return process

    def end(self):
        self.sample()
        self.running = False
        self.thread.join()
        return sum(self.seen.values()), self.peak / 1024


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, *processes, limit=300):
    """Waits for an answer. If the process fails before, the benchmark ends."""
    deadline = time.time() + limit
    while True:
        for process in processes:
            if process.poll():
                sys.exit(f"{' '.join(map(str, process.args))} failed")
        try:
            answer = what()
            if answer:
                return answer
        except OSError:
            pass
        if time.time() > deadline:
            sys.exit("nothing answers")
        time.sleep(0.05)


def post(url, row):
    request = urllib.request.Request(url, json.dumps(row).encode(), {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=60))


def latency(ask):
    ask()
    times = []
    for _ in range(20):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    return sorted(times)[10] * 1000


def run(process, name):
    if process.wait() != 0:
        sys.exit(f"{name} failed")


def kafka(watch, distribution, folder):
    port, quorum = free_port(), free_port()
    properties = folder / "server.properties"
    properties.write_text(
        f"process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{quorum}\n"
        f"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{quorum}\n"
        f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}\ncontroller.listener.names=CONTROLLER\nlog.dirs={folder}/kafka\n"
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
        "offsets.topic.replication.factor=1\ngroup.initial.rebalance.delay.ms=0\n"
    )
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": {**os.environ, "LOG_DIR": str(folder)}}
    tools = pathlib.Path(distribution) / "bin"
    formatting = ["format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", properties]
    run(watch.start([tools / "kafka-storage.sh", *formatting], **quiet), "kafka-storage.sh")
    node = watch.start([tools / "kafka-server-start.sh", properties], **quiet)
    wait_for(lambda: socket.create_connection(("127.0.0.1", port)).close() is None, node)
    return node, f"127.0.0.1:{port}"


def rows_in(files):
    seen = set()
    total = 0
    for path in files:
        with open(path, newline="") as file:
            for row in list(csv.reader(file))[1:]:
                total += 1
                # Identifies a row by its time, carrier, flight number, origin and destination.
                seen.add((row[0], row[1], row[2], row[4], row[5]))
    return total, seen


def stack(folder, data, distribution, length):
    """Measures the stack from its start to the first answer of the newest model."""
    watch, began = Watch(), time.time()
    node, broker = kafka(watch, distribution, folder)
    quiet = {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    consumer = watch.start([PYTHON, HERE / "consumer.py", data, broker, folder / "batches", length], **quiet)
    run(watch.start([PYTHON, HERE / "producer.py", data, broker], **quiet), "producer.py")
    run(consumer, "consumer.py")
    run(watch.start([PYTHON, HERE / "train.py", folder / "batches", folder / "models"], **quiet), "train.py")
    port = free_port()
    app = watch.start([PYTHON, HERE / "app.py", folder / "models", port], **quiet)
    windows = len(list((folder / "batches").glob("*.csv")))
    row = {**ROW, "hour": "5", "weekday": "3"}
    ask = lambda: post(f"http://127.0.0.1:{port}/predict/cumulative-{windows}", row)
    wait_for(lambda: ask()["probability"], app)
    wall, answer = time.time() - began, latency(ask)
    cpu, peak = watch.end()
    for process in (app, node):
        process.terminate()
        process.wait()
    return {"wall": wall, "cpu": cpu, "memory": peak, "answer": answer, "models": len(list((folder / "models").iterdir()))}


def stack_killed(folder, data, distribution, length):
    """Kills the stack's consumer in the middle of the stream, and starts it again."""
    watch = Watch()
    node, broker = kafka(watch, distribution, folder)
    command = [PYTHON, HERE / "consumer.py", data, broker, folder / "batches", length]
    quiet = {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    consumer = watch.start(command, **quiet)
    producer = watch.start([PYTHON, HERE / "producer.py", data, broker], **quiet)
    wait_for(lambda: len(list((folder / "batches").glob("*.csv"))) >= 5, producer)
    consumer.kill()
    consumer.wait()
    run(producer, "producer.py")
    # Waits until the group has removed the dead member. A consumer that starts earlier gets no partition and ends.
    time.sleep(60)
    run(watch.start(command, **quiet), "consumer.py")
    node.terminate()
    node.wait()
    watch.end()
    return rows_in((folder / "batches").glob("*.csv"))


def windrow(binary, pipeline, folder):
    watch, began = Watch(), time.time()
    port = free_port()
    command = [binary, *pipeline, "--broker", "embedded", "--workdir", folder / "work", "--listen", f"127.0.0.1:{port}"]
    process = watch.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def newest():
        end = json.loads((folder / "work/batches/end.json").read_text())
        return (folder / f"work/models/cumulative-{end['windows']}/model.json").exists() and end["windows"]

    windows = wait_for(newest, process)
    row = {**ROW, "sched_dep": "2013-12-31 05:45"}
    ask = lambda: post(f"{url}/v1/models/cumulative-{windows}/predict", row)
    wait_for(lambda: ask()["probability"], process)
    wall, answer = time.time() - began, latency(ask)
    cpu, peak = watch.end()
    process.send_signal(signal.SIGTERM)
    process.wait()
    return {"wall": wall, "cpu": cpu, "memory": peak, "answer": answer, "models": len(list((folder / "work/models").iterdir()))}


def windrow_killed(binary, pipeline, folder):
    broker = f"127.0.0.1:{free_port()}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = lambda *words: start([binary, *words], **quiet)
    node = command("broker", "--ephemeral", "--listen", broker)
    wait_for(lambda: socket.create_connection(broker.split(":")).close() is None, node)
    run(command("topic", "create", pipeline, "--broker", broker), "windrow topic create")
    consume = ("consume", pipeline, "--broker", broker, "--workdir", folder / "work", "--once")
    consumer = command(*consume)
    producer = command("produce", pipeline, "--broker", broker, "--workdir", folder / "work")
    wait_for(lambda: len(list((folder / "work/batches").glob("window-*.json"))) >= pick(5, 1), producer, consumer)
    consumer.kill()
    consumer.wait()
    run(command(*consume), "windrow consume")
    run(producer, "windrow produce")
    node.terminate()
    node.wait()
    return rows_in((folder / "work/batches").glob("window-*.csv"))


def lines(paths, comment):
    texts = [line.strip() for path in paths for line in open(path)]
    return sum(1 for line in texts if line and not line.startswith(comment))


def one_round(binary, distribution, top, data, months, weeks, everything):
    """Runs everything once. Runs the stack only if there is a Kafka distribution."""
    empty_folder = lambda which: (shutil.rmtree(top / which, ignore_errors=True), (top / which).mkdir(), top / which)[2]
    found, killed = {}, {}
    if distribution:
        found["stack"] = stack(empty_folder("stack"), data, distribution, MONTH)
    found["months"] = windrow(binary, ["run", months], empty_folder("months"))
    found["weeks"] = windrow(binary, ["run", weeks], empty_folder("weeks"))
    if distribution and pick(True, False):
        killed["stack"] = stack_killed(empty_folder("stack-killed"), data, distribution, MONTH)
    killed["months"] = windrow_killed(binary, months, empty_folder("windrow-killed"))
    for which, (_, seen) in killed.items():
        if everything:
            found[which]["lost"] = len(everything - seen)
    print(json.dumps(found), file=sys.stderr, flush=True)
    return found


def table(rounds, code):
    """Prints a table: the worst and the best of all rounds, and the ratio of the stack to Windrow within a round."""
    rows = [
        ("from nothing to the newest model's first answer, s", "wall", "{:.1f}"),
        ("processor time, s", "cpu", "{:.0f}"),
        ("peak memory of all processes, MiB", "memory", "{:.0f}"),
        ("one answer, ms (median of 20)", "answer", "{:.1f}"),
        ("models", "models", "{:.0f}"),
        ("rows lost when the consumer is killed once", "lost", "{:,.0f}"),
    ]
    span = lambda values, form: " to ".join(dict.fromkeys(form.format(v) for v in (max(values), min(values))))
    print("| | Kafka, Python, Spark, Flask | Windrow, the same windows | ratio | `windrow demo` without pace |")
    print("|---|---:|---:|---:|---:|")
    for title, key, form in rows:
        cells = []
        for which in ("stack", "months", "weeks"):
            values = [r[which][key] for r in rounds if key in r.get(which, {})]
            absent = "" if (which, key) == ("weeks", "lost") else "not measured"
            cells.append(span(values, form) if values else absent)
        both = [(r.get("stack", {}).get(key), r["months"].get(key)) for r in rounds]
        ratio = [stack / ours for stack, ours in both if stack is not None and ours]
        ratio = span([min(ratio), max(ratio)], "{:.0f}") if ratio and key != "models" else ""
        print(f"| {title} | {cells[0]} | {cells[1]} | {ratio} | {cells[2]} |")
    print(f"| lines to write | {code['stack']} | {code['months']} | {code['stack'] / code['months']:.1f} | 0 |")


def unpacked(folder):
    """Writes the flights as CSV, in the small size the first two months of their sample. Returns the path."""
    packed = ROOT / "fixtures" / pick("flights.csv.zst", "flights-sample.csv.zst")
    script = "import sys, zstandard; zstandard.ZstdDecompressor().copy_stream(sys.stdin.buffer, sys.stdout.buffer)"
    with open(packed, "rb") as source:
        text = subprocess.run([PYTHON, "-c", script], stdin=source, stdout=subprocess.PIPE, check=True).stdout
    header, *rows = text.splitlines(keepends=True)
    rows = pick(rows, [row for row in rows if row.startswith((b"2013-01", b"2013-02"))])
    data = folder / "flights.csv"
    data.write_bytes(b"".join([header, *rows]))
    return data


def main():
    binary, count = sys.argv[1], int((sys.argv[2:] or [pick("5", "1")])[0])
    packages = missing_packages("zstandard")
    why = missing_kafka() or packages or missing_packages("kafka", "pyspark", "flask")
    if why:
        print(f"The stack: not measured: {why}\n", flush=True)
    distribution = None if why else os.environ["WINDROW_TEST_KAFKA"]
    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        # Windrow reads the packed file. Without the package, lost rows cannot be counted.
        data = ROOT / "fixtures/flights.csv.zst" if packages else unpacked(top)
        months, weeks = top / "months.toml", top / "weeks.toml"
        months.write_text(flights('event = "month"', data))
        weeks.write_text(flights('event = "week"', data))
        everything = None if packages else rows_in([data])[1]
        rounds = [one_round(binary, distribution, top, data, months, weeks, everything) for _ in range(count)]
        code = {
            "stack": lines([HERE / f"{part}.py" for part in ("producer", "consumer", "train", "app")], "#"),
            "months": lines([months], "#"),
        }
        table(rounds, code)


main()
