"""How values of the store's API become rows of the mirror, and how rows are removed from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import REFUNDED, WITHDRAWN
from tillroll.campaign.text.addresses import mailbox_of
from tillroll.campaign.text.clean import CleanText
from tillroll.ecwid.endpoints.catalog import Product
from tillroll.ecwid.endpoints.customers import Customer
from tillroll.ecwid.endpoints.orders import Cart, Order
from tillroll.ledger.engine import upsert
from tillroll.ledger.tables import (
    carts,
    customer_fields,
    customers,
    favourites,
    group_changes,
    order_items,
    orders,
    product_categories,
    products,
    stock_changes,
    variations,
)
from tillroll.track.consent.from_store import take_consent
from tillroll.track.decide import is_sale
from tillroll.track.mirror.price_rows import record_prices
from tillroll.track.results.leaks.review import review_findings
from tillroll.track.results.sums import move_sums, uses_of
from tillroll.track.results.undone import doubt_codes_of_orders
from tillroll.track.tiers.marks import marking_changed

Write = Callable[[Connection, int, Sequence[Any], datetime], None]
"""Write values of a store (by its number in the ledger) as rows that were seen at a moment."""

_MOST_IN_CART = 20  # that e-mails show

Remove = Callable[[Connection, int, Sequence[str]], None]
"""Remove the rows of a store with these ids."""


def writes(table: sa.Table) -> Write:
    """Return a function that writes values as rows of a table. Fields without a column are ignored."""

    def write(connection: Connection, store_id: int, values: Sequence[Any], now: datetime) -> None:
        rows = [{**asdict(value), "store_id": store_id, "seen_at": now} for value in values]
        upsert(connection, table, [_fitting(table, row) for row in rows])

    return write


def _fitting(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in table.c}


def write_carts(connection: Connection, store_id: int, values: Sequence[Cart], now: datetime) -> None:
    """Write carts with what is in them."""
    rows = [
        {
            **asdict(cart),
            "store_id": store_id,
            "seen_at": now,
            "items": [{**asdict(item), "price": str(item.price)} for item in cart.items[:_MOST_IN_CART]],
        }
        for cart in values
    ]
    upsert(connection, carts, [_fitting(carts, row) for row in rows])


def write_customers(connection: Connection, store_id: int, values: Sequence[Customer], now: datetime) -> None:
    """Write customers, and replace their favourites and extra fields. Changes of group and consent are recorded first.

    Who unsubscribed here doesn't agree to e-mails, even while the store hasn't been told yet.
    """
    withdrawn = take_consent(connection, store_id, values, now)
    rows = [
        {**asdict(value), "mailbox": mailbox_of(value.email), "store_id": store_id, "seen_at": now}
        for value in values
    ]
    for row in rows:
        if row["customer_id"] in withdrawn:
            row["accepts_marketing"] = False
    ids = [customer.customer_id for customer in values]
    _record_group_changes(connection, store_id, values, ids, now)
    upsert(connection, customers, [_fitting(customers, row) for row in rows])
    for table in (favourites, customer_fields):
        connection.execute(sa.delete(table).where(table.c.store_id == store_id, table.c.customer_id.in_(ids)))
    favourite_rows = [
        {"store_id": store_id, "customer_id": customer.customer_id, **asdict(favourite)}
        for customer in values
        for favourite in customer.favourites
    ]
    field_rows = [
        {"store_id": store_id, "customer_id": customer.customer_id, "title": title, "value": value}
        for customer in values
        for title, value in customer.fields
    ]
    if favourite_rows:
        connection.execute(sa.insert(favourites), favourite_rows)
    if field_rows:
        connection.execute(sa.insert(customer_fields), field_rows)


def _record_group_changes(
    connection: Connection, store_id: int, values: Sequence[Customer], ids: Sequence[int], now: datetime
) -> None:
    """Record the customers whose group differs from the mirror's: campaigns start when they enter one."""
    query = sa.select(customers.c.customer_id, customers.c.group_name)
    where = (customers.c.store_id == store_id, customers.c.customer_id.in_(ids))
    before = {row.customer_id: row.group_name for row in connection.execute(query.where(*where))}
    rows = [
        {
            "store_id": store_id,
            "customer_id": customer.customer_id,
            "was": before[customer.customer_id],
            "group_name": customer.group_name,
            "at": now,
        }
        for customer in values
        if before.get(customer.customer_id, customer.group_name) != customer.group_name
    ]
    if rows:
        connection.execute(sa.insert(group_changes), rows)


