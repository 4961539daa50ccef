"""Shared functions of the benchmarks in Python: their size, their pipeline files, their servers, their tables, and the
tools that may be missing."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The Python of the peers, which has benches/peers/requirements.txt installed.
PYTHON = os.environ.get("WINDROW_BENCH_PYTHON") or sys.executable
SIZE = os.environ.get("WINDROW_BENCH_SIZE", "")
if SIZE not in ("", "small"):
    sys.exit(f"WINDROW_BENCH_SIZE is `{SIZE}`: set it to `small`, or leave it unset for the full size")
if SIZE:
    print("WINDROW_BENCH_SIZE=small: a test that the benchmark runs; the figures mean nothing\n", flush=True)

# The time in which a server must accept connections, in seconds: a learner imports its libraries before.
START = 60.0
# The most bytes that are shown of what a server has printed.
PRINTED = 2000


def pick(full, small):
    """Returns the value for the size in WINDROW_BENCH_SIZE."""
    return small if SIZE else full


def replaced(text, before, after):
    """Returns the text with one part replaced. The text must contain the part."""
    if before not in text:
        sys.exit(f"fixtures/flights.toml has no `{before}`: adapt {sys.argv[0]}")
    return text.replace(before, after)


def flights(window, dataset=ROOT / "fixtures/flights.csv.zst"):
    """Returns the pipeline of the flights with another window policy and without a pace."""
    text = (ROOT / "fixtures/flights.toml").read_text()
    text = "\n".join(line for line in text.splitlines() if not line.startswith("pace"))
    text = replaced(text, "flights.csv.zst", str(dataset))
    return replaced(text, 'event = "week"', window) + "\n"


def row(*cells):
    """Prints a row of a table in Markdown."""
    print(f"| {' | '.join(str(cell) for cell in cells)} |", flush=True)


def table(*columns):
    """Prints the head of a table. The first column has the names of its rows."""
    print()
    row(*columns)
    print(f"|---|{'---:|' * (len(columns) - 1)}", flush=True)


def shown(numbers, digits=1):
    """Formats the range of some numbers. `None` is a number that the system does not give."""
    if None in numbers:
        return "not measured: there is no /proc"
    texts = [f"{number:,.{digits}f}" for number in (min(numbers), max(numbers))]
    return texts[0] if texts[0] == texts[1] else " to ".join(texts)


def missing_java():
    """Returns the reason why Java cannot be used, or None."""
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") or home and (pathlib.Path(home) / "bin/java").is_file():
        return None
    return "java is not on the path (Debian: apt-get install default-jre-headless)"


def missing_kafka():
    """Returns the reason why the Kafka distribution of WINDROW_TEST_KAFKA cannot be started, or None."""
    folder = os.environ.get("WINDROW_TEST_KAFKA")
    if not folder:
        return "WINDROW_TEST_KAFKA is not set: set it to the folder of an Apache Kafka distribution"
    if not (pathlib.Path(folder) / "bin/kafka-server-start.sh").is_file():
        return f"WINDROW_TEST_KAFKA is {folder}, which has no bin/kafka-server-start.sh"
    return missing_java()


def missing_packages(*names):
    """Returns the reason why the peers' Python cannot import these packages, or None."""
    try:
        tried = subprocess.run([PYTHON, "-c", f"import {', '.join(names)}"], capture_output=True, text=True)
    except OSError as error:
        return f"WINDROW_BENCH_PYTHON is {PYTHON}, which cannot be run: {error}"
    if tried.returncode == 0:
        return None
    said = (tried.stderr.strip().splitlines() or ["no message"])[-1]
    return f"{said}: {PYTHON} -m pip install -r benches/peers/requirements.txt installs it"


def run_program(arguments, **more):
    """Runs a program until it ends. Its error ends the benchmark. Returns the resources that it used."""
    # A separate process, so that its peak memory is measured without that of others.
    child = subprocess.Popen([str(word) for word in arguments], stdout=subprocess.DEVNULL, **more)
    _, status, used = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"this failed: {' '.join(map(str, arguments))}")
    return used


def free_address():
    """Returns a free address of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def end_of(file):
    """Returns the last characters of a file that a process may still write, or `nothing`."""
    # Not with `seek`: the process has the same position.
    size = os.fstat(file.fileno()).st_size
    end = os.pread(file.fileno(), PRINTED, max(0, size - PRINTED))
    return end.decode(errors="replace").strip() or "nothing"


@contextlib.contextmanager
def running(name, command, address, **more):
    """Runs a server. It accepts connections at the address when the block begins, and has ended after the block."""
    errors = tempfile.TemporaryFile()
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": errors}
    process = subprocess.Popen([str(word) for word in command], **quiet, **more)
    try:
        deadline = time.time() + START
        while True:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0:
                    break
            if process.poll() is not None or time.time() > deadline:
                sys.exit(f"{name} does not answer at {address}; it printed: {end_of(errors)}")
            time.sleep(0.02)
        yield
    finally:
        # At an orderly end, a server removes its folder and ends its own processes.
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        errors.close()


@contextlib.contextmanager
def broker(windrow):
    """Runs the embedded broker of a binary, given by its path, in a process of its own. Yields its address."""
    address = free_address()
    with running(f"the broker of {windrow}", [windrow, "broker", "--ephemeral", "--listen", address], address):
        yield address
