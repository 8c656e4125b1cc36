"""What has changed in the store about the goods that an approved plan names."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.proposal import Goods
from tillroll.ledger.mirror.prices import prices_digest
from tillroll.ledger.tables import categories, products


def changes_of_goods(connection: Connection, store_id: int, goods_of_arms: Sequence[Goods]) -> list[str]:
    """Return, in clauses, what differs between the mirror of the store and the goods of a plan's arms."""
    changes, goods = [], _merged(goods_of_arms)
    if missing := _missing(connection, store_id, goods):
        changes.append(f"no longer in the store: {', '.join(missing)}")
    if barred := _barred(connection, store_id, goods):
        changes.append(f"the store no longer allows discounts on {', '.join(barred)}")
    changes += _repriced(connection, store_id, goods)
    if changes:
        return changes
    # only the digest covers the prices of variations, and which products are in a category
    return [
        f"prices or products of {arm_goods.named} have changed"
        for arm_goods in goods_of_arms
        if arm_goods.prices and prices_digest(connection, store_id, arm_goods) != arm_goods.prices
    ]


def _merged(goods_of_arms: Sequence[Goods]) -> Goods:
    """Return the goods of all arms, each product and category once."""
    products_by_id = {product.product_id: product for goods in goods_of_arms for product in goods.products}
    by_id = {category.category_id: category for goods in goods_of_arms for category in goods.categories}
    return Goods(products=tuple(products_by_id.values()), categories=tuple(by_id.values()))


def _missing(connection: Connection, store_id: int, goods: Goods) -> list[str]:
    """Return the goods that the mirror no longer has: the store would silently drop them from a coupon's limits."""
    product_ids = [product.product_id for product in goods.products]
    present = _present(connection, products.c.product_id, store_id, product_ids)
    missing = [product.name or product.sku for product in goods.products if product.product_id not in present]
    category_ids = [category.category_id for category in goods.categories]
    present = _present(connection, categories.c.category_id, store_id, category_ids)
    return missing + [category.path for category in goods.categories if category.category_id not in present]


def _present(connection: Connection, key: sa.Column[Any], store_id: int, ids: list[int]) -> set[int]:
    query = sa.select(key).where(key.table.c.store_id == store_id, key.in_(ids))
    return set(connection.scalars(query))


def _barred(connection: Connection, store_id: int, goods: Goods) -> list[str]:
    """Return the names of products that may no longer be discounted."""
    ids = [product.product_id for product in goods.products]
    query = sa.select(products.c.name).where(
        products.c.store_id == store_id,
        products.c.product_id.in_(ids),
        products.c.discounts_allowed.is_(sa.false()),
    )
    return list(connection.scalars(query.order_by(products.c.product_id))) if ids else []


def _repriced(connection: Connection, store_id: int, goods: Goods) -> list[str]:
    """Return, in clauses, which products have another price than when the plan was made."""
    approved = {product.product_id: product for product in goods.products if product.price}
    query = sa.select(products.c.product_id, products.c.price).where(
        products.c.store_id == store_id, products.c.product_id.in_(approved)
    )
    clauses = []
    for row in connection.execute(query.order_by(products.c.product_id)) if approved else ():
        product = approved[row.product_id]
        if row.price != Decimal(product.price):
            name, price = product.name or product.sku, row.price.normalize()
            clauses.append(f"{name} costs {price:f} now, not {product.price}")
    return clauses
