"""The history of prices: a row whenever a product or variation costs something else than the mirror has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ecwid.endpoints.catalog import Product
from tillroll.ledger.engine import insert_new
from tillroll.ledger.tables import product_prices, products, variations

_Key = tuple[int, int]
"""A product and its variation; 0: the product itself."""


def record_prices(connection: Connection, store_id: int, values: Sequence[Product], now: datetime) -> None:
    """Record the prices that differ from the mirror's; call it before the products are written. Safe to repeat."""
    before = _prices_in_mirror(connection, store_id, [product.product_id for product in values])
    rows = [
        {
            "store_id": store_id,
            "product_id": product_id,
            "variation_id": variation_id,
            "since": now,
            "price": price,
        }
        for (product_id, variation_id), price in _prices_of(values).items()
        if before.get((product_id, variation_id)) != price
    ]
    if rows:
        insert_new(connection, product_prices, rows)


def _prices_of(values: Sequence[Product]) -> dict[_Key, Decimal]:
    prices = {(product.product_id, 0): product.price for product in values}
    for product in values:
        for variation in product.variations:
            own = product.price if variation.price is None else variation.price
            prices[product.product_id, variation.variation_id] = own
    return prices


def _prices_in_mirror(connection: Connection, store_id: int, ids: Sequence[int]) -> dict[_Key, Decimal]:
    own = sa.select(products.c.product_id, products.c.price)
    own = own.where(products.c.store_id == store_id, products.c.product_id.in_(ids))
    prices: dict[_Key, Decimal] = {(row.product_id, 0): row.price for row in connection.execute(own)}
    varied = sa.select(variations.c.product_id, variations.c.variation_id, variations.c.price)
    varied = varied.where(variations.c.store_id == store_id, variations.c.product_id.in_(ids))
    for row in connection.execute(varied):
        price = row.price if row.price is not None else prices.get((row.product_id, 0))
        if price is not None:
            prices[row.product_id, row.variation_id] = price
    return prices
