"""The areas of the store that the ledger mirrors: where each is read, and the rows it becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ecwid.catalog import Product
from tillroll.ecwid.client import Client
from tillroll.ecwid.customers import Customer
from tillroll.ecwid.deletions import Deletion
from tillroll.ecwid.orders import Order
from tillroll.ecwid.paging import Place
from tillroll.ecwid.shop import LatestStats
from tillroll.ledger.engine import upsert
from tillroll.ledger.own import made_since
from tillroll.ledger.tables import (
    carts,
    categories,
    coupons,
    customer_fields,
    customers,
    favourites,
    order_items,
    orders,
    product_categories,
    products,
    redemptions,
    reviews,
    stock_changes,
    variations,
)
from tillroll.track.decide import counts

Write = Callable[[Connection, int, Sequence[Any], datetime], None]
Remove = Callable[[Connection, int, Sequence[str]], None]


@dataclass(frozen=True, kw_only=True)
class Area:
    """One kind of thing the store has many of."""

    name: str
    table: sa.Table
    key: sa.Column[Any]
    needed: bool  # without it nothing can be planned or accounted for; the others are skipped when a scope is missing
    every: Callable[
        [Client, datetime | None, Place], Iterator[Any]
    ]  # all, or what changed since, from a place on
    deleted: Callable[[Client, datetime], Iterator[Deletion]] | None  # None: the store doesn't tell
    get: Callable[[Client, str], Any]  # one, by its id; `StoreSaysNotFound` when it is gone
    count: Callable[[Client], int] | None  # how many the store has
    changed_at: Callable[[LatestStats], datetime | None]
    write: Write
    remove: Remove
    changed: Callable[[Client, datetime], int] | None = None  # how many changed since, by the store's clock
    ours: Callable[[Connection, int, datetime], int | None] | None = (
        None  # how many of these we made, by our clock
    )


def _writes(table: sa.Table) -> Write:
    """Write values as rows of a table, whatever else they know."""

    def write(connection: Connection, store_id: int, values: Sequence[Any], now: datetime) -> None:
        rows = [{**asdict(one), "store_id": store_id, "seen_at": now} for one in values]
        upsert(connection, table, [_fitting(table, row) for row in rows])

    return write


def _fitting(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in table.c}


def _write_customers(
    connection: Connection, store_id: int, values: Sequence[Customer], now: datetime
) -> None:
    """Customers with their favourites and fields; what is no longer listed is gone."""
    _writes(customers)(connection, store_id, values, now)
    ids = [one.customer_id for one in values]
    for table in (favourites, customer_fields):
        connection.execute(sa.delete(table).where(table.c.store_id == store_id, table.c.customer_id.in_(ids)))
    marked = [
        {"store_id": store_id, "customer_id": one.customer_id, **asdict(each)}
        for one in values
        for each in one.favourites
    ]
    said = [
        {"store_id": store_id, "customer_id": one.customer_id, "title": title, "value": value}
        for one in values
        for title, value in one.fields
    ]
    if marked:
        connection.execute(sa.insert(favourites), marked)
    if said:
        connection.execute(sa.insert(customer_fields), said)


def _write_orders(connection: Connection, store_id: int, values: Sequence[Order], now: datetime) -> None:
    """Orders with what was bought, and by whom: nobody bought what an undone order is about."""
    _writes(orders)(connection, store_id, values, now)
    ids = [one.order_id for one in values]
    connection.execute(
        sa.delete(order_items).where(order_items.c.store_id == store_id, order_items.c.order_id.in_(ids))
    )
    rows = [
        {
            "store_id": store_id,
            "order_id": one.order_id,
            "line": line,
            "product_id": item.product_id,
            "sku": item.sku,
            "quantity": item.quantity,
            "price": item.price,
            "customer_id": one.customer_id if counts(one.payment_status) else None,
            "bought_at": one.created_at,
        }
        for one in values
        for line, item in enumerate(one.items)
    ]
    if rows:
        connection.execute(sa.insert(order_items), rows)


def _write_products(connection: Connection, store_id: int, values: Sequence[Product], now: datetime) -> None:
    """Products with their categories and variations; a variation that is no longer listed is gone. A change of stock is kept."""
    ids = [one.product_id for one in values]
    _note_stock(connection, store_id, values, ids, now)
    _writes(products)(connection, store_id, values, now)
    connection.execute(
        sa.delete(product_categories).where(
            product_categories.c.store_id == store_id, product_categories.c.product_id.in_(ids)
        )
    )
    shelves = [
        {"store_id": store_id, "product_id": one.product_id, "category_id": category}
        for one in values
        for category in dict.fromkeys(one.category_ids)
    ]
    if shelves:
        connection.execute(sa.insert(product_categories), shelves)
    connection.execute(
        sa.delete(variations).where(variations.c.store_id == store_id, variations.c.product_id.in_(ids))
    )
    rows = [
        {**asdict(sort), "store_id": store_id, "product_id": one.product_id, "seen_at": now}
        for one in values
        for sort in one.variations
    ]
    if rows:
        connection.execute(sa.insert(variations), rows)


def _note_stock(
    connection: Connection, store_id: int, values: Sequence[Product], ids: Sequence[int], now: datetime
) -> None:
    """Write down whose stock is another than the mirror has: what came back, and what runs low."""
    query = sa.select(products.c.product_id, products.c.in_stock, products.c.quantity)
    where = (products.c.store_id == store_id, products.c.product_id.in_(ids))
    before = {row.product_id: row for row in connection.execute(query.where(*where))}
    rows = [
        {
            "store_id": store_id,
            "product_id": one.product_id,
            "was_in_stock": was.in_stock,
            "in_stock": one.in_stock,
            "quantity_before": was.quantity,
            "quantity": one.quantity,
            "at": now,
        }
        for one in values
        if (was := before.get(one.product_id)) is not None
        and (was.in_stock, was.quantity) != (one.in_stock, one.quantity)
    ]
    if rows:
        connection.execute(sa.insert(stock_changes), rows)


def _removes(key: sa.Column[Any], *others: sa.Column[Any]) -> Remove:
    """Delete the rows of these ids, and those of other tables that belong to them."""
    number = not isinstance(key.type, sa.Text)

    def remove(connection: Connection, store_id: int, ids: Sequence[str]) -> None:
        values = [int(one) for one in ids if one.isdigit()] if number else list(ids)
        for column in (*others, key):
            table = column.table
            assert isinstance(table, sa.Table)  # noqa: S101 - a column of the ledger is a table's
            connection.execute(sa.delete(table).where(table.c.store_id == store_id, column.in_(values)))

    return remove


def _later(stamp: datetime | None, other: datetime | None) -> datetime | None:
    """The later of an area's own stamp and another's; none while the store doesn't tell its own."""
    return stamp if stamp is None or other is None else max(stamp, other)


