"""The products of an offer whose prices are reduced, and what they cost in the 30 days before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.parts import Goods
from tillroll.ledger.tables import product_categories, product_prices, products
from tillroll.plan.verdicts.shop import ReducedGoods, ReducedProduct

_SHOWN = 5
_MONTH = timedelta(days=30)


def reduced_goods(connection: Connection, store_id: int, goods: Goods | None) -> ReducedGoods:
    """Return the reduced products that an offer is on, some of them with their earlier prices; None: it is on everything."""
    where = [
        products.c.store_id == store_id,
        products.c.enabled.is_(sa.true()),
        products.c.compare_to_price > products.c.price,
    ]
    if goods is not None:
        in_categories = sa.select(product_categories.c.product_id).where(
            product_categories.c.store_id == store_id,
            product_categories.c.category_id.in_([category.category_id for category in goods.categories]),
        )
        named = products.c.product_id.in_([product.product_id for product in goods.products])
        where.append(sa.or_(named, products.c.product_id.in_(in_categories)))
    count = int(connection.scalar(sa.select(sa.func.count()).select_from(products).where(*where)) or 0)
    if not count:
        return ReducedGoods(count=0)
    rows = connection.execute(
        sa.select(products).where(*where).order_by(products.c.product_id).limit(_SHOWN)
    ).all()
    return ReducedGoods(
        count=count,
        some=tuple(
            ReducedProduct(
                name=row.name or row.sku,
                price=row.price,
                compare_to=row.compare_to_price,
                lowest=(lowest := lowest_before(history := _history(connection, store_id, row.product_id))),
                known_since=history[0].since.date() if history and lowest is None else None,
            )
            for row in rows
        ),
        named=goods is not None,
    )


@dataclass(frozen=True, kw_only=True)
class PriceSince:
    """A price and since when the product has it, or had it until the next one."""

    price: Decimal
    since: datetime


def lowest_before(history: Sequence[PriceSince]) -> Decimal | None:
    """Return the lowest price of the 30 days before the present one; None if it has been the only one so far.

    `history` are all known prices, the oldest first. A price counts if it held at any moment of these days.
    """
    if len(history) < 2:
        return None
    start = history[-1].since - _MONTH
    earlier = history[:-1]
    ends = [each.since for each in history[1:]]
    return min(each.price for each, until in zip(earlier, ends, strict=True) if until > start)


def _history(connection: Connection, store_id: int, product_id: int) -> list[PriceSince]:
    table = product_prices.c
    query = sa.select(table.price, table.since).where(
        table.store_id == store_id, table.product_id == product_id, table.variation_id == 0
    )
    rows = connection.execute(query.order_by(table.since))
    return [PriceSince(price=row.price, since=row.since) for row in rows]
