"""What happened in the store, found in the ledger's mirror: one query for each kind of event.

Each happening has a key of its own, so that finding it twice does nothing. Rows are looked for by when the mirror saw them,
from a little before the last look, since the store's lists lag; what happened before the campaign was first seen is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.birthdays import years_ago
from tillroll.campaign.trigger import Event
from tillroll.ledger.tables import (
    carts,
    customer_fields,
    customers,
    events,
    favourites,
    orders,
    products,
    reviews,
    stock_changes,
)

MOST = 2_000  # of one campaign in a look
_NO_SALE = ("CANCELLED", "REFUNDED", "INCOMPLETE")


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One thing that happened to somebody, or to a product."""

    key: str
    happened_at: datetime
    customer_id: int | None = None
    email: str = ""  # of a guest, whom the store may know by another name
    product_id: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Look:
    """Where to look, and how far back."""

    store_id: int
    event: Event
    zone: ZoneInfo
    first_seen: datetime  # of the campaign
    since: datetime  # the last look, less what lists lag
    now: datetime


def happenings(connection: Connection, look: Look) -> Iterator[Happening]:
    """What happened since the last look, oldest first, and some of what was found then."""
    yield from _FINDERS[look.event.name](connection, look)


def _customers_created(connection: Connection, look: Look) -> Iterator[Happening]:
    query = (
        sa.select(customers.c.customer_id, customers.c.registered_at)
        .where(*_new(customers, customers.c.registered_at, look))
        .order_by(customers.c.registered_at)
        .limit(MOST)
    )
    for row in connection.execute(query):
        yield Happening(
            key=f"customer {row.customer_id}", customer_id=row.customer_id, happened_at=row.registered_at
        )


def _orders_placed(connection: Connection, look: Look) -> Iterator[Happening]:
    said = look.event.order_placed
    query = sa.select(orders).where(
        *_new(orders, orders.c.created_at, look), orders.c.payment_status.not_in(_NO_SALE)
    )
    if said is not None and said.total_at_least is not None:
        query = query.where(orders.c.total >= said.total_at_least)
    for row in connection.execute(query.order_by(orders.c.created_at).limit(MOST)).all():
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
    if order.customer_id is None:
        return 1
    theirs = (
        orders.c.store_id == order.store_id,
        orders.c.customer_id == order.customer_id,
        orders.c.payment_status.not_in(_NO_SALE),
    )
    later = sa.or_(
        orders.c.created_at > order.created_at,
        sa.and_(orders.c.created_at == order.created_at, orders.c.order_id > order.order_id),
    )
    counting = sa.select(sa.func.count()).select_from(orders)
    mirrored = int(connection.scalar(counting.where(*theirs, ~later)) or 0)
    after = int(connection.scalar(counting.where(*theirs, later)) or 0)
    one = (customers.c.store_id == order.store_id, customers.c.customer_id == order.customer_id)
    known = connection.execute(sa.select(customers.c.orders, customers.c.last_order_at).where(*one)).first()
    if known is None or known.last_order_at is None or known.last_order_at < order.created_at:
        return mirrored  # the store's count is from before this order
    return max(mirrored, int(known.orders) - after)


def _carts_abandoned(connection: Connection, look: Look) -> Iterator[Happening]:
    said = look.event.cart_abandoned
    changed_at = sa.func.coalesce(carts.c.updated_at, carts.c.created_at)
    query = sa.select(carts, changed_at.label("changed_at")).where(
        *_new(carts, changed_at, look), carts.c.hidden.is_(sa.false()), carts.c.recovered_order.is_(None)
    )
    if said is not None and said.total_at_least is not None:
        query = query.where(carts.c.total >= said.total_at_least)
    for row in connection.execute(query.order_by(changed_at).limit(MOST)):
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
            orders.c.payment_status.not_in(_NO_SALE),
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
        .limit(MOST)
    )
    for row in connection.execute(query):
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
        .limit(MOST)
    )
    for row in connection.execute(query):
        since = row.last_order_at.astimezone(look.zone).date()
        yield Happening(
            key=f"inactive since {since} customer {row.customer_id}",
            customer_id=row.customer_id,
            happened_at=row.last_order_at + length,
            facts={"since": since.isoformat()},
        )


