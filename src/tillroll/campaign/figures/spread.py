"""How values are spread, in flat memory: counted by their first three digits, so that a million of them stay a few hundred."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

_DIGITS = 3


class Spread:
    """Amounts that come one after another, and where a share of them ends."""

    def __init__(self) -> None:
        self._counts: Counter[Decimal] = Counter()

    def add(self, value: Decimal, weight: int = 1) -> None:
        """Take a value in, so many times; one below zero counts as zero."""
        if value <= 0:
            self._counts[Decimal(0)] += weight
            return
        shift = _DIGITS - 1 - value.adjusted()
        self._counts[Decimal(int(value.scaleb(shift))).scaleb(-shift)] += weight

    def ends(self, share: Decimal) -> Decimal | None:
        """The value that so large a share of all is at most, cut to three digits; None when there are no values."""
        wanted, so_far = share * self._counts.total(), 0
        for value in sorted(self._counts):
            so_far += self._counts[value]
            if so_far >= wanted:
                return value
        return None
