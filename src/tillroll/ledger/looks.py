"""How far the mirror reaches: which areas were read, and back to when orders are known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.tables import looks

ORDERS = "orders"
OLD_ORDERS = "orders, history"
"""The area whose look says how far back orders are read; `whole_at` is set when nothing is older."""

ORDERS_LOOK_BACK = timedelta(days=30)
"""How far back orders are read at first; what is older comes little by little."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What of a store was read."""

    areas: frozenset[str]
    orders_from: datetime | None = None  # orders are known back to here; none: all, or none at all

    def knows_orders(self, since: datetime | None) -> bool:
        """Whether every order since a moment (None: ever) is known."""
        if ORDERS not in self.areas:
            return False
        return self.orders_from is None or (since is not None and since >= self.orders_from)


def reach(connection: Connection, store_id: int) -> Reach:
    """What of the store was read by now."""
    rows = {row.area: row for row in connection.execute(sa.select(looks).where(looks.c.store_id == store_id))}
    first, old = rows.get(ORDERS), rows.get(OLD_ORDERS)
    since: datetime | None = None
    if old is not None:
        since = None if old.whole_at is not None else old.looked_at
    elif first is not None:
        since = (first.whole_at or first.looked_at) - ORDERS_LOOK_BACK + timedelta(days=1)
    return Reach(areas=frozenset(rows), orders_from=since)