def write_orders(connection: Connection, store_id: int, values: Sequence[Order], now: datetime) -> None:
    """Write orders, and replace their items.

    The items of an order that is no sale (cancelled, refunded, withdrawn) name no customer, so that segments don't count them as
    bought.
    """
    values = [_as_it_counts(order) for order in values]
    ids = [order.order_id for order in values]
    with marking_changed(connection, store_id, ids):
        writes(orders)(connection, store_id, values, now)
    connection.execute(
        sa.delete(order_items).where(order_items.c.store_id == store_id, order_items.c.order_id.in_(ids))
    )
    rows = [
        {
            "store_id": store_id,
            "order_id": order.order_id,
            "line": line,
            "product_id": item.product_id,
            "sku": item.sku,
            "quantity": item.quantity,
            "price": item.price,
            "customer_id": order.customer_id if is_sale(order.payment_status) else None,
            "bought_at": order.created_at,
        }
        for order in values
        for line, item in enumerate(order.items)
    ]
    if rows:
        connection.execute(sa.insert(order_items), rows)


def _as_it_counts(order: Order) -> Order:
    """Return an order as the mirror keeps it: without what was refunded, and no sale if all of it was or its buyer withdrew."""
    kept = replace(order, total=max(order.total - order.refunded, Decimal(0)))
    if not is_sale(order.payment_status):
        return kept
    if order.withdrawn:
        return replace(kept, payment_status=CleanText(WITHDRAWN))
    if order.refunded > 0 and order.refunded >= order.total:
        return replace(kept, payment_status=CleanText(REFUNDED))
    return kept


def write_products(connection: Connection, store_id: int, values: Sequence[Product], now: datetime) -> None:
    """Write products, and replace their categories and variations. A change of stock or price is recorded first."""
    ids = [product.product_id for product in values]
    _record_stock_changes(connection, store_id, values, ids, now)
    record_prices(connection, store_id, values, now)
    writes(products)(connection, store_id, values, now)
    for table in (product_categories, variations):
        connection.execute(sa.delete(table).where(table.c.store_id == store_id, table.c.product_id.in_(ids)))
    category_rows = [
        {"store_id": store_id, "product_id": product.product_id, "category_id": category}
        for product in values
        for category in dict.fromkeys(product.category_ids)
    ]
    variation_rows = [
        {**asdict(variation), "store_id": store_id, "product_id": product.product_id, "seen_at": now}
        for product in values
        for variation in product.variations
    ]
    if category_rows:
        connection.execute(sa.insert(product_categories), category_rows)
    if variation_rows:
        connection.execute(sa.insert(variations), variation_rows)


def _record_stock_changes(
    connection: Connection, store_id: int, values: Sequence[Product], ids: Sequence[int], now: datetime
) -> None:
    """Record the products whose stock differs from the mirror's: campaigns start when goods are back or run low."""
    query = sa.select(products.c.product_id, products.c.in_stock, products.c.quantity)
    where = (products.c.store_id == store_id, products.c.product_id.in_(ids))
    before = {row.product_id: row for row in connection.execute(query.where(*where))}
    rows = [
        {
            "store_id": store_id,
            "product_id": product.product_id,
            "was_in_stock": was.in_stock,
            "in_stock": product.in_stock,
            "quantity_before": was.quantity,
            "quantity": product.quantity,
            "at": now,
        }
        for product in values
        if (was := before.get(product.product_id)) is not None
        and (was.in_stock, was.quantity) != (product.in_stock, product.quantity)
    ]
    if rows:
        connection.execute(sa.insert(stock_changes), rows)


def removes_orders(remove: Remove) -> Remove:
    """Return a function that removes orders as `remove` does. Whether the codes that they used work again, the store is asked."""

    def remove_orders(connection: Connection, store_id: int, ids: Sequence[str]) -> None:
        doubt_codes_of_orders(connection, store_id, list(ids))
        review_findings(connection, store_id, ids)
        move_sums(connection, store_id, gone=uses_of(connection, store_id, ids), come=())
        with marking_changed(connection, store_id, ids):
            remove(connection, store_id, ids)

    return remove_orders


def removes(key: sa.Column[Any], *others: sa.Column[Any]) -> Remove:
    """Return a function that deletes rows by their key, and the rows of other tables that belong to them."""
    is_number = not isinstance(key.type, sa.Text)

    def remove(connection: Connection, store_id: int, ids: Sequence[str]) -> None:
        values = [int(id_) for id_ in ids if id_.isdigit()] if is_number else list(ids)
        for column in (*others, key):
            table = column.table
            assert isinstance(table, sa.Table)  # noqa: S101 - a column of the ledger belongs to a table
            connection.execute(sa.delete(table).where(table.c.store_id == store_id, column.in_(values)))

    return remove
