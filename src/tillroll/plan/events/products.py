"""What happened to products: back in stock, too many of them, too few."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.tables import products, stock_changes
from tillroll.plan.events.happening import Happening, Look, product_facts, read, same_product


def back_in_stock(connection: Connection, look: Look) -> Iterator[Happening]:
    query = (
        sa.select(stock_changes, products.c.name, products.c.sku, products.c.price)
        .join(products, same_product(stock_changes))
        .where(
            stock_changes.c.store_id == look.store_id,
            stock_changes.c.at >= max(look.first_seen, look.since),
            stock_changes.c.was_in_stock.is_(sa.false()),
            stock_changes.c.in_stock.is_(sa.true()),
            products.c.in_stock.is_(sa.true()),
        )
        .order_by(stock_changes.c.id)
    )
    for row in read(connection, query):
        yield Happening(
            key=f"product {row.product_id} back, change {row.id}",
            product_id=row.product_id,
            happened_at=row.at,
            facts={"product": product_facts(row), "quantity": row.quantity},
        )


def overstocked(connection: Connection, look: Look) -> Iterator[Happening]:
    assert look.event.overstocked is not None  # noqa: S101
    over = look.event.overstocked.over
    yield from _by_quantity(connection, look, products.c.quantity > over, f"over {over}")


def low_stock(connection: Connection, look: Look) -> Iterator[Happening]:
    said = look.event.low_stock
    if said is not None and said.below is not None:
        low: sa.ColumnElement[bool] = products.c.quantity < said.below
    else:
        low = products.c.quantity <= products.c.low_stock_at
    yield from _by_quantity(connection, look, sa.and_(low, products.c.in_stock.is_(sa.true())), "low")


def _by_quantity(
    connection: Connection, look: Look, holds: sa.ColumnElement[bool], words: str
) -> Iterator[Happening]:
    """Products whose quantity is so now, whenever it became so; a day's key, and `again:` decides about another day's."""
    today = look.now.astimezone(look.zone).date()
    query = sa.select(products).where(
        products.c.store_id == look.store_id, products.c.enabled.is_(sa.true()), holds
    )
    if not look.in_a_new_hour:
        query = query.where(products.c.seen_at >= look.since)
    for row in read(connection, query.order_by(products.c.product_id)):
        yield Happening(
            key=f"product {row.product_id} {words} on {today}",
            product_id=row.product_id,
            happened_at=look.now,
            facts={"product": product_facts(row), "quantity": row.quantity},
        )
