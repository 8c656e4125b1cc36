"""Mark the customers whose orders change, so that only they are counted again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.engine import insert_new, lock_store_row
from tillroll.ledger.mirror.loyalty import load_counting
from tillroll.ledger.tables import orders, tier_marks
from tillroll.track.decide import is_sale


@dataclass(frozen=True, kw_only=True)
class _CountedOrder:
    """What a tier is counted from."""

    order_id: str
    customer_id: int
    created_at: datetime | None
    total: Decimal


@contextmanager
def marking_changed(connection: Connection, store_id: int, order_ids: Sequence[str]) -> Iterator[None]:
    """Mark the customers of those orders that the block changes in what counts: customer, moment, worth, whether it is a sale.

    The store's row is locked before a mark is written. Whoever counts locks it too, so no change falls between the two.
    """
    if load_counting(connection, store_id) is None:
        yield
        return
    before = _what_counts(connection, store_id, order_ids)
    yield
    changed = before ^ _what_counts(connection, store_id, order_ids)
    if not changed:
        return
    lock_store_row(connection, store_id)
    counting = load_counting(connection, store_id)
    ids = sorted({order.customer_id for order in changed})
    if counting is not None and not counting.covers_everybody:
        ids = [each for each in ids if each <= counting.counted_to]  # the others are still to be counted
    insert_new(connection, tier_marks, [{"store_id": store_id, "customer_id": each} for each in ids])


def _what_counts(connection: Connection, store_id: int, order_ids: Sequence[str]) -> set[_CountedOrder]:
    """Return what tiers are counted from, of some orders."""
    columns = (orders.c.order_id, orders.c.customer_id, orders.c.created_at, orders.c.total)
    query = sa.select(*columns, orders.c.payment_status).where(
        orders.c.store_id == store_id, orders.c.order_id.in_(order_ids)
    )
    return {
        _CountedOrder(
            order_id=row.order_id,
            customer_id=row.customer_id,
            created_at=row.created_at,
            total=row.total,
        )
        for row in connection.execute(query)
        if row.customer_id is not None
        and is_sale(row.payment_status)  # here: an index on it would mislead SQLite
    }
