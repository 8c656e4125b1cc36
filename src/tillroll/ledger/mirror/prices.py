"""A digest of the prices of an offer's goods: a plan stores it, and minting checks it again."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.digest import RunningDigest
from tillroll.campaign.frozen.parts import Goods
from tillroll.ledger.engine import streaming
from tillroll.ledger.tables import product_categories, products, variations


def prices_digest(connection: Connection, store_id: int, goods: Goods) -> str:
    """SHA-256 over every product that the offer is on, those of its categories among them, with what it and its variations
    cost; empty for an offer that names none."""
    if not goods.products and not goods.categories:
        return ""
    shelves = sa.select(product_categories.c.product_id).where(
        product_categories.c.store_id == store_id,
        product_categories.c.category_id.in_([one.category_id for one in goods.categories]),
    )
    named = [one.product_id for one in goods.products]
    digest = RunningDigest()
    for table, also in ((products, []), (variations, [variations.c.variation_id])):
        on = sa.or_(table.c.product_id.in_(named), table.c.product_id.in_(shelves))
        key = [table.c.product_id, *also]
        query = sa.select(*key, table.c.price).where(table.c.store_id == store_id, on).order_by(*key)
        with streaming(connection, query) as rows:
            for row in rows:
                price = None if row.price is None else f"{row.price.normalize():f}"
                digest.add([*row[:-1], price])
    return digest.hex()
