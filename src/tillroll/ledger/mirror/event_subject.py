"""Whether what an event was about still stands: nobody is thanked for a cancelled order or reminded of a bought cart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import NO_SALE, WITHDRAWN
from tillroll.ledger.tables import carts, orders

_UNDONE = {WITHDRAWN: "the buyer withdrew from the order", "REFUNDED": "the order was refunded"}


class SubjectKind(StrEnum):
    """What an event may be about that can be over; also the word for it."""

    ORDER = "order"
    CART = "cart"


@dataclass(frozen=True, kw_only=True)
class EventSubject:
    """The order or the cart that an event is about."""

    kind: SubjectKind
    id: str  # as the store names it


def subject_of(facts: Mapping[str, Any] | None) -> EventSubject | None:
    """Return what an event's facts name; None if they name neither an order nor a cart."""
    for kind in SubjectKind:
        if facts is not None and kind.value in facts:
            return EventSubject(kind=kind, id=facts[kind.value]["id"])
    return None


def why_subject_is_over(connection: Connection, store_id: int, facts: Mapping[str, Any]) -> str:
    """Return why the order or cart that an event's facts name is over; empty if it stands, or the event is about neither."""
    subject = subject_of(facts)
    return why_over(connection, store_id, subject) if subject is not None else ""


def why_over(connection: Connection, store_id: int, subject: EventSubject) -> str:
    """Return why an order or cart is over, as the mirror has it; empty if it stands."""
    if subject.kind is SubjectKind.ORDER:
        return _why_order_is_over(connection, store_id, subject.id)
    return _why_cart_is_over(connection, store_id, subject.id)


def read_at(connection: Connection, store_id: int, subject: EventSubject) -> datetime | None:
    """Return when an order or cart was last read from the store; None if the mirror doesn't have it."""
    table, id_ = (
        (orders, orders.c.order_id) if subject.kind is SubjectKind.ORDER else (carts, carts.c.cart_id)
    )
    query = sa.select(table.c.seen_at).where(table.c.store_id == store_id, id_ == subject.id)
    seen_at: datetime | None = connection.scalar(query)
    return seen_at


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
