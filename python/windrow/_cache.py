"""A cache with bounds: the values that were used last."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any, Hashable, Optional, Tuple


class Cache:
    """Values by key. It keeps at most `most` values of at most `size` together; of larger ones, only the last."""

    def __init__(self, most: int, size: int) -> None:
        self._most = most
        self._bound = size
        self._values: "OrderedDict[Hashable, Tuple[Any, Any, int]]" = OrderedDict()
        self.size = 0
        """The size of all values together."""

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable, stamp: Any) -> Optional[Any]:
        """Returns the value of a key, if it was put with this stamp."""
        kept = self._values.get(key)
        if kept is None or kept[0] != stamp:
            return None
        self._values.move_to_end(key)
        return kept[1]

    def put(self, key: Hashable, stamp: Any, value: Any, size: int) -> None:
        """Keeps a value in place of an earlier one of this key, and drops those that were not used for longest."""
        self._drop(key)
        self._values[key] = (stamp, value, size)
        self.size += size
        while len(self._values) > 1 and (len(self._values) > self._most or self.size > self._bound):
            self._drop(next(iter(self._values)))

    def _drop(self, key: Hashable) -> None:
        kept = self._values.pop(key, None)
        if kept is not None:
            self.size -= kept[2]


def stamp_of(path: str) -> Tuple[int, int, int]:
    """Returns what changes with the content of a file: its size, its time and its identity."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ino
