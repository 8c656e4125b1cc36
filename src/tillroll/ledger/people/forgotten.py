"""Customers who asked to be forgotten: the mirror doesn't take them up again, whatever the store's lists say."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.batched import batched
from tillroll.ledger.tables import forgotten

NAMING = (
    "email",
    "name",
    "first_name",
    "language",
    "country",
    "city",
    "region",
    "group_name",
    "households",
    "surnames",
)
"""The texts of a customer, in the mirror and as the store gives them, of which nothing is kept."""

_IN_A_QUERY = 500


def forgotten_among(connection: Connection, store_id: int, numbers: Collection[int]) -> frozenset[int]:
    """Return which of a store's customers were forgotten."""
    found: set[int] = set()
    for some in batched(numbers, _IN_A_QUERY):
        query = sa.select(forgotten.c.customer_id).where(
            forgotten.c.store_id == store_id, forgotten.c.customer_id.in_(some)
        )
        found |= set(connection.scalars(query))
    return frozenset(found)
