"""Which process compares a store's coupons: one at a time. The ledger holds when its comparison was last continued.

Starting and continuing are compare-and-set updates of that moment: a process whose moment was overwritten has lost the comparison
and ends it. A comparison whose process died is started again once its moment is old.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.tables import stores

ABANDONED_AFTER = timedelta(minutes=15)
"""A comparison that was not continued for so long counts as abandoned. With many workers its turn may take some minutes."""


def claim(connection: Connection, store_id: int, now: datetime) -> bool:
    """Start a comparison unless another one is running. Returns whether it was started."""
    where = stores.c.id == store_id
    read: datetime | None = connection.scalar(sa.select(stores.c.drift_begun_at).where(where))
    return (read is None or read <= now - ABANDONED_AFTER) and _write(connection, store_id, read, now)


def take(connection: Connection, store_id: int, now: datetime) -> None:
    """Start a comparison in place of any other: a person waits for it."""
    connection.execute(sa.update(stores).where(stores.c.id == store_id).values(drift_begun_at=now))


def keep(connection: Connection, store_id: int, last: datetime, now: datetime | None) -> bool:
    """Continue the comparison that was last continued at `last`, or end it (`now` None).

    Returns False if another process has taken it over.
    """
    return _write(connection, store_id, last, now)


def _write(connection: Connection, store_id: int, was: datetime | None, to: datetime | None) -> bool:
    same = stores.c.drift_begun_at.is_(None) if was is None else stores.c.drift_begun_at == was
    update = sa.update(stores).where(stores.c.id == store_id, same).values(drift_begun_at=to)
    return connection.execute(update).rowcount == 1
