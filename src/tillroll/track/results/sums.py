"""Orders with our codes, summed by day and campaign: what the results of a store are read from.

The sums move in the transaction that records, changes or removes a use of a code, so they are right at every moment.
`rebuild_sums` counts anew: at first, when the store has got another time zone (days are the store's), and when somebody asks.
The store's row is locked by both, so that a use is counted by one of them and never by both or none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.text.zones import zone_of
from tillroll.ledger.engine import lock_store_row, streaming, upsert, writing
from tillroll.ledger.records import Store
from tillroll.ledger.tables import day_sums, redemptions, runs, stores
from tillroll.track.store_days.rebuild import rebuild_days

_PIECE = 500


@dataclass(frozen=True, kw_only=True)
class Earnings:
    """Orders with our codes, and their amounts in the store's currency."""

    orders: int = 0
    revenue: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)

    def __add__(self, other: Earnings) -> Earnings:
        return Earnings(
            orders=self.orders + other.orders,
            revenue=self.revenue + other.revenue,
            discount=self.discount + other.discount,
        )

    def __neg__(self) -> Earnings:
        return Earnings(orders=-self.orders, revenue=-self.revenue, discount=-self.discount)


@dataclass(frozen=True, kw_only=True)
class CodeUse:
    """One order that used a code of a campaign."""

    campaign: str
    at: datetime
    earned: Earnings


DayKey = tuple[str, str]
"""The day (ISO 8601) and the campaign."""


def uses_of(connection: Connection, store_id: int, order_ids: Iterable[str]) -> list[CodeUse]:
    """Return the recorded uses of codes by some orders."""
    found: list[CodeUse] = []
    for some in batched(order_ids, _PIECE):
        of_orders = (redemptions.c.store_id == store_id, redemptions.c.order_id.in_(some))
        found += _uses(connection, *of_orders)
    return found


def move_sums(
    connection: Connection, store_id: int, *, gone: Iterable[CodeUse], come: Iterable[CodeUse]
) -> None:
    """Take uses that are no more out of the sums, and add new ones. Call it in the transaction that changes the uses."""
    gone, come = list(gone), list(come)
    if Counter(gone) == Counter(come):
        return
    lock_store_row(connection, store_id)
    zone = connection.scalar(sa.select(stores.c.sums_zone).where(stores.c.id == store_id))
    if not zone:
        return  # they are built later, of all uses there are then
    changes: dict[DayKey, Earnings] = {}
    for use in come:
        _count(changes, use, use.earned, zone)
    for use in gone:
        _count(changes, use, -use.earned, zone)
    _add(connection, store_id, {key: earned for key, earned in changes.items() if earned != Earnings()})


def keep_sums(engine: Engine, store: Store) -> bool:
    """Build the sums if the store has none yet, or its days have become others. Returns whether it did. Safe to repeat.

    Called at every turn, so it goes by the row that the turn has read.
    """
    if store.sums_zone == store.timezone:
        return False
    rebuild_days(engine, store)  # they are days of the store's zone too
    rebuild_sums(engine, store)
    return True


@dataclass(frozen=True, kw_only=True)
class SumDifference:
    """A sum that was not what its orders add up to."""

    day: str
    campaign: str
    kept: Earnings
    counted: Earnings


def rebuild_sums(engine: Engine, store: Store) -> list[SumDifference]:
    """Count the sums anew, in one transaction. Returns those that were wrong. Safe to repeat."""
    with writing(engine) as connection:
        lock_store_row(connection, store.id)
        counted: dict[DayKey, Earnings] = {}
        for use in _uses(connection, redemptions.c.store_id == store.id):
            _count(counted, use, use.earned, store.timezone)
        kept = _kept(connection, store.id)
        connection.execute(sa.delete(day_sums).where(day_sums.c.store_id == store.id))
        upsert(connection, day_sums, [_row(store.id, key, earned) for key, earned in counted.items()])
        zone = sa.update(stores).where(stores.c.id == store.id).values(sums_zone=store.timezone)
        connection.execute(zone)
    return [
        SumDifference(day=day, campaign=campaign, kept=was, counted=now)
        for day, campaign in sorted(kept.keys() | counted.keys())
        if (was := kept.get((day, campaign), Earnings())) != (now := counted.get((day, campaign), Earnings()))
    ]


def sums_between(connection: Connection, store_id: int, first: str, last: str) -> dict[DayKey, Earnings]:
    """Return the sums of some days (ISO 8601), both ends included, by day and campaign."""
    return _kept(connection, store_id, day_sums.c.day >= first, day_sums.c.day <= last)


def _count(sums: dict[DayKey, Earnings], use: CodeUse, earned: Earnings, zone: str) -> None:
    key = (use.at.astimezone(zone_of(zone)).date().isoformat(), use.campaign)
    sums[key] = sums.get(key, Earnings()) + earned


def _uses(connection: Connection, *where: sa.ColumnElement[bool]) -> Iterator[CodeUse]:
    columns = (redemptions.c.at, redemptions.c.order_total, redemptions.c.discount, runs.c.campaign)
    query = sa.select(*columns).select_from(redemptions).join(runs, runs.c.id == redemptions.c.run_id)
    with streaming(connection, query.where(*where)) as rows:
        for row in rows:
            earned = Earnings(orders=1, revenue=row.order_total, discount=row.discount)
            yield CodeUse(campaign=row.campaign, at=row.at, earned=earned)


def _kept(connection: Connection, store_id: int, *where: sa.ColumnElement[bool]) -> dict[DayKey, Earnings]:
    query = sa.select(day_sums).where(day_sums.c.store_id == store_id, day_sums.c.orders != 0, *where)
    return {
        (row.day, row.campaign): Earnings(orders=row.orders, revenue=row.revenue, discount=row.discount)
        for row in connection.execute(query)
    }


def _row(store_id: int, key: DayKey, earned: Earnings) -> dict[str, Any]:
    return {
        "store_id": store_id,
        "day": key[0],
        "campaign": key[1],
        "orders": earned.orders,
        "revenue": earned.revenue,
        "discount": earned.discount,
    }


def _add(connection: Connection, store_id: int, changes: Mapping[DayKey, Earnings]) -> None:
    """Add to the sums. The rows come in one order, so that two processes can't wait for each other."""
    if not changes:
        return
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(day_sums)
    added = {
        column.name: column + insert.excluded[column.name]
        for column in (day_sums.c.orders, day_sums.c.revenue, day_sums.c.discount)
    }
    keys = [column.name for column in day_sums.primary_key.columns]
    rows = [_row(store_id, key, changes[key]) for key in sorted(changes)]
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=added), rows)
