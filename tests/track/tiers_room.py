"""A store with tiers whose orders the tests write as the store's news would bring them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_store
from tillroll.campaign.segments.tiers import TierRules
from tillroll.campaign.text.clean import CleanText
from tillroll.ecwid.endpoints.orders import Order
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.mirror import reach
from tillroll.ledger.tables import customer_tiers, looks, tier_changes
from tillroll.track.mirror.areas import ORDERS
from tillroll.track.tiers.follow import follow_tiers, record_tiers

DAY = timedelta(days=1)
BY_SPEND = {"by": "spent", "tiers": [{"name": "silver", "from": 100}, {"name": "gold", "from": 250}]}
BY_POINTS = {
    "by": "points",
    "tiers": [{"name": "silver", "from": 200}, {"name": "gold", "from": 500}],
    "points_per_unit": 2,
}
_numbers = count(5_000)


def rules(raw: Mapping[str, Any]) -> TierRules:
    return TierRules.model_validate(raw)


def shop(engine: Engine, raw: Mapping[str, Any]) -> int:
    """Return a store all of whose orders were read, with tiers that nobody is in yet."""
    store_id = add_store(engine, ecwid_id=next(_numbers))
    with writing(engine) as connection:
        read = {"store_id": store_id, "looked_at": NOW, "whole_at": NOW}
        upsert(connection, looks, [{**read, "area": area} for area in (reach.ORDERS, reach.OLD_ORDERS)])
    record_tiers(engine, store_id=store_id, rules=rules(raw))
    assert not follow_tiers(engine, store_id=store_id, now=NOW)
    return store_id


def order(order_id: str, customer_id: int | None = 1, total: str = "60", **values: Any) -> Order:
    """Return an order of the store, paid and placed now, unless said otherwise."""
    nothing = CleanText("")
    plain = Order(
        order_id=CleanText(order_id),
        number=None,
        customer_id=customer_id,
        email=nothing,
        total=Decimal(total),
        refunded=Decimal(0),
        subtotal=Decimal(total),
        coupon_discount=Decimal(0),
        coupon_code=nothing,
        payment_status=CleanText("PAID"),
        fulfillment_status=nothing,
        withdrawn=False,
        items=(),
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(plain, **values)


def write(engine: Engine, store_id: int, *values: Order) -> None:
    with writing(engine) as connection:
        ORDERS.write(connection, store_id, values, NOW)


def remove(engine: Engine, store_id: int, order_id: str) -> None:
    with writing(engine) as connection:
        ORDERS.remove(connection, store_id, [order_id])


def tiers(engine: Engine, store_id: int) -> dict[int, tuple[str, Decimal]]:
    """Return by customer their tier and figure, for those who have any."""
    query = sa.select(customer_tiers).where(customer_tiers.c.store_id == store_id)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return {row.customer_id: (row.tier, row.figure) for row in rows if row.figure}


def changes(engine: Engine, store_id: int) -> list[tuple[int, str, str, bool, str]]:
    query = sa.select(tier_changes).where(tier_changes.c.store_id == store_id).order_by(tier_changes.c.id)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return [(row.customer_id, row.was, row.tier, row.rose, row.cause) for row in rows]
