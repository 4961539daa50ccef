"""Runs a client's steps against a broker: `script.py BOOTSTRAP [STEP...]`. Prints ok or the error of each step."""

import sys
import time
import traceback
import uuid

STEPS = []


def step(function):
    """Marks a function as a step. It receives the address of the broker and a name that no other step uses."""
    STEPS.append(function)
    return function


def check(found, expected, what=""):
    if found != expected:
        raise AssertionError(f"{what}: found {found!r}, expected {expected!r}")


def until(condition, what, limit=20):
    """Waits until a condition is true. Returns its value."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {limit} s")


def main():
    bootstrap, wanted = sys.argv[1], sys.argv[2:]
    failed = 0
    for function in STEPS:
        if wanted and function.__name__ not in wanted:
            continue
        try:
            function(bootstrap, f"{function.__name__}-{uuid.uuid4().hex[:8]}")
            print(f"ok {function.__name__}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {function.__name__}\n{traceback.format_exc()}", flush=True)
    sys.exit(1 if failed else 0)
