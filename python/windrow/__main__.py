"""``python -m windrow``: the command ``windrow``."""

from __future__ import annotations

import os
import subprocess
import sys

from ._binary import find_binary
from ._errors import WindrowError


def main() -> int:
    """Runs the command with the arguments of this process. Returns its exit code, except on Unix, where it replaces
    this process."""
    try:
        binary = find_binary()
    except WindrowError as error:
        print(f"windrow: {error}", file=sys.stderr)
        return 1
    arguments = [binary, *sys.argv[1:]]
    if os.name == "posix":
        os.execv(binary, arguments)
    # Windows has no exec: a process that ends at once would give the prompt back too early.
    try:
        return subprocess.run(arguments).returncode
    except KeyboardInterrupt:
        return 2


if __name__ == "__main__":
    sys.exit(main())
