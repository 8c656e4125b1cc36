"""The mirror: the store's customers and orders in the ledger, brought up to date by what changed since the last look.

Each look starts a little before the last one ended: the store's search index lags its writes by seconds, and a row that is
read twice is only written twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.ecwid.client import Client
from tillroll.ecwid.customers import Customer
from tillroll.ecwid.orders import Order
from tillroll.ledger.engine import upsert, writing
from tillroll.ledger.tables import customers, orders, stores

_PIECE = 500
OVERLAP = timedelta(minutes=10)
ORDERS_LOOK_BACK = timedelta(days=30)
"""How far back orders are read at first: customers carry their own history, orders are for redemptions."""

_T = TypeVar("_T")


def sync_profile(engine: Engine, client: Client, *, store_id: int, now: datetime) -> None:
    """Learn the store's name, currency and time zone."""
    profile = client.shop.profile()
    with writing(engine) as connection:
        connection.execute(
            sa.update(stores)
            .where(stores.c.id == store_id)
            .values(
                name=profile.name,
                url=profile.url,
                email=profile.email,
                currency=profile.currency,
                timezone=profile.timezone,
                language=profile.language,
                profile_at=now,
            )
        )


def sync_customers(engine: Engine, client: Client, *, store: sa.Row[Any], now: datetime) -> int:
    """Read the customers that changed since the last look, or all of them the first time; returns how many."""
    since = store.customers_at - OVERLAP if store.customers_at else None
    count = 0
    for piece in _pieces(client.customers.every(updated_from=since)):
        with writing(engine) as connection:
            upsert(connection, customers, [_customer_row(store.id, one, now) for one in piece])
        count += len(piece)
    _looked(engine, store.id, customers_at=now)
    return count


def sync_orders(engine: Engine, client: Client, *, store: sa.Row[Any], now: datetime) -> int:
    """Read the orders that changed since the last look; returns how many."""
    since = (store.orders_at or now - ORDERS_LOOK_BACK) - OVERLAP
    count = 0
    for piece in _pieces(client.orders.every(updated_from=since)):
        with writing(engine) as connection:
            upsert(connection, orders, [_order_row(store.id, one, now) for one in piece])
        count += len(piece)
    _looked(engine, store.id, orders_at=now)
    return count


def _pieces(rows: Iterator[_T]) -> Iterator[list[_T]]:
    while piece := list(islice(rows, _PIECE)):
        yield piece


def _customer_row(store_id: int, customer: Customer, now: datetime) -> dict[str, Any]:
    row = {**asdict(customer), "store_id": store_id, "seen_at": now}
    return {name: value for name, value in row.items() if name in customers.c}


def _order_row(store_id: int, order: Order, now: datetime) -> dict[str, Any]:
    row = {**asdict(order), "store_id": store_id, "seen_at": now}
    return {name: value for name, value in row.items() if name in orders.c}


def _looked(engine: Engine, store_id: int, **stamp: datetime) -> None:
    with writing(engine) as connection:
        connection.execute(sa.update(stores).where(stores.c.id == store_id).values(**stamp))
