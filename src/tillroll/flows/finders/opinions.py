"""Find published reviews, products that customers marked as favourites, and what becomes of those."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.events.opinions import (
    FAVOURITE_ADDED,
    FAVOURITE_BACK_IN_STOCK,
    FAVOURITE_PRICE_DROP,
    REVIEW_LEFT,
    FavouriteAdded,
    FavouriteBackInStock,
    FavouritePriceDrop,
    ReviewLeft,
)
from tillroll.flows.finders.finder import (
    SHOWN,
    EventFinder,
    EventWindow,
    StoreEvent,
    new_rows,
    product_facts,
    same_product,
    stream,
)
from tillroll.flows.finders.keys import customer_key
from tillroll.ledger.tables import customers, favourites, product_prices, products, reviews, stock_changes


def _reviews_left(
    connection: Connection, window: EventWindow, conditions: ReviewLeft
) -> Iterator[StoreEvent]:
    query = (
        sa.select(reviews, *SHOWN)
        .outerjoin(products, same_product(reviews))
        .where(
            *new_rows(reviews, reviews.c.created_at, window),
            reviews.c.published.is_(sa.true()),
            reviews.c.rating >= (conditions.rating_at_least or 0),
        )
        .order_by(reviews.c.created_at)
    )
    for row in stream(connection, query):
        yield StoreEvent(
            key=f"review {row.review_id}",
            customer_id=row.customer_id,
            email=row.email,
            happened_at=row.created_at,
            facts={"review": {"rating": row.rating}, "product": product_facts(row)},
        )


def _favourites_added(connection: Connection, window: EventWindow, _: FavouriteAdded) -> Iterator[StoreEvent]:
    query = (
        sa.select(favourites, *SHOWN)
        .join(
            customers,
            sa.and_(
                customers.c.store_id == favourites.c.store_id,
                customers.c.customer_id == favourites.c.customer_id,
            ),
        )
        .outerjoin(products, same_product(favourites))
        .where(*new_rows(customers, favourites.c.added_at, window))
        .order_by(favourites.c.added_at)
    )
    for row in stream(connection, query):
        yield StoreEvent(
            key=customer_key(row.customer_id, event=f"favourite {row.product_id}"),
            customer_id=row.customer_id,
            happened_at=row.added_at,
            facts={"product": product_facts(row)},
        )


def _prices_dropped(
    connection: Connection, window: EventWindow, conditions: FavouritePriceDrop
) -> Iterator[StoreEvent]:
    """Yield the favourites whose price fell and is still as low, for each customer who had marked them by then."""
    now, before = product_prices.c, product_prices.alias("before").c
    earlier = (
        sa.select(before.price)
        .where(
            before.store_id == now.store_id,
            before.product_id == now.product_id,
            before.variation_id == now.variation_id,
            before.since < now.since,
        )
        .order_by(before.since.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        _of_favourites(product_prices)
        .add_columns(now.since, sa.type_coerce(earlier, now.price.type).label("earlier"))
        .where(
            now.store_id == window.store_id,
            now.variation_id == 0,
            now.since >= max(window.first_seen, window.since),
            products.c.price == now.price,
            sa.or_(favourites.c.added_at.is_(None), favourites.c.added_at <= now.since),
        )
        .order_by(now.since)
    )
    for row in stream(connection, query):
        if row.earlier is None or row.price >= row.earlier:
            continue
        if row.earlier - row.price < row.earlier * (conditions.by_at_least or 0):
            continue
        yield StoreEvent(
            key=customer_key(row.customer_id, event=f"price of {row.product_id} {row.since:%Y-%m-%d %H:%M}"),
            customer_id=row.customer_id,
            happened_at=row.since,
            facts={"product": product_facts(row), "earlier": {"price": str(row.earlier)}},
        )


def _favourites_back(
    connection: Connection, window: EventWindow, _: FavouriteBackInStock
) -> Iterator[StoreEvent]:
    """Yield the favourites that are back in stock, for each customer who had marked them by then."""
    query = (
        _of_favourites(stock_changes)
        .add_columns(stock_changes.c.id, stock_changes.c.at, stock_changes.c.quantity)
        .where(
            stock_changes.c.store_id == window.store_id,
            stock_changes.c.at >= max(window.first_seen, window.since),
            stock_changes.c.was_in_stock.is_(sa.false()),
            stock_changes.c.in_stock.is_(sa.true()),
            sa.or_(favourites.c.added_at.is_(None), favourites.c.added_at <= stock_changes.c.at),
        )
        .order_by(stock_changes.c.id)
    )
    for row in stream(connection, query):
        yield StoreEvent(
            key=customer_key(row.customer_id, event=f"favourite {row.product_id} back, change {row.id}"),
            customer_id=row.customer_id,
            happened_at=row.at,
            facts={"product": product_facts(row), "quantity": row.quantity},
        )


def _of_favourites(table: sa.Table) -> sa.Select[Any]:
    """Select who marked the product of a row as a favourite, with that product; of products that can be bought now."""
    marked = sa.and_(favourites.c.store_id == table.c.store_id, favourites.c.product_id == table.c.product_id)
    columns = (favourites.c.customer_id, table.c.product_id, *SHOWN)
    return (
        sa.select(*columns)
        .select_from(table)
        .join(favourites, marked)
        .join(products, same_product(table))
        .where(products.c.enabled.is_(sa.true()), products.c.in_stock.is_(sa.true()))
    )


FINDERS = (
    EventFinder(kind=REVIEW_LEFT, find=_reviews_left),
    EventFinder(kind=FAVOURITE_ADDED, find=_favourites_added),
    EventFinder(kind=FAVOURITE_PRICE_DROP, find=_prices_dropped),
    EventFinder(kind=FAVOURITE_BACK_IN_STOCK, find=_favourites_back),
)
