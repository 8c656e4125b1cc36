"""A finder of events: what it is given, what it finds, and what all finders share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Protocol
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.events.kind import Conditions, EventKind, Facts
from tillroll.ledger.engine import streaming
from tillroll.ledger.tables import products

PIECE = 500
"""Events that are read and entered together."""


@dataclass(frozen=True, kw_only=True)
class StoreEvent:
    """One thing that happened to a customer, or to a product."""

    key: str  # unique within a campaign, so that an event that is found twice is entered once
    happened_at: datetime
    customer_id: int | None = None
    email: str = ""  # of a guest, whom the store may know as a customer
    product_id: int | None = None
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EventWindow:
    """Where to look for events, and how far back."""

    store_id: int
    zone: ZoneInfo  # of the campaign; days are counted in it
    first_seen: datetime  # when the campaign was first seen; what happened before is left alone
    last: datetime  # when the last look ended
    since: datetime  # `last`, less the time by which the store's lists may lag
    now: datetime

    @property
    def in_a_new_hour(self) -> bool:
        """Whether to read lasting states in full: at the first look of each hour. Other looks read only newly seen rows."""
        hours = {moment.replace(minute=0, second=0, microsecond=0) for moment in (self.last, self.now)}
        return self.last <= self.first_seen or len(hours) > 1


@dataclass(frozen=True, kw_only=True)
class EventFinder(Generic[Conditions]):
    """How events of one kind are found."""

    kind: EventKind[Conditions]
    find: Callable[[Connection, EventWindow, Conditions], Iterator[StoreEvent]]
    """Yield what happened within a window and fulfils the conditions, oldest first."""
    reads_orders: bool = False  # its work grows with the orders in the window


EventRow = sa.Row[Any]
"""A row of a finder's query. Each query has a shape of its own, and there may be many thousands of rows."""


def stream(connection: Connection, query: sa.Select[Any]) -> Iterator[EventRow]:
    """Yield a query's rows a piece at a time, so that memory stays flat."""
    with streaming(connection, query, piece=PIECE) as rows:
        yield from rows


def new_rows(
    table: sa.Table, moment: sa.ColumnElement[Any], window: EventWindow
) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition for rows that the mirror saw since the last look, of events since the campaign was first seen."""
    return (table.c.store_id == window.store_id, table.c.seen_at >= window.since, moment >= window.first_seen)


def same_product(table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that joins a table to its products."""
    return sa.and_(products.c.store_id == table.c.store_id, products.c.product_id == table.c.product_id)


SHOWN = tuple(products.c[name] for name in ("name", "sku", "price", "url", "picture"))
"""The columns of a product that `product_facts` needs beside its id."""


def product_facts(row: EventRow) -> dict[str, Any]:
    """Return what messages may use of a product, from a row with its columns."""
    return {
        "id": row.product_id,
        "name": row.name or "",
        "sku": row.sku or "",
        "price": None if row.price is None else str(row.price),
        "url": row.url or "",
        "picture": row.picture or "",
    }


class CartLike(Protocol):
    """What `cart_facts` needs of a cart: a row of the mirror, or what a flow read of one."""

    @property
    def cart_id(self) -> str: ...
    @property
    def total(self) -> Decimal: ...
    @property
    def subtotal(self) -> Decimal: ...
    @property
    def items(self) -> Sequence[Mapping[str, Any]]: ...


def cart_facts(cart: CartLike) -> dict[str, Any]:
    """Return what messages may use of a cart, and its value before shipping and taxes, which a coupon's minimum counts."""
    return {
        "id": cart.cart_id,
        "total": str(cart.total),
        "subtotal": str(cart.subtotal),
        "goods": [_good_facts(item) for item in cart.items],
    }


def _good_facts(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return what messages may use of one line of a cart."""
    return {
        "id": item["product_id"],
        "name": item["name"] or item["sku"],
        "quantity": item["quantity"],
        "price": item["price"],
        "picture": item["picture"],
        "options": dict(item["options"]),
    }
