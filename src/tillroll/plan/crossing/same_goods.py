"""Whether two offers are on something that is the same, by the mirror of the catalogue."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.parts import Goods
from tillroll.ledger.tables import product_categories


def products_on(connection: Connection, store_id: int, goods: Goods | None) -> frozenset[int] | None:
    """The products that an offer is on, those of its categories among them; None: everything."""
    if goods is None:
        return None
    shelves = [one.category_id for one in goods.categories]
    query = sa.select(product_categories.c.product_id).where(
        product_categories.c.store_id == store_id, product_categories.c.category_id.in_(shelves)
    )
    return frozenset([*(one.product_id for one in goods.products), *connection.scalars(query)])


def share_products(mine: frozenset[int] | None, theirs: frozenset[int] | None) -> bool:
    """Whether two such sets meet; None is everything."""
    if mine is None or theirs is None:
        return mine != frozenset() and theirs != frozenset()
    return not mine.isdisjoint(theirs)
