"""Find the products that an offer would sell below the margin that the guardrails ask for, in the mirror of the catalogue."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.proposal import Goods
from tillroll.campaign.language.models import AMOUNT_KINDS, PERCENT_KINDS, Offer
from tillroll.ledger.tables import product_categories, products
from tillroll.plan.verdicts import BelowMargin

_SHOWN = 3
_FINE = 10_000  # shares are in hundredths of a percent, so that nothing needs to be divided


def below_margin(
    connection: Connection, *, store_id: int, offer: Offer, goods: Goods | None, margin: Decimal
) -> BelowMargin:
    """Return the products that the offer at its largest value sells below the margin, each bought alone.

    A percentage is taken off the price. An amount is taken off the whole basket, so a product bears its share of it in the
    smallest basket that the offer allows: the minimum subtotal, or the product by itself. A percentage with a cap takes an amount
    that is never more than the percentage of the basket, nor than the cap.
    """
    where = [products.c.store_id == store_id, products.c.cost_price.is_not(None), products.c.price > 0]
    if goods is not None:
        in_categories = sa.select(product_categories.c.product_id).where(
            product_categories.c.store_id == store_id,
            product_categories.c.category_id.in_([category.category_id for category in goods.categories]),
        )
        named = products.c.product_id.in_([product.product_id for product in goods.products])
        where.append(sa.or_(named, products.c.product_id.in_(in_categories)))
    with_cost = sa.select(sa.func.count()).select_from(products).where(*where)
    below = sa.select(products.c.name, products.c.sku).where(*where, _sold_below(offer, margin))
    rows = connection.execute(below.order_by(products.c.product_id).limit(_SHOWN)).all()
    count = connection.scalar(sa.select(sa.func.count()).select_from(below.subquery())) if rows else 0
    return BelowMargin(
        count=int(count or 0),
        with_cost=int(connection.scalar(with_cost) or 0),
        names=tuple(row.name or row.sku for row in rows),
    )


def _sold_below(offer: Offer, margin: Decimal) -> sa.ColumnElement[bool]:
    """Return the condition that the price after the discount, less the margin, is below the cost; in whole numbers."""
    price = sa.type_coerce(products.c.price, sa.BigInteger)
    cost = sa.type_coerce(products.c.cost_price, sa.BigInteger)
    left = int(
        (100 - margin) * 100
    )  # how much of the discounted price may be cost, in hundredths of a percent
    if offer.kind in PERCENT_KINDS:
        kept = int((100 - offer.largest_value) * 100)
        by_share = sa.cast(price * kept, sa.Numeric) * left < sa.cast(cost, sa.Numeric) * _FINE * _FINE
        if offer.at_most is None:
            return by_share
        cap = int((offer.at_most * _FINE).to_integral_value(ROUND_CEILING))
        return sa.and_(by_share, (price - cap) * left < cost * _FINE)
    if offer.kind not in AMOUNT_KINDS:
        return cost * _FINE > price * left
    off = int((offer.largest_value * _FINE).to_integral_value(ROUND_CEILING))
    least = int((offer.minimum_subtotal or Decimal(0)) * _FINE)
    alone = sa.and_(price >= least, (price - off) * left < cost * _FINE)
    if not least:
        return alone
    share = sa.cast(price, sa.Numeric) * (least - off) * left < sa.cast(cost, sa.Numeric) * least * _FINE
    return sa.or_(alone, sa.and_(price < least, share))
