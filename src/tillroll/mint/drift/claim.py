"""Whose look it is: one process at a time compares a store's coupons, and the ledger says since when it last went on.

Beginning is a compare-and-set of the moment that was read, and so is going on: whose moment was written over has lost the look,
and leaves it. A look whose process died is begun anew when its moment is old.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.tables import stores

DEAD = timedelta(minutes=15)
"""A look that hasn't gone on for so long was left by its process. With many workers its turn is some minutes in coming."""


def claim(connection: Connection, store_id: int, now: datetime) -> bool:
    """Begin a look unless another goes on; whether it is ours."""
    where = stores.c.id == store_id
    read: datetime | None = connection.scalar(sa.select(stores.c.drift_begun_at).where(where))
    return (read is None or read <= now - DEAD) and _write(connection, store_id, read, now)


def take(connection: Connection, store_id: int, now: datetime) -> None:
    """Begin a look whoever else is at one: a person waits for it."""
    connection.execute(sa.update(stores).where(stores.c.id == store_id).values(drift_begun_at=now))


def keep(connection: Connection, store_id: int, mine: datetime, now: datetime | None) -> bool:
    """Go on with a look whose last moment was `mine`, or end it (`now` None); False when another has taken it over."""
    return _write(connection, store_id, mine, now)


def _write(connection: Connection, store_id: int, was: datetime | None, to: datetime | None) -> bool:
    same = stores.c.drift_begun_at.is_(None) if was is None else stores.c.drift_begun_at == was
    update = sa.update(stores).where(stores.c.id == store_id, same).values(drift_begun_at=to)
    return connection.execute(update).rowcount == 1
