"""A set of numbers within a range, with a bit for each: a million take 125 kB."""

from __future__ import annotations


class Bitmap:
    """A set of numbers from `first` to `last`. Numbers outside are never in it."""

    def __init__(self, first: int, last: int) -> None:
        self._first = first
        self._bits = bytearray(max(0, last - first) // 8 + 1)

    def add(self, number: int) -> None:
        """Add a number; one outside the range is ignored."""
        at = number - self._first
        if 0 <= at < len(self._bits) * 8:
            self._bits[at // 8] |= 1 << at % 8

    def __contains__(self, number: int) -> bool:
        at = number - self._first
        return 0 <= at < len(self._bits) * 8 and bool(self._bits[at // 8] & 1 << at % 8)
