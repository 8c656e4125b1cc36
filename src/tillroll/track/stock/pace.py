"""The sales pace of one good and what follows from it. Pure: figures in, figures out.

Two things make a plain average wrong. While a good is out of stock nobody can buy it, so those days don't count. And one order
of a reseller says little about tomorrow, so an order counts for at most five times the usual quantity of an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

_BULK = 5  # times the usual quantity of an order
_LEAST_DAYS = 14.0  # with stock, before a good has a pace


class StockState(StrEnum):
    """What the stock of a good asks for."""

    ORDER = "order"  # it lasts for less than wanted
    ENOUGH = "enough"
    OVERSTOCK = "overstock"  # it lasts far longer than wanted
    SLOW = "slow"  # nothing was sold
    TOO_NEW = "too_new"  # it was in stock for too few days to tell


@dataclass(frozen=True, kw_only=True)
class StockBars:
    """What is wanted of a stock, in days."""

    wanted: int  # it should last as long
    too_many: int  # beyond that it is overstock


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """How long a stock lasts."""

    state: StockState
    pace: float | None  # pieces a day; none: not known
    cover: float | None  # days; none: without an end, or not known
    order: int  # pieces, for as many days as wanted


def pieces_sold(orders_by_quantity: Mapping[int, int]) -> int:
    """Return how many pieces were sold, with unusually large orders cut. Takes the number of orders for each quantity."""
    counts = {quantity: orders for quantity, orders in orders_by_quantity.items() if quantity > 0}
    if not counts:
        return 0
    most = _BULK * _usual(counts)
    return sum(min(quantity, most) * orders for quantity, orders in counts.items())


def _usual(counts: Mapping[int, int]) -> int:
    """Return the median quantity of an order."""
    middle = (sum(counts.values()) + 1) // 2
    seen = 0
    for quantity in sorted(counts):
        seen += counts[quantity]
        if seen >= middle:
            return quantity
    return 1


def outlook(*, quantity: int, sold: int, days_in_stock: float, bars: StockBars) -> Outlook:
    """Judge a stock by what was sold on the days when there was any."""
    left = max(quantity, 0)
    if days_in_stock < _LEAST_DAYS:
        return Outlook(state=StockState.TOO_NEW, pace=None, cover=None, order=0)
    if sold == 0:
        state = StockState.SLOW if left else StockState.ENOUGH
        return Outlook(state=state, pace=0.0, cover=None, order=0)
    pace = sold / days_in_stock
    cover = left / pace
    order = max(ceil(pace * bars.wanted - quantity - 1e-9), 0)
    if order:
        return Outlook(state=StockState.ORDER, pace=pace, cover=cover, order=order)
    state = StockState.OVERSTOCK if cover > bars.too_many else StockState.ENOUGH
    return Outlook(state=state, pace=pace, cover=cover, order=0)
