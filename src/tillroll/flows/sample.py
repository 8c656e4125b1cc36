"""A made-up event and a made-up customer, for previews where the store has no real ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.language.events.event import Event
from tillroll.campaign.language.events.kind import Facts
from tillroll.campaign.language.models import Campaign, Figure
from tillroll.campaign.text.money import smallest_unit
from tillroll.flows.finders.finder import product_facts
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import customers, products
from tillroll.plan.audience.select import Selection
from tillroll.plan.goods.categories import of_categories

_ORDER_TOTAL = Decimal(50)  # in a store that never had an order


@dataclass(frozen=True, kw_only=True)
class _StoreSource:
    """What a made-up event takes from the store (`campaign.language.events.kind.SampleSource`)."""

    connection: Connection
    store_id: int
    now: datetime
    zone: ZoneInfo

    def day(self, *, ago: timedelta = timedelta(0)) -> date:
        return (self.now - ago).astimezone(self.zone).date()

    def order_total(self) -> Decimal:
        query = sa.select(sa.func.sum(customers.c.orders), sa.func.sum(customers.c.spent))
        orders, spent = self.connection.execute(query.where(customers.c.store_id == self.store_id)).one()
        return (Decimal(spent) / int(orders)).quantize(Decimal("0.01")) if orders else _ORDER_TOTAL

    def product(self, *, plentiful: bool = False, of: Sequence[str] = ()) -> dict[str, Any]:
        """Return the facts of a product, one that is on sale if there is any; made up if the categories have no products."""
        pieces = products.c.quantity.desc() if plentiful else products.c.quantity
        uncounted_last = sa.case((products.c.quantity.is_(None), 1), else_=0)
        order = (
            products.c.enabled.desc(),
            products.c.in_stock.desc(),
            uncounted_last,
            pieces,
            products.c.product_id,
        )
        query = sa.select(products).where(products.c.store_id == self.store_id)
        if of:
            query = query.where(of_categories(self.connection, self.store_id, of))
        row = self.connection.execute(query.order_by(*order).limit(1)).first()
        if row is None:
            return {"id": 0, "name": "a product", "sku": "SAMPLE", "price": None, "url": "", "picture": ""}
        return product_facts(row)


def sample_facts(engine: Engine, *, store_id: int, event: Event, now: datetime, zone: ZoneInfo) -> Facts:
    """Return the facts of a made-up event that fulfils the campaign's conditions. Its product is one of the store's, if any."""
    with reading(engine) as connection:
        source = _StoreSource(connection=connection, store_id=store_id, now=now, zone=zone)
        return event.kind.sample(event.conditions, source)


def sample_recipient(
    language: str, *, arm: str, campaign: Campaign | None, facts: Facts | None = None, currency: str = ""
) -> Recipient:
    """Return a made-up customer; their own value, if the run's offer has one, is the largest there is.

    That of a capped percentage is what the cart of the event comes to, if `facts` has one.
    """
    value = None
    if campaign is not None and campaign.offer is not None and campaign.has_own_values:
        value = campaign.offer.largest_off
        if campaign.offer.at_most is not None and "cart" in (facts or {}):
            figures = {Figure.CART_TOTAL.value: Decimal(str((facts or {})["cart"]["total"]))}
            value = campaign.offer.value_for(figures, smallest_unit(currency)) or value
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
    """Return an audience of one recipient."""
    selection = Selection(matched=1, count=1, arms=Counter({recipient.arm: 1}))
    if recipient.value is not None:
        selection.values[recipient.arm] = recipient.value
        selection.least_value = selection.most_value = recipient.value
    selection.awkward.take(asdict(recipient))
    return selection