CUSTOMERS = Area(
    name="customers",
    table=customers,
    key=customers.c.customer_id,
    needed=True,
    every=lambda client, since, place: client.customers.every(updated_from=since, place=place),
    deleted=lambda client, since: client.customers.deleted(since),
    get=lambda client, id_: client.customers.get(int(id_)),
    count=lambda client: client.customers.count(),
    changed_at=lambda stats: stats.customers,
    write=_write_customers,
    remove=_removes(customers.c.customer_id, favourites.c.customer_id, customer_fields.c.customer_id),
)
ORDERS = Area(
    name="orders",
    table=orders,
    key=orders.c.order_id,
    needed=True,
    every=lambda client, since, place: client.orders.every(updated_from=since, place=place),
    deleted=lambda client, since: client.orders.deleted(since),
    get=lambda client, id_: client.orders.get(id_),
    count=None,  # the mirror's history is read little by little (`history.py`)
    changed_at=lambda stats: stats.orders,
    write=_write_orders,
    remove=_removes(orders.c.order_id, redemptions.c.order_id, order_items.c.order_id),
)
CARTS = Area(
    name="carts",
    table=carts,
    key=carts.c.cart_id,
    needed=False,
    every=lambda client, since, place: client.carts.every(updated_from=since, place=place),
    deleted=None,  # a cart is hidden, not deleted
    get=lambda client, id_: client.carts.get(id_),
    count=None,
    changed_at=lambda stats: _later(stats.carts, stats.orders),  # a cart that became an order has changed too
    write=_writes(carts),
    remove=_removes(carts.c.cart_id),
)
PRODUCTS = Area(
    name="products",
    table=products,
    key=products.c.product_id,
    needed=False,
    every=lambda client, since, place: client.products.every(updated_from=since, place=place),
    deleted=lambda client, since: client.products.deleted(since),
    get=lambda client, id_: client.products.get(int(id_)),
    count=lambda client: client.products.count(),
    changed_at=lambda stats: stats.products,
    write=_write_products,
    remove=_removes(products.c.product_id, variations.c.product_id, product_categories.c.product_id),
)
CATEGORIES = Area(
    name="categories",
    table=categories,
    key=categories.c.category_id,
    needed=False,
    every=lambda client, _since, _place: (
        client.categories.every()
    ),  # no filter by date, and never many: read whole
    deleted=None,
    get=lambda client, id_: client.categories.get(int(id_)),
    count=None,
    changed_at=lambda stats: stats.categories,
    write=_writes(categories),
    remove=_removes(categories.c.category_id),
)
COUPONS = Area(
    name="coupons",
    table=coupons,
    key=coupons.c.coupon_id,
    needed=False,
    every=lambda client, since, place: client.coupons.every(updated_from=since, place=place),
    deleted=lambda client, since: client.coupons.deleted(since),
    get=lambda client, id_: client.coupons.get(int(id_)),
    count=None,
    changed_at=lambda stats: stats.coupons,
    write=_writes(coupons),
    remove=_removes(coupons.c.coupon_id),
    changed=lambda client, since: client.coupons.count(updated_from=since),
    ours=made_since,
)
REVIEWS = Area(
    name="reviews",
    table=reviews,
    key=reviews.c.review_id,
    needed=False,
    every=lambda client, since, place: client.reviews.every(updated_from=since, place=place),
    deleted=lambda client, since: client.reviews.deleted(since),
    get=lambda client, id_: client.reviews.get(int(id_)),
    count=None,
    changed_at=lambda _stats: None,
    write=_writes(reviews),
    remove=_removes(reviews.c.review_id),
)
AREAS = {area.name: area for area in (CUSTOMERS, ORDERS, CARTS, PRODUCTS, CATEGORIES, COUPONS, REVIEWS)}
