"""Find published reviews, and products that customers marked as favourites."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.events.opinions import (
    FAVOURITE_ADDED,
    REVIEW_LEFT,
    FavouriteAdded,
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
from tillroll.ledger.tables import customers, favourites, products, reviews


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


FINDERS = (
    EventFinder(kind=REVIEW_LEFT, find=_reviews_left),
    EventFinder(kind=FAVOURITE_ADDED, find=_favourites_added),
)
