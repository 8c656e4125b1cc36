"""Orders from before the mirror began, read backwards a window at a time while nothing else waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.clock import Clock
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.looks import OLD_ORDERS, ORDERS_LOOK_BACK
from tillroll.ledger.tables import looks
from tillroll.track.mirror import ORDERS

_WINDOW = timedelta(days=30)
_LONGEST = timedelta(days=3_660)
_ATOM = timedelta(seconds=1)
_EPOCH = datetime.fromtimestamp(86_400, UTC)  # no store is older; and a query's seconds are never below zero


def read_history(engine: Engine, client: Client, *, store_id: int, clock: Clock, until: datetime) -> bool:
    """Read older orders until the slice is over; whether there are still older ones.

    `looked_at` of its look is how far back the mirror is complete; `whole_at` is set when nothing is older.
    """
    with reading(engine) as connection:
        query = sa.select(looks).where(
            looks.c.store_id == store_id, looks.c.area.in_([OLD_ORDERS, ORDERS.name])
        )
        found = {row.area: row for row in connection.execute(query)}
    if ORDERS.name not in found or (OLD_ORDERS in found and found[OLD_ORDERS].whole_at is not None):
        return False
    back_to: datetime = (
        found[OLD_ORDERS].looked_at
        if OLD_ORDERS in found
        else found[ORDERS.name].looked_at - ORDERS_LOOK_BACK + timedelta(days=1)
    )
    window = _WINDOW
    while clock.now() < until:
        start = max(back_to - window, _EPOCH)
        read = _read(engine, client, store_id=store_id, start=start, end=back_to, now=clock.now())
        if start == _EPOCH or (not read and not _older(client, start)):
            _note(engine, store_id, back_to=start, whole_at=clock.now())
            return False
        window = _WINDOW if read else min(window * 2, _LONGEST)  # a pause of years isn't crossed in months
        back_to = start
        _note(engine, store_id, back_to=back_to, whole_at=None)
    return True


def _older(client: Client, moment: datetime) -> bool:
    """Whether the store has orders created before a moment."""
    return client.orders.count(created_to=moment - _ATOM) > 0


def _read(
    engine: Engine, client: Client, *, store_id: int, start: datetime, end: datetime, now: datetime
) -> int:
    bounds = {"createdFrom": start, "createdTo": end}
    filters = {name: int(moment.timestamp()) for name, moment in bounds.items()}
    piece = list(client.orders.every(filters=filters))
    with writing(engine) as connection:
        ORDERS.write(connection, store_id, piece, now)
    return len(piece)


def _note(engine: Engine, store_id: int, *, back_to: datetime, whole_at: datetime | None) -> None:
    with writing(engine) as connection:
        row = {"store_id": store_id, "area": OLD_ORDERS, "looked_at": back_to, "whole_at": whole_at}
        upsert(connection, looks, [row])
