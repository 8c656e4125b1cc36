"""Tell whether two offers apply to a common product, by the mirror of the catalogue."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.parts import Goods
from tillroll.ledger.tables import product_categories


def products_on(connection: Connection, store_id: int, goods: Goods | None) -> frozenset[int] | None:
    """Return the products that an offer applies to, including those of its categories; None: everything."""
    if goods is None:
        return None
    category_ids = [category.category_id for category in goods.categories]
    query = sa.select(product_categories.c.product_id).where(
        product_categories.c.store_id == store_id, product_categories.c.category_id.in_(category_ids)
    )
    return frozenset([*(product.product_id for product in goods.products), *connection.scalars(query)])


def share_products(first: frozenset[int] | None, second: frozenset[int] | None) -> bool:
    """Return whether two sets of products have one in common; None is everything."""
    if first is None or second is None:
        return first != frozenset() and second != frozenset()
    return not first.isdisjoint(second)
