"""Reading the orders from before the mirror began: backwards, a window at a time, while nothing else waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.batches.session import StoreSession
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.mirror.reach import OLD_ORDERS, ORDERS_LOOK_BACK
from tillroll.ledger.tables import looks
from tillroll.track.mirror.areas import ORDERS
from tillroll.track.mirror.notes import UnreadNotes
from tillroll.track.results.redeem import mark_redemptions

_WINDOW = timedelta(days=30)
_LONGEST = timedelta(days=3_660)
_SECOND = timedelta(seconds=1)
_EPOCH = datetime.fromtimestamp(86_400, UTC)  # older than any store; a query's seconds must not be negative


def read_history(session: StoreSession, *, until: datetime) -> bool:
    """Read older orders until the slice ends. Returns whether there are still older ones.

    In the row of `looks` for these orders, `looked_at` is how far back the mirror is complete, and `whole_at` is set once nothing
    is older.
    """
    engine, clock, store_id = session.engine, session.clock, session.store_id
    with reading(engine) as connection:
        query = sa.select(looks).where(
            looks.c.store_id == store_id, looks.c.area.in_([OLD_ORDERS, ORDERS.name])
        )
        by_area = {row.area: row for row in connection.execute(query)}
    if ORDERS.name not in by_area or (OLD_ORDERS in by_area and by_area[OLD_ORDERS].whole_at is not None):
        return False
    back_to: datetime = (
        by_area[OLD_ORDERS].looked_at
        if OLD_ORDERS in by_area
        else by_area[ORDERS.name].looked_at - ORDERS_LOOK_BACK + timedelta(days=1)
    )
    window = _WINDOW
    while clock.now() < until:
        start = max(back_to - window, _EPOCH)
        read = _read_window(session, start=start, end=back_to)
        if start == _EPOCH or (not read and not _has_older(session.client, start)):
            _record_reach(engine, store_id, back_to=start, whole_at=clock.now())
            return False
        window = _WINDOW if read else min(window * 2, _LONGEST)  # skip a break of years in few calls
        back_to = start
        _record_reach(engine, store_id, back_to=back_to, whole_at=None)
    return True


def _has_older(client: Client, moment: datetime) -> bool:
    """Whether the store has orders created before a moment."""
    return client.orders.count(created_to=moment - _SECOND) > 0


def _read_window(session: StoreSession, *, start: datetime, end: datetime) -> int:
    """Read the orders created in a window into the mirror; returns how many."""
    engine, now = session.engine, session.clock.now()
    bounds = {"createdFrom": start, "createdTo": end}
    filters = {name: int(moment.timestamp()) for name, moment in bounds.items()}
    notes = UnreadNotes(ORDERS.name)
    orders = list(session.client.orders.every(filters=filters, tell=notes.tell))
    with writing(engine) as connection:
        ORDERS.write(connection, session.store_id, orders, now)
        notes.write(connection, session.store_id, [order.order_id for order in orders], now)
    if orders:  # they may be read for the second time, and tell more than at the first
        mark_redemptions(engine, store_id=session.store_id, seen_since=now)
    return len(orders)


def _record_reach(engine: Engine, store_id: int, *, back_to: datetime, whole_at: datetime | None) -> None:
    with writing(engine) as connection:
        row = {"store_id": store_id, "area": OLD_ORDERS, "looked_at": back_to, "whole_at": whole_at}
        upsert(connection, looks, [row])
