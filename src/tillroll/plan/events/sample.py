"""A made-up happening, within the bounds of its event, and a made-up customer: they stand in for what isn't known."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.language.models import Offer
from tillroll.campaign.language.trigger import Event
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import customers, products
from tillroll.plan.audience import Selection
from tillroll.plan.events.happening import product_facts

_TOTAL = Decimal(50)  # of an order, in a store that never had one
_OF_PRODUCTS = frozenset({"review_left", "favourite_added", "back_in_stock", "overstocked", "low_stock"})


class AnyField(dict[str, Any]):
    """The fields of an event of one's own: each is there, and says its name in brackets."""

    def __missing__(self, name: str) -> str:
        return f"({name})"


def made_up_facts(
    engine: Engine, *, store_id: int, event: Event, now: datetime, zone: ZoneInfo
) -> dict[str, Any]:
    """What such a happening would bring into its messages; a product is one of the store's, if it has any."""
    said = getattr(event, event.name)
    with reading(engine) as connection:
        product = _some_product(connection, store_id, event.name) if event.name in _OF_PRODUCTS else {}
        match event.name:
            case "order_placed" | "cart_abandoned":
                total = max(said.total_at_least or Decimal(0), _usual_total(connection, store_id))
                return {event.name.partition("_")[0]: {"id": "SAMPLE", "total": str(total)}}
    match event.name:
        case "inactive":
            return {"since": (now - said.for_).astimezone(zone).date().isoformat()}
        case "first_order_anniversary" | "birthday":
            return {"day": now.astimezone(zone).date().isoformat()}
        case "review_left":
            return {"review": {"rating": said.rating_at_least or 5}, "product": product}
        case "favourite_added":
            return {"product": product}
        case "back_in_stock":
            return {"product": product, "quantity": 10}
        case "overstocked":
            return {"product": product, "quantity": said.over + 1}
        case "low_stock":
            return {"product": product, "quantity": (said.below or 4) - 1}
        case "custom":
            return {"event": AnyField()}
    return {}


def _usual_total(connection: Connection, store_id: int) -> Decimal:
    """What an order of the store costs on average."""
    query = sa.select(sa.func.sum(customers.c.orders), sa.func.sum(customers.c.spent))
    orders, spent = connection.execute(query.where(customers.c.store_id == store_id)).one()
    return (Decimal(spent) / int(orders)).quantize(Decimal("0.01")) if orders else _TOTAL


def _some_product(connection: Connection, store_id: int, event: str) -> dict[str, Any]:
    """One of the store's products: one that is sold, and the nearest to what the event is about."""
    pieces = products.c.quantity.desc() if event == "overstocked" else products.c.quantity
    last = sa.case((products.c.quantity.is_(None), 1), else_=0)
    order = (products.c.enabled.desc(), products.c.in_stock.desc(), last, pieces, products.c.product_id)
    query = sa.select(products).where(products.c.store_id == store_id)
    row = connection.execute(query.order_by(*order).limit(1)).first()
    if row is None:
        return {"id": 0, "name": "a product", "sku": "SAMPLE", "price": None}
    return product_facts(row)


def made_up_recipient(language: str, *, arm: str, offer: Offer | None) -> Recipient:
    """Somebody who is no customer; their own value, if the offer has one, is the largest there is."""
    value = offer.largest_value if offer is not None and offer.per_customer is not None else None
    return Recipient(
        customer_id=0,
        email="eva.sample@example.com",
        name="Eva Sample",
        first_name="Eva",
        language=language,
        country="",
        arm=arm,
        value=value,
    )


def selection_of(recipient: Recipient) -> Selection:
    """An audience of that one."""
    found = Selection(matched=1, count=1, arms=Counter({recipient.arm: 1}))
    if recipient.value is not None:
        found.values[recipient.arm] = found.least_value = found.most_value = recipient.value
    return found