def _anniversaries(connection: Connection, look: Look) -> Iterator[Happening]:
    """The first order's day of the year, in the campaign's zone; of February 29 in other years on the 28th."""
    assert look.event.first_order_anniversary is not None  # noqa: S101
    before = look.event.first_order_anniversary.before or timedelta(0)
    for day in _days(look, before):
        starts = [
            sa.and_(
                customers.c.first_order_at >= _start(first, look.zone),
                customers.c.first_order_at < _start(first + timedelta(days=1), look.zone),
            )
            for first in years_ago(day)
        ]
        query = sa.select(customers.c.customer_id, customers.c.first_order_at)
        where = (customers.c.store_id == look.store_id, sa.or_(*starts))
        for row in connection.execute(query.where(*where).order_by(customers.c.customer_id)):
            yield Happening(
                key=f"anniversary {day.year} customer {row.customer_id}",
                customer_id=row.customer_id,
                happened_at=_start(day, look.zone) - before,
                facts={"day": row.first_order_at.astimezone(look.zone).date().isoformat()},
            )


def _birthdays(connection: Connection, look: Look) -> Iterator[Happening]:
    """By the dates that the store keeps in a field of its own, written as 1990-05-17 (a time after it is left aside)."""
    assert look.event.birthday is not None  # noqa: S101
    before = look.event.birthday.before or timedelta(0)
    for day in _days(look, before):
        days = {f"{one:%m-%d}" for one in years_ago(day)}
        query = sa.select(customer_fields.c.customer_id, customer_fields.c.value).where(
            customer_fields.c.store_id == look.store_id,
            customer_fields.c.title == look.event.birthday.field,
            sa.func.substr(customer_fields.c.value, 6, 5).in_(sorted(days)),
        )
        for row in connection.execute(query.order_by(customer_fields.c.customer_id)):
            if _is_date(row.value[:10]):
                yield Happening(
                    key=f"birthday {day.year} customer {row.customer_id}",
                    customer_id=row.customer_id,
                    happened_at=_start(day, look.zone) - before,
                    facts={"day": row.value[:10]},
                )


def _reviews_left(connection: Connection, look: Look) -> Iterator[Happening]:
    said = look.event.review_left
    least = said.rating_at_least if said is not None and said.rating_at_least is not None else 0
    query = (
        sa.select(reviews, products.c.name, products.c.sku, products.c.price)
        .outerjoin(products, _same_product(reviews))
        .where(
            *_new(reviews, reviews.c.created_at, look),
            reviews.c.published.is_(sa.true()),
            reviews.c.rating >= least,
        )
        .order_by(reviews.c.created_at)
        .limit(MOST)
    )
    for row in connection.execute(query):
        yield Happening(
            key=f"review {row.review_id}",
            customer_id=row.customer_id,
            email=row.email,
            product_id=None,
            happened_at=row.created_at,
            facts={"review": {"rating": row.rating}, "product": _product(row)},
        )


def _favourites_added(connection: Connection, look: Look) -> Iterator[Happening]:
    query = (
        sa.select(favourites, products.c.name, products.c.sku, products.c.price)
        .outerjoin(products, _same_product(favourites))
        .where(
            favourites.c.store_id == look.store_id,
            favourites.c.added_at >= max(look.first_seen, look.since),
        )
        .order_by(favourites.c.added_at)
        .limit(MOST)
    )
    for row in connection.execute(query):
        yield Happening(
            key=f"favourite {row.product_id} customer {row.customer_id}",
            customer_id=row.customer_id,
            happened_at=row.added_at,
            facts={"product": _product(row)},
        )


