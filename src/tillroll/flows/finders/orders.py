"""Find orders, abandoned carts, and customers whose orders reached an amount."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.events.orders import (
    CART_ABANDONED,
    ORDER_PLACED,
    SPENT_REACHED,
    CartAbandoned,
    OrderPlaced,
    SpentReached,
)
from tillroll.campaign.states import NO_SALE
from tillroll.flows.finders.finder import (
    EventFinder,
    EventRow,
    EventWindow,
    StoreEvent,
    cart_facts,
    new_rows,
    stream,
)
from tillroll.flows.finders.keys import cart_key, customer_key, order_key
from tillroll.ledger.tables import carts, customers, order_items, orders
from tillroll.plan.goods.ordered import is_of_goods


def _orders_placed(
    connection: Connection, window: EventWindow, conditions: OrderPlaced
) -> Iterator[StoreEvent]:
    query = sa.select(orders).where(
        *new_rows(orders, orders.c.created_at, window), orders.c.payment_status.not_in(NO_SALE)
    )
    if conditions.total_at_least is not None:
        query = query.where(orders.c.total >= conditions.total_at_least)
    if conditions.products or conditions.categories:
        query = query.where(_has_goods(connection, window.store_id, conditions))
    for row in stream(connection, query.order_by(orders.c.created_at)):
        if conditions.number is not None and _number_of(connection, row) != conditions.number:
            continue
        yield StoreEvent(
            key=order_key(row.order_id),
            customer_id=row.customer_id,
            email=row.email,
            happened_at=row.created_at,
            facts={"order": {"id": row.order_id, "total": str(row.total)}},
        )


def _has_goods(connection: Connection, store_id: int, conditions: OrderPlaced) -> sa.ColumnElement[bool]:
    """Return the condition for orders with a line of the goods that the file names."""
    is_named = is_of_goods(connection, store_id, skus=conditions.products, categories=conditions.categories)
    of_order = (order_items.c.store_id == orders.c.store_id, order_items.c.order_id == orders.c.order_id)
    return sa.exists().where(*of_order, is_named)


def _number_of(connection: Connection, order: EventRow) -> int:
    """Return the number of this order among the orders of its customer, from 1.

    The mirror may not hold a customer's old orders yet, so the store's own count, less the later orders, counts if it is higher.
    """
    if order.customer_id is not None:
        same_customer = orders.c.customer_id == order.customer_id
        customer = customers.c.customer_id == order.customer_id
    else:  # a guest is the customer with the same address
        same_customer = sa.func.lower(orders.c.email) == order.email.lower()
        customer = sa.func.lower(customers.c.email) == order.email.lower()
    where = (orders.c.store_id == order.store_id, same_customer, orders.c.payment_status.not_in(NO_SALE))
    is_later = sa.or_(
        orders.c.created_at > order.created_at,
        sa.and_(orders.c.created_at == order.created_at, orders.c.order_id > order.order_id),
    )
    count = sa.select(sa.func.count()).select_from(orders)
    mirrored = int(connection.scalar(count.where(*where, ~is_later)) or 0)
    later = int(connection.scalar(count.where(*where, is_later)) or 0)
    query = sa.select(customers.c.orders, customers.c.last_order_at)
    row = connection.execute(query.where(customers.c.store_id == order.store_id, customer).limit(1)).first()
    if row is None or row.last_order_at is None or row.last_order_at < order.created_at:
        return mirrored  # the store's count is older than this order
    return max(mirrored, int(row.orders) - later)


def _carts_abandoned(
    connection: Connection, window: EventWindow, conditions: CartAbandoned
) -> Iterator[StoreEvent]:
    changed_at = sa.func.coalesce(carts.c.updated_at, carts.c.created_at)
    query = sa.select(carts, changed_at.label("changed_at")).where(
        *new_rows(carts, changed_at, window),
        carts.c.hidden.is_(sa.false()),
        carts.c.recovered_order.is_(None),
    )
    if conditions.total_at_least is not None:
        query = query.where(carts.c.total >= conditions.total_at_least)
    for row in stream(connection, query.order_by(changed_at)):
        yield StoreEvent(
            key=cart_key(row.cart_id),
            customer_id=row.customer_id,
            email=row.email,
            happened_at=_as_moment(row.changed_at),
            facts={"cart": cart_facts(row)},
        )


def _spent_reached(
    connection: Connection, window: EventWindow, conditions: SpentReached
) -> Iterator[StoreEvent]:
    """Yield customers who spent the amount, but had not when the campaign was first seen."""
    amount = conditions.amount
    spent_since = (
        sa.select(sa.func.coalesce(sa.func.sum(orders.c.total), 0))
        .where(
            orders.c.store_id == customers.c.store_id,
            orders.c.customer_id == customers.c.customer_id,
            orders.c.created_at >= window.first_seen,
            orders.c.payment_status.not_in(NO_SALE),
        )
        .scalar_subquery()
    )
    query = (
        sa.select(customers.c.customer_id, customers.c.last_order_at)
        .where(
            customers.c.store_id == window.store_id,
            customers.c.seen_at >= window.since,
            customers.c.last_order_at >= window.first_seen,
            customers.c.spent >= amount,
            sa.type_coerce(customers.c.spent, sa.BigInteger) - sa.type_coerce(spent_since, sa.BigInteger)
            < int(amount * 10_000),
        )
        .order_by(customers.c.last_order_at)
    )
    for row in stream(connection, query):
        yield StoreEvent(
            key=customer_key(row.customer_id, event=f"spent {amount:f}"),
            customer_id=row.customer_id,
            happened_at=row.last_order_at,
        )


def _as_moment(value: Any) -> datetime:
    """Return a moment that came through an SQL function, which loses its type on SQLite."""
    moment: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


FINDERS = (
    EventFinder(kind=ORDER_PLACED, find=_orders_placed, reads_orders=True),
    EventFinder(kind=CART_ABANDONED, find=_carts_abandoned),
    EventFinder(kind=SPENT_REACHED, find=_spent_reached, reads_orders=True),
)
