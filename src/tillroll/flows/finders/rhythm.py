"""Find the days on which it is time to buy again: as long after the last purchase as usually passes between two.

The usual time is the median, in whole days; purchases on one day count once. All purchases are read at the first look of each day
of the campaign's zone, and at no other: the event happens as its day begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby, pairwise
from operator import itemgetter
from statistics import median_low
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.events.rhythm import TIME_TO_BUY_AGAIN, TimeToBuyAgain
from tillroll.campaign.states import NO_SALE
from tillroll.flows.finders.finder import EventFinder, EventWindow, StoreEvent, stream
from tillroll.flows.finders.keys import customer_key
from tillroll.ledger.tables import customers, order_items, orders, products

_LONGEST = timedelta(days=400)  # a longer rhythm is none
_LEAST_DISTANCES = 5  # that a product's rhythm is counted from
_DAY = timedelta(days=1)

_Purchases = tuple[int, Sequence[datetime]]
"""A customer, and when they bought, in order."""


def _time_to_buy_again(
    connection: Connection, window: EventWindow, conditions: TimeToBuyAgain
) -> Iterator[StoreEvent]:
    days = _days(window)
    if not days:
        return
    if conditions.product is None:
        rhythms = _own_rhythms(connection, window, conditions.orders_at_least)
    else:
        rhythms = _product_rhythms(connection, window, conditions.product)
    for customer_id, last, length in rhythms:
        bought_on = last.astimezone(window.zone).date()
        day = bought_on + timedelta(days=length)
        if day in days:
            yield StoreEvent(
                key=customer_key(customer_id, event=f"buy again, bought {bought_on}"),
                customer_id=customer_id,
                happened_at=_start(day, window.zone),
                facts={"since": bought_on.isoformat(), "days": length},
            )


def _days(window: EventWindow) -> frozenset[date]:
    """Return the days that have begun since the last look."""
    begun = max(window.first_seen, window.last)
    day = begun.astimezone(window.zone).date()
    days = set()
    while _start(day, window.zone) <= window.now:
        if _start(day, window.zone) > begun:
            days.add(day)
        day += _DAY
    return frozenset(days)


def _own_rhythms(
    connection: Connection, window: EventWindow, least: int
) -> Iterator[tuple[int, datetime, int]]:
    """Yield customers with their last order and the usual days between their orders."""
    query = (
        sa.select(orders.c.customer_id, orders.c.created_at.label("at"))
        .join(
            customers,
            sa.and_(
                customers.c.store_id == orders.c.store_id, customers.c.customer_id == orders.c.customer_id
            ),
        )
        .where(
            orders.c.store_id == window.store_id,
            orders.c.payment_status.not_in(NO_SALE),
            orders.c.created_at.is_not(None),
            customers.c.orders >= least,
            customers.c.last_order_at >= window.last - _LONGEST,
        )
        .order_by(orders.c.customer_id, orders.c.created_at)
    )
    for customer_id, moments in _by_customer(connection, query):
        distances = _distances(moments)
        if len(distances) >= least - 1:
            yield customer_id, moments[-1], median_low(distances)


def _product_rhythms(
    connection: Connection, window: EventWindow, sku: str
) -> Iterator[tuple[int, datetime, int]]:
    """Yield the buyers of a product with their last purchase of it and the usual days until its buyers buy it again."""
    query = (
        sa.select(order_items.c.customer_id, order_items.c.bought_at.label("at"))
        .where(
            order_items.c.store_id == window.store_id,
            order_items.c.customer_id.is_not(None),
            order_items.c.bought_at.is_not(None),
            _is_item_of(window.store_id, sku),
        )
        .order_by(order_items.c.customer_id, order_items.c.bought_at)
    )
    last: list[tuple[int, datetime]] = []
    all_distances: list[int] = []
    for customer_id, moments in _by_customer(connection, query):
        all_distances += _distances(moments)
        last.append((customer_id, moments[-1]))
    if len(all_distances) >= _LEAST_DISTANCES:
        usual = median_low(all_distances)
        yield from ((customer_id, moment, usual) for customer_id, moment in last)


def _is_item_of(store_id: int, sku: str) -> sa.ColumnElement[bool]:
    """Return the condition that an item has the SKU, or is a variation of the product that has it."""
    owners = sa.select(products.c.product_id).where(products.c.store_id == store_id, products.c.sku == sku)
    return sa.or_(order_items.c.sku == sku, order_items.c.product_id.in_(owners))


def _by_customer(connection: Connection, query: sa.Select[Any]) -> Iterator[_Purchases]:
    """Yield each customer with their purchases; a query's rows are in the order of customers and time."""
    rows = ((row.customer_id, row.at) for row in stream(connection, query))
    for customer_id, purchases in groupby(rows, key=itemgetter(0)):
        yield customer_id, [at for _, at in purchases]


def _distances(moments: Sequence[datetime]) -> list[int]:
    """Return the whole days between purchases that follow each other; those of one day count once."""
    days = (round((later - earlier) / _DAY) for earlier, later in pairwise(moments))
    return [length for length in days if length > 0]


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(UTC)


FINDERS = (EventFinder(kind=TIME_TO_BUY_AGAIN, find=_time_to_buy_again, reads_orders=True),)