def _back_in_stock(connection: Connection, look: Look) -> Iterator[Happening]:
    query = (
        sa.select(stock_changes, products.c.name, products.c.sku, products.c.price)
        .join(products, _same_product(stock_changes))
        .where(
            stock_changes.c.store_id == look.store_id,
            stock_changes.c.at >= max(look.first_seen, look.since),
            stock_changes.c.was_in_stock.is_(sa.false()),
            stock_changes.c.in_stock.is_(sa.true()),
            products.c.in_stock.is_(sa.true()),
        )
        .order_by(stock_changes.c.id)
        .limit(MOST)
    )
    for row in connection.execute(query):
        yield Happening(
            key=f"product {row.product_id} back, change {row.id}",
            product_id=row.product_id,
            happened_at=row.at,
            facts={"product": _product(row), "quantity": row.quantity},
        )


def _overstocked(connection: Connection, look: Look) -> Iterator[Happening]:
    assert look.event.overstocked is not None  # noqa: S101
    over = look.event.overstocked.over
    yield from _by_quantity(connection, look, products.c.quantity > over, f"over {over}")


def _low_stock(connection: Connection, look: Look) -> Iterator[Happening]:
    said = look.event.low_stock
    if said is not None and said.below is not None:
        low: sa.ColumnElement[bool] = products.c.quantity < said.below
    else:
        low = products.c.quantity <= products.c.low_stock_at
    yield from _by_quantity(connection, look, sa.and_(low, products.c.in_stock.is_(sa.true())), "low")


def _by_quantity(
    connection: Connection, look: Look, holds: sa.ColumnElement[bool], words: str
) -> Iterator[Happening]:
    """Products whose quantity is so now, whenever it became so; a day's key, and `again:` decides about another day's."""
    today = look.now.astimezone(look.zone).date()
    where = (products.c.store_id == look.store_id, products.c.enabled.is_(sa.true()), holds)
    query = sa.select(products).where(*where).order_by(products.c.product_id).limit(MOST)
    for row in connection.execute(query):
        yield Happening(
            key=f"product {row.product_id} {words} on {today}",
            product_id=row.product_id,
            happened_at=look.now,
            facts={"product": _product(row), "quantity": row.quantity},
        )


def _custom(connection: Connection, look: Look) -> Iterator[Happening]:
    assert look.event.custom is not None  # noqa: S101
    query = (
        sa.select(events)
        .where(
            events.c.store_id == look.store_id,
            events.c.kind == f"custom.{look.event.custom.event}",
            events.c.received_at >= max(look.first_seen, look.since),
        )
        .order_by(events.c.id)
        .limit(MOST)
    )
    for row in connection.execute(query):
        named = str(row.data.get("customer_id") or "")
        yield Happening(
            key=f"event {row.event_id}",
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
    "first_order_anniversary": _anniversaries,
    "birthday": _birthdays,
    "review_left": _reviews_left,
    "favourite_added": _favourites_added,
    "back_in_stock": _back_in_stock,
    "overstocked": _overstocked,
    "low_stock": _low_stock,
    "custom": _custom,
}


def _new(table: sa.Table, moment: sa.ColumnElement[Any], look: Look) -> tuple[sa.ColumnElement[bool], ...]:
    """Rows of the store that the mirror saw since the last look, of what happened since the campaign was first seen."""
    return (table.c.store_id == look.store_id, table.c.seen_at >= look.since, moment >= look.first_seen)


def _same_product(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(products.c.store_id == table.c.store_id, products.c.product_id == table.c.product_id)


def _product(row: sa.Row[Any]) -> dict[str, Any]:
    """What messages may say of a product."""
    return {
        "id": row.product_id,
        "name": row.name or "",
        "sku": row.sku or "",
        "price": None if row.price is None else str(row.price),
    }


def _days(look: Look, before: timedelta) -> Iterator[date]:
    """The days whose moment (so long before their start) has come since the last look."""
    start = max(look.first_seen, look.since) + before
    day = start.astimezone(look.zone).date()
    while _start(day, look.zone) - before <= look.now:
        if _start(day, look.zone) - before >= look.first_seen:
            yield day
        day += timedelta(days=1)


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _aware(moment: Any) -> datetime:
    """A moment that came through an SQL function, which loses its type on SQLite."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    found: datetime = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return found
