"""The distribution of amounts in constant memory: values are counted by their first three digits."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

_DIGITS = 3


class Spread:
    """A stream of amounts, and its quantiles."""

    def __init__(self) -> None:
        self._counts: Counter[Decimal] = Counter()

    def add(self, value: Decimal, weight: int = 1) -> None:
        """Add a value `weight` times; a negative value counts as zero."""
        if value <= 0:
            self._counts[Decimal(0)] += weight
            return
        shift = _DIGITS - 1 - value.adjusted()
        self._counts[Decimal(int(value.scaleb(shift))).scaleb(-shift)] += weight

    def quantile(self, share: Decimal) -> Decimal | None:
        """Return the value that `share` of all values don't exceed, cut to three digits; None without values."""
        wanted, so_far = share * self._counts.total(), 0
        for value in sorted(self._counts):
            so_far += self._counts[value]
            if so_far >= wanted:
                return value
        return None
