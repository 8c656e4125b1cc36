"""Was a day odd? Pure: it is compared with the same weekday of the weeks before, by median and median absolute deviation.

Both hardly move when one of those days was odd itself (Leys et al., 2013, doi:10.1016/j.jesp.2013.03.013).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt
from statistics import median

_LEAST = 6  # days to compare with
_FAR = 4.0  # standard deviations
_TO_DEVIATION = 1.4826  # from the median absolute deviation, for a normal distribution
_LEAST_ORDERS = 5.0  # fewer are no news in a small store


@dataclass(frozen=True, kw_only=True)
class StoreSales:
    """What a store sold in some time, in its currency."""

    orders: int
    revenue: Decimal
    coupon_orders: int  # with a coupon, ours or not

    @property
    def average(self) -> Decimal | None:
        """The average order; None without orders."""
        return self.revenue / self.orders if self.orders else None

    @property
    def coupon_percent(self) -> Decimal | None:
        """How many of a hundred orders had a coupon, to one decimal; None without orders."""
        if not self.orders:
            return None
        return round(100 * Decimal(self.coupon_orders) / self.orders, 1)


@dataclass(frozen=True, kw_only=True)
class StoreDay(StoreSales):
    """What a store sold on one day of its zone."""

    day: str  # ISO 8601


@dataclass(frozen=True, kw_only=True)
class OddDay:
    """A day with far more or far fewer orders than such days have."""

    day: StoreDay
    usual_orders: float
    usual_revenue: Decimal

    @property
    def is_more(self) -> bool:
        """Return whether there were more than usual."""
        return self.day.orders > self.usual_orders


def judge(day: StoreDay, like_it: Sequence[StoreDay]) -> OddDay | None:
    """Compare a day with the same weekdays before it; None if it is like them, or there are too few of them."""
    if len(like_it) < _LEAST:
        return None
    counts = [each.orders for each in like_it]
    usual = median(counts)
    spread = _TO_DEVIATION * median(abs(count - usual) for count in counts)
    far = max(_FAR * spread, _FAR * sqrt(usual), _LEAST_ORDERS)  # orders vary at least by their root
    if abs(day.orders - usual) <= far:
        return None
    return OddDay(
        day=day, usual_orders=usual, usual_revenue=Decimal(median(each.revenue for each in like_it))
    )
