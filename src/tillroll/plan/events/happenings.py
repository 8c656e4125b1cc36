"""What happened in the store, found in the ledger's mirror: one query for each kind of event.

Each happening has a key of its own, so that finding it twice does nothing. Rows are looked for by when the mirror saw them,
from a little before the last look, since the store's lists lag; what happened before the campaign was first seen is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import NO_SALE
from tillroll.ledger.tables import carts, customers, events, favourites, orders, products, reviews
from tillroll.plan.events.days import anniversaries, birthdays
from tillroll.plan.events.happening import Happening, Look, new_rows, product_facts, read, same_product
from tillroll.plan.events.products import back_in_stock, low_stock, overstocked


def happenings(connection: Connection, look: Look) -> Iterator[Happening]:
    """What happened since the last look, oldest first, and some of what was found then. Read within one connection."""
    yield from _FINDERS[look.event.name](connection, look)


def _customers_created(connection: Connection, look: Look) -> Iterator[Happening]:
    query = (
        sa.select(customers.c.customer_id, customers.c.registered_at)
        .where(*new_rows(customers, customers.c.registered_at, look))
        .order_by(customers.c.registered_at)
    )
    for row in read(connection, query):
        yield Happening(
            key=f"customer {row.customer_id}", customer_id=row.customer_id, happened_at=row.registered_at
        )


def _orders_placed(connection: Connection, look: Look) -> Iterator[Happening]:
    said = look.event.order_placed
    query = sa.select(orders).where(
        *new_rows(orders, orders.c.created_at, look), orders.c.payment_status.not_in(NO_SALE)
    )
    if said is not None and said.total_at_least is not None:
        query = query.where(orders.c.total >= said.total_at_least)
    for row in read(connection, query.order_by(orders.c.created_at)):
        if said is not None and said.number is not None and _number_of(connection, row) != said.number:
            continue
        yield Happening(
            key=f"order {row.order_id}",
            customer_id=row.customer_id,
            email=row.email,
            happened_at=row.created_at,
            facts={"order": {"id": row.order_id, "total": str(row.total)}},
        )


def _number_of(connection: Connection, order: sa.Row[Any]) -> int:
    """Which order of its customer this is. The store's own count less the later ones, since old orders come in slowly."""
    if order.customer_id is not None:
        whose = orders.c.customer_id == order.customer_id
        who = customers.c.customer_id == order.customer_id
    else:  # a guest is who had the address before
        whose = sa.func.lower(orders.c.email) == order.email.lower()
        who = sa.func.lower(customers.c.email) == order.email.lower()
    theirs = (orders.c.store_id == order.store_id, whose, orders.c.payment_status.not_in(NO_SALE))
    later = sa.or_(
        orders.c.created_at > order.created_at,
        sa.and_(orders.c.created_at == order.created_at, orders.c.order_id > order.order_id),
    )
    counting = sa.select(sa.func.count()).select_from(orders)
    mirrored = int(connection.scalar(counting.where(*theirs, ~later)) or 0)
    after = int(connection.scalar(counting.where(*theirs, later)) or 0)
    query = sa.select(customers.c.orders, customers.c.last_order_at)
    known = connection.execute(query.where(customers.c.store_id == order.store_id, who).limit(1)).first()
    if known is None or known.last_order_at is None or known.last_order_at < order.created_at:
        return mirrored  # the store's count is from before this order
    return max(mirrored, int(known.orders) - after)


def _carts_abandoned(connection: Connection, look: Look) -> Iterator[Happening]:
    said = look.event.cart_abandoned
    changed_at = sa.func.coalesce(carts.c.updated_at, carts.c.created_at)
    query = sa.select(carts, changed_at.label("changed_at")).where(
        *new_rows(carts, changed_at, look), carts.c.hidden.is_(sa.false()), carts.c.recovered_order.is_(None)
    )
    if said is not None and said.total_at_least is not None:
        query = query.where(carts.c.total >= said.total_at_least)
    for row in read(connection, query.order_by(changed_at)):
        yield Happening(
            key=f"cart {row.cart_id}",
            customer_id=row.customer_id,
            email=row.email,
            happened_at=_aware(row.changed_at),
            facts={"cart": {"id": row.cart_id, "total": str(row.total)}},
        )


