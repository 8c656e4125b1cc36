"""Whether what an event was about still stands: nobody is thanked for a cancelled order or reminded of a bought cart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import NO_SALE, WITHDRAWN
from tillroll.ledger.tables import carts, orders

_UNDONE = {WITHDRAWN: "the buyer withdrew from the order", "REFUNDED": "the order was refunded"}


def why_subject_is_over(connection: Connection, store_id: int, facts: Mapping[str, Any]) -> str:
    """Return why the order or cart that an event's facts name is over; empty if it stands, or the event is about neither."""
    if "order" in facts:
        return _why_order_is_over(connection, store_id, facts["order"]["id"])
    if "cart" in facts:
        return _why_cart_is_over(connection, store_id, facts["cart"]["id"])
    return ""


def _why_order_is_over(connection: Connection, store_id: int, order_id: str) -> str:
    where = (orders.c.store_id == store_id, orders.c.order_id == order_id)
    status = connection.scalar(sa.select(orders.c.payment_status).where(*where))
    if status is None:
        return "the order is gone"
    return _UNDONE.get(status, "the order was cancelled") if status in NO_SALE else ""


def _why_cart_is_over(connection: Connection, store_id: int, cart_id: str) -> str:
    query = sa.select(carts.c.hidden, carts.c.recovered_order)
    cart = connection.execute(query.where(carts.c.store_id == store_id, carts.c.cart_id == cart_id)).first()
    if cart is None or cart.hidden:
        return "the cart is gone"
    return "the cart became an order" if cart.recovered_order is not None else ""
