"""The figures of one group of a campaign's recipients, and how they are added up while rows are read. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from tillroll.track.results.effect.estimate import Interval, share_interval

_CENT = Decimal("0.01")


class GroupBy(StrEnum):
    """What a campaign's recipients are grouped by."""

    ARM = "arm"
    LANGUAGE = "language"  # the recipient's
    WEEK = "week"  # in which their run was due
    SEGMENT = "segment"  # that their run was for


@dataclass(frozen=True, kw_only=True)
class CodesLeft:
    """Codes that are not used."""

    expired: int  # issued, and can't be used any more
    live: int  # can still be used
    exposure: Decimal | None  # what the live ones may cost at worst; None: unlimited


@dataclass(frozen=True, kw_only=True)
class PlannedCost:
    """What the plans of some runs said."""

    expected: Decimal | None  # None: of none of them it was known
    worst_case: Decimal | None  # None: unlimited


@dataclass(frozen=True, kw_only=True)
class GoodsMargin:
    """What orders with a code left over, where the catalogue knows what their goods cost."""

    amount: Decimal  # goods less discount, less their cost
    orders: int  # of which the cost of all goods is known


@dataclass(frozen=True, kw_only=True)
class GroupResult:
    """What one group has brought up to now, in the store's currency."""

    name: str  # an arm, a language, the Monday of a week (ISO 8601), a segment; empty: not known
    sent: int  # e-mails with an offer that left
    delivered: int  # of those, without the ones that came back
    orders: int  # that used a code
    rate: Interval | None  # orders a delivered e-mail; None: there are none, or a code is for everybody
    revenue: Decimal
    discount: Decimal
    new_customers: int  # orders that were their customer's first
    second_orders: int  # orders after which the customer ordered again
    time_to_redeem: timedelta | None  # from the e-mail to the order: the median, in whole hours
    codes: CodesLeft
    plan: PlannedCost | None  # None: plans don't tell these groups apart
    margin: GoodsMargin | None  # None: of no order the cost is known

    @property
    def average_order(self) -> Decimal | None:
        """The average order that used a code; None if there is none."""
        return self.revenue / self.orders if self.orders else None


@dataclass(kw_only=True)
class Tally:
    """The same while it is added up."""

    sent: int = 0
    returned: int = 0
    orders: int = 0
    revenue: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    new_customers: int = 0
    second_orders: int = 0
    hours: Counter[int] = field(default_factory=Counter)  # from the e-mail to the order
    expired: int = 0
    live: int = 0
    exposure: Decimal = Decimal(0)  # of live codes that can be used once
    again: Decimal | None = Decimal(0)  # of all together that can be used again and again; None: unlimited
    expected: Decimal | None = None
    worst_case: Decimal | None = Decimal(0)
    margin: Decimal = Decimal(0)
    with_margin: int = 0

    def result(self, name: str, *, has_plan: bool) -> GroupResult:
        """Return what was added up."""
        delivered = self.sent - self.returned
        has_rate = 0 < delivered >= self.orders
        return GroupResult(
            name=name,
            sent=self.sent,
            delivered=delivered,
            orders=self.orders,
            rate=share_interval(self.orders, delivered) if has_rate else None,
            revenue=self.revenue,
            discount=self.discount,
            new_customers=self.new_customers,
            second_orders=self.second_orders,
            time_to_redeem=_median(self.hours),
            codes=CodesLeft(expired=self.expired, live=self.live, exposure=self._exposure()),
            plan=PlannedCost(expected=self.expected, worst_case=self.worst_case) if has_plan else None,
            margin=GoodsMargin(amount=self.margin, orders=self.with_margin) if self.with_margin else None,
        )

    def _exposure(self) -> Decimal | None:
        if self.again is None:
            return None
        return (self.exposure + self.again).quantize(_CENT, ROUND_CEILING)


def _median(hours: Counter[int]) -> timedelta | None:
    """Return the lower median of counted hours; None if there are none."""
    left = (hours.total() + 1) // 2
    for hour in sorted(hours):
        left -= hours[hour]
        if left <= 0:
            return timedelta(hours=hour)
    return None
