"""How far the mirror reaches: which areas were read, and since when orders are known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.tables import looks

ORDERS = "orders"
OLD_ORDERS = "orders, history"
"""The area whose row tells how far back orders were read; `whole_at` is set once nothing is older."""

ORDERS_LOOK_BACK = timedelta(days=30)
"""How far back orders are read at first; older ones are read little by little."""


@dataclass(frozen=True, kw_only=True)
class MirrorReach:
    """What the mirror holds of a store."""

    areas: frozenset[str]
    orders_from: datetime | None = None  # orders since then are known; None: all of them, or none at all

    def knows_orders(self, since: datetime | None) -> bool:
        """Return whether every order since a moment is known; None means every order ever."""
        if ORDERS not in self.areas:
            return False
        return self.orders_from is None or (since is not None and since >= self.orders_from)


def mirror_reach(connection: Connection, store_id: int) -> MirrorReach:
    """Return what the mirror holds of the store now."""
    rows = {row.area: row for row in connection.execute(sa.select(looks).where(looks.c.store_id == store_id))}
    first, old = rows.get(ORDERS), rows.get(OLD_ORDERS)
    since: datetime | None = None
    if old is not None:
        since = None if old.whole_at is not None else old.looked_at
    elif first is not None:
        since = (first.whole_at or first.looked_at) - ORDERS_LOOK_BACK + timedelta(days=1)
    return MirrorReach(areas=frozenset(rows), orders_from=since)
