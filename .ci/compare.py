"""Compares two folders of reports. They must have the same files, the same words, and numbers that are nearly equal.

Another processor adds in another order. This can change the last printed digit, and with it a digest. The time at which a run
began is never the same.
"""

import pathlib
import re
import sys

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
TIME = re.compile(r"\b\d{4}-\d\d-\d\dT[\d:]+Z")
DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


def parts(path):
    text = TIME.sub("(time)", DIGEST.sub("(digest)", path.read_text()))
    return NUMBER.sub("(number)", text), NUMBER.findall(text)


def are_alike(ours, theirs):
    """Returns true if two numbers differ by at most two units of the last printed place plus a five-hundredth of the first one."""
    places = len(ours.partition(".")[2])
    return abs(float(ours) - float(theirs)) <= 2.001 * 10**-places + 0.002 * abs(float(ours))


def main(ours, theirs):
    ours, theirs = pathlib.Path(ours), pathlib.Path(theirs)
    names = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) for folder in (ours, theirs)]
    if names[0] != names[1]:
        sys.exit(f"not the same files: {names[0]} and {names[1]}")
    for name in names[0]:
        (words, numbers), (other_words, other_numbers) = parts(ours / name), parts(theirs / name)
        if words != other_words or len(numbers) != len(other_numbers):
            sys.exit(f"{name} says something else: `just example` renews it")
        for number, other in zip(numbers, other_numbers):
            if not are_alike(number, other):
                sys.exit(f"{name}: {number} is {other} now: `just example` renews it")
    print(f"{len(names[0])} files as they were")


main(*sys.argv[1:])
