"""The error that this package raises."""

from __future__ import annotations


class WindrowError(Exception):
    """A mistake in the arguments or the data, or a command that failed. The text says what to do next."""
