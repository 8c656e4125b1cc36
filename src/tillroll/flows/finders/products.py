"""Find products that are back in stock, that there are too many of, or too few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.events.products import (
    BACK_IN_STOCK,
    LOW_STOCK,
    OVERSTOCKED,
    BackInStock,
    LowStock,
    OfCategories,
    Overstocked,
)
from tillroll.flows.finders.finder import (
    SHOWN,
    EventFinder,
    EventWindow,
    StoreEvent,
    product_facts,
    same_product,
    stream,
)
from tillroll.ledger.tables import products, stock_changes
from tillroll.plan.goods.categories import of_categories


def _back_in_stock(
    connection: Connection, window: EventWindow, conditions: BackInStock
) -> Iterator[StoreEvent]:
    query = (
        sa.select(stock_changes, *SHOWN)
        .join(products, same_product(stock_changes))
        .where(
            stock_changes.c.store_id == window.store_id,
            stock_changes.c.at >= max(window.first_seen, window.since),
            stock_changes.c.was_in_stock.is_(sa.false()),
            stock_changes.c.in_stock.is_(sa.true()),
            products.c.in_stock.is_(sa.true()),
            *_in_categories(connection, window.store_id, conditions),
        )
        .order_by(stock_changes.c.id)
    )
    for row in stream(connection, query):
        yield StoreEvent(
            key=f"product {row.product_id} back, change {row.id}",
            product_id=row.product_id,
            happened_at=row.at,
            facts={"product": product_facts(row), "quantity": row.quantity},
        )


def _overstocked(
    connection: Connection, window: EventWindow, conditions: Overstocked
) -> Iterator[StoreEvent]:
    is_over = products.c.quantity > conditions.over
    holds = (is_over, *_in_categories(connection, window.store_id, conditions))
    yield from _by_quantity(connection, window, holds, f"over {conditions.over}")


def _low_stock(connection: Connection, window: EventWindow, conditions: LowStock) -> Iterator[StoreEvent]:
    if conditions.below is not None:
        is_low: sa.ColumnElement[bool] = products.c.quantity < conditions.below
    else:
        is_low = products.c.quantity <= products.c.low_stock_at
    of = _in_categories(connection, window.store_id, conditions)
    yield from _by_quantity(connection, window, (is_low, products.c.in_stock.is_(sa.true()), *of), "low")


def _in_categories(
    connection: Connection, store_id: int, conditions: OfCategories
) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition for products of the categories; none for products of any. An unknown category has no products."""
    return (of_categories(connection, store_id, conditions.categories),) if conditions.categories else ()


def _by_quantity(
    connection: Connection, window: EventWindow, holds: Sequence[sa.ColumnElement[bool]], key_words: str
) -> Iterator[StoreEvent]:
    """Yield products whose quantity fulfils conditions now, whenever it began to.

    Their key is that of a day, so `again:` decides whether another day counts once more.
    """
    today = window.now.astimezone(window.zone).date()
    query = sa.select(products).where(
        products.c.store_id == window.store_id, products.c.enabled.is_(sa.true()), *holds
    )
    if not window.in_a_new_hour:
        query = query.where(products.c.seen_at >= window.since)
    for row in stream(connection, query.order_by(products.c.product_id)):
        yield StoreEvent(
            key=f"product {row.product_id} {key_words} on {today}",
            product_id=row.product_id,
            happened_at=window.now,
            facts={"product": product_facts(row), "quantity": row.quantity},
        )


FINDERS = (
    EventFinder(kind=BACK_IN_STOCK, find=_back_in_stock),
    EventFinder(kind=OVERSTOCKED, find=_overstocked),
    EventFinder(kind=LOW_STOCK, find=_low_stock),
)