def _spent_reached(connection: Connection, look: Look) -> Iterator[Happening]:
    """Who passed the amount since the campaign began: with the orders from before it they hadn't."""
    assert look.event.spent_reached is not None  # noqa: S101 - asked for by its name
    amount = look.event.spent_reached.amount
    fresh = (
        sa.select(sa.func.coalesce(sa.func.sum(orders.c.total), 0))
        .where(
            orders.c.store_id == customers.c.store_id,
            orders.c.customer_id == customers.c.customer_id,
            orders.c.created_at >= look.first_seen,
            orders.c.payment_status.not_in(NO_SALE),
        )
        .scalar_subquery()
    )
    query = (
        sa.select(customers.c.customer_id, customers.c.last_order_at)
        .where(
            customers.c.store_id == look.store_id,
            customers.c.seen_at >= look.since,
            customers.c.last_order_at >= look.first_seen,
            customers.c.spent >= amount,
            sa.type_coerce(customers.c.spent, sa.BigInteger) - sa.type_coerce(fresh, sa.BigInteger)
            < int(amount * 10_000),
        )
        .order_by(customers.c.last_order_at)
    )
    for row in read(connection, query):
        yield Happening(
            key=f"spent {amount:f} customer {row.customer_id}",
            customer_id=row.customer_id,
            happened_at=row.last_order_at,
        )


def _inactive(connection: Connection, look: Look) -> Iterator[Happening]:
    assert look.event.inactive is not None  # noqa: S101
    length = look.event.inactive.for_
    start = max(look.first_seen, look.since) - length
    query = (
        sa.select(customers.c.customer_id, customers.c.last_order_at)
        .where(
            customers.c.store_id == look.store_id,
            customers.c.last_order_at >= start,
            customers.c.last_order_at <= look.now - length,
        )
        .order_by(customers.c.last_order_at)
    )
    for row in read(connection, query):
        since = row.last_order_at.astimezone(look.zone).date()
        yield Happening(
            key=f"inactive since {since} customer {row.customer_id}",
            customer_id=row.customer_id,
            happened_at=row.last_order_at + length,
            facts={"since": since.isoformat()},
        )


def _reviews_left(connection: Connection, look: Look) -> Iterator[Happening]:
    said = look.event.review_left
    least = said.rating_at_least if said is not None and said.rating_at_least is not None else 0
    query = (
        sa.select(reviews, products.c.name, products.c.sku, products.c.price)
        .outerjoin(products, same_product(reviews))
        .where(
            *new_rows(reviews, reviews.c.created_at, look),
            reviews.c.published.is_(sa.true()),
            reviews.c.rating >= least,
        )
        .order_by(reviews.c.created_at)
    )
    for row in read(connection, query):
        yield Happening(
            key=f"review {row.review_id}",
            customer_id=row.customer_id,
            email=row.email,
            product_id=None,
            happened_at=row.created_at,
            facts={"review": {"rating": row.rating}, "product": product_facts(row)},
        )


def _favourites_added(connection: Connection, look: Look) -> Iterator[Happening]:
    query = (
        sa.select(favourites, products.c.name, products.c.sku, products.c.price)
        .join(
            customers,
            sa.and_(
                customers.c.store_id == favourites.c.store_id,
                customers.c.customer_id == favourites.c.customer_id,
            ),
        )
        .outerjoin(products, same_product(favourites))
        .where(*new_rows(customers, favourites.c.added_at, look))
        .order_by(favourites.c.added_at)
    )
    for row in read(connection, query):
        yield Happening(
            key=f"favourite {row.product_id} customer {row.customer_id}",
            customer_id=row.customer_id,
            happened_at=row.added_at,
            facts={"product": product_facts(row)},
        )


def _custom(connection: Connection, look: Look) -> Iterator[Happening]:
    assert look.event.custom is not None  # noqa: S101
    query = (
        sa.select(events)
        .where(
            events.c.store_id == look.store_id,
            events.c.kind == f"custom.{look.event.custom.event}",
            events.c.received_at >= look.since,
            events.c.happened_at >= look.first_seen,
        )
        .order_by(events.c.id)
    )
    for row in read(connection, query):
        named = str(row.data.get("customer_id") or "")
        yield Happening(
            key=f"event {row.entity}",
            customer_id=int(named) if named.isdigit() else None,
            email=str(row.data.get("email") or ""),
            happened_at=row.happened_at,
            facts={"event": row.data.get("data") or {}},
        )


_FINDERS: Mapping[str, Callable[[Connection, Look], Iterable[Happening]]] = {
    "customer_created": _customers_created,
    "order_placed": _orders_placed,
    "cart_abandoned": _carts_abandoned,
    "spent_reached": _spent_reached,
    "inactive": _inactive,
    "first_order_anniversary": anniversaries,
    "birthday": birthdays,
    "review_left": _reviews_left,
    "favourite_added": _favourites_added,
    "back_in_stock": back_in_stock,
    "overstocked": overstocked,
    "low_stock": low_stock,
    "custom": _custom,
}


def _aware(moment: Any) -> datetime:
    """A moment that came through an SQL function, which loses its type on SQLite."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    found: datetime = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return found
