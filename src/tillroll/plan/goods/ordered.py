"""Which lines of orders are of certain goods, by the names of products and categories."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.tables import order_items, product_categories, products
from tillroll.plan.goods.categories import find_categories


def is_of_goods(
    connection: Connection, store_id: int, *, skus: Sequence[str], categories: Sequence[str]
) -> sa.ColumnElement[bool]:
    """Return the condition for a line of an order: it has one of the SKUs, or one of their products, or is in a category.

    As in a segment's `bought`, a product's SKU includes its variations, and a category those below it. Names that the store
    doesn't have fit no line.
    """
    wanted = sorted({sku.strip() for sku in skus})
    ways: list[sa.ColumnElement[bool]] = []
    if wanted:
        own = sa.select(products.c.product_id).where(
            products.c.store_id == store_id, products.c.sku.in_(wanted)
        )
        ways += [order_items.c.sku.in_(wanted), order_items.c.product_id.in_(own)]
    if categories:
        by_name, _ = find_categories(connection, store_id, categories)
        inside = sa.select(product_categories.c.product_id).where(
            product_categories.c.store_id == store_id,
            product_categories.c.category_id.in_(sorted(frozenset[int]().union(*by_name.values()))),
        )
        ways.append(order_items.c.product_id.in_(inside))
    return sa.or_(*ways)
