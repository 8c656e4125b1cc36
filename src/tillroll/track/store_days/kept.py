"""Sums of all orders by day, counted once a day when it is over. The days before it are counted again, as orders change."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import NO_SALE
from tillroll.campaign.text.zones import zone_of
from tillroll.ledger.engine import upsert
from tillroll.ledger.mirror.reach import mirror_reach
from tillroll.ledger.records import Store
from tillroll.ledger.tables import orders, store_days
from tillroll.track.store_days.judge import OddDay, StoreDay, judge

_WEEKS = 8  # to compare a day with, and counted at first
_AGAIN = 7  # days before a new one, since their orders may have been cancelled
_DAY = timedelta(days=1)


def day_to_count(connection: Connection, store: Store, now: datetime) -> date | None:
    """Return yesterday in the store's zone, unless it is counted already or its orders haven't all been read.

    The first time, all the weeks that are counted then have to be read: older orders come little by little.
    """
    zone = zone_of(store.timezone)
    today = now.astimezone(zone).date()
    if store.orders_at is None or store.orders_at < datetime.combine(today, time.min, zone):
        return None
    yesterday = today - _DAY
    last = _last_day(connection, store.id)
    if last is not None:
        return yesterday if last < yesterday else None
    known_from = mirror_reach(connection, store.id).orders_from
    first = datetime.combine(_first_day(yesterday), time.min, zone)
    return yesterday if known_from is None or known_from <= first else None


def _first_day(until: date) -> date:
    return until - _WEEKS * 7 * _DAY


def _last_day(connection: Connection, store_id: int) -> date | None:
    last = connection.scalar(
        sa.select(sa.func.max(store_days.c.day)).where(store_days.c.store_id == store_id)
    )
    return date.fromisoformat(last) if last else None


def count_days(connection: Connection, store: Store, until: date) -> list[StoreDay]:
    """Count the days up to `until` that are missing or may have changed."""
    last = _last_day(connection, store.id)
    first = _first_day(until)
    if last is not None:
        first = max(first, last - _AGAIN * _DAY)
    days = range((until - first).days + 1)
    return [count_day(connection, store, first + number * _DAY) for number in days]


def count_day(connection: Connection, store: Store, day: date) -> StoreDay:
    """Count what a store sold on one day."""
    zone = zone_of(store.timezone)
    begin, end = (datetime.combine(each, time.min, zone) for each in (day, day + _DAY))
    with_coupon = sa.case((orders.c.coupon_code != "", 1), else_=0)
    query = sa.select(
        sa.func.count().label("orders"),
        sa.func.coalesce(sa.func.sum(orders.c.total, type_=orders.c.total.type), 0).label("revenue"),
        sa.func.coalesce(sa.func.sum(with_coupon), 0).label("coupon_orders"),
    ).where(
        orders.c.store_id == store.id,
        orders.c.created_at >= begin,
        orders.c.created_at < end,
        orders.c.payment_status.not_in(NO_SALE),
    )
    row = connection.execute(query).one()
    return StoreDay(day=day.isoformat(), **row._mapping)


def write_days(connection: Connection, store_id: int, days: list[StoreDay]) -> None:
    """Keep the sums of some days."""
    rows = [
        {
            "store_id": store_id,
            "day": each.day,
            "orders": each.orders,
            "revenue": each.revenue,
            "coupon_orders": each.coupon_orders,
        }
        for each in days
    ]
    upsert(connection, store_days, rows)


def days_between(connection: Connection, store_id: int, first: str, last: str) -> dict[str, StoreDay]:
    """Return the kept days of a time (ISO 8601), both ends included."""
    where = (store_days.c.store_id == store_id, store_days.c.day >= first, store_days.c.day <= last)
    return _days(connection, sa.select(store_days).where(*where))


def first_and_last(connection: Connection, store_id: int) -> tuple[date, date] | None:
    """Return the first and the last kept day of a store; None if none is kept."""
    days = (sa.func.min(store_days.c.day).label("first"), sa.func.max(store_days.c.day).label("last"))
    row = connection.execute(sa.select(*days).where(store_days.c.store_id == store_id)).one()
    return (date.fromisoformat(row.first), date.fromisoformat(row.last)) if row.first else None


def _days(connection: Connection, query: sa.Select[Any]) -> dict[str, StoreDay]:
    return {
        row.day: StoreDay(
            day=row.day, orders=row.orders, revenue=row.revenue, coupon_orders=row.coupon_orders
        )
        for row in connection.execute(query)
    }


def odd_day(connection: Connection, store_id: int, day: date) -> OddDay | None:
    """Judge a kept day by the same weekdays before it. None as well for a store whose orders don't go back that far."""
    begin = sa.select(sa.func.min(orders.c.created_at)).where(orders.c.store_id == store_id)
    first = connection.scalar(begin)
    if first is None:
        return None
    names = [(day - week * 7 * _DAY).isoformat() for week in range(_WEEKS + 1)]
    query = sa.select(store_days).where(
        store_days.c.store_id == store_id,
        store_days.c.day.in_(names),
        store_days.c.day > first.date().isoformat(),
    )
    found = _days(connection, query)
    if names[0] not in found:
        return None
    return judge(found[names[0]], [found[name] for name in names[1:] if name in found])
