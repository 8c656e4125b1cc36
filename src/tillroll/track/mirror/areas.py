"""The areas of the store that the ledger mirrors: how each is read, and which rows it becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import UNPLACED
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.deletions import Deletion
from tillroll.ecwid.endpoints.rows import Tell
from tillroll.ecwid.endpoints.shop import LatestStats
from tillroll.ecwid.http.paging import ListPosition
from tillroll.ledger.mirror.own_writes import count_made_since
from tillroll.ledger.mirror.reach import OLD_ORDERS
from tillroll.ledger.tables import (
    carts,
    categories,
    coupons,
    customer_fields,
    customers,
    favourites,
    group_changes,
    order_items,
    orders,
    product_categories,
    product_prices,
    products,
    redemptions,
    reviews,
    segment_changes,
    segment_members,
    variations,
)
from tillroll.track.mirror.area_rows import (
    Remove,
    Write,
    removes,
    removes_orders,
    write_carts,
    write_customers,
    write_orders,
    write_products,
    writes,
)
from tillroll.track.mirror.forgotten_rows import leaving_out_the_forgotten


@dataclass(frozen=True, kw_only=True)
class Area:
    """One kind of object that the store has many of."""

    name: str
    table: sa.Table
    key: sa.Column[Any]
    needed: bool
    """Nothing can be planned or accounted for without it. The other areas are skipped when the token lacks their scope."""

    every: Callable[[Client, datetime | None, ListPosition, Tell], Iterator[Any]]
    """Everything, or what changed since a moment, from a position in the list onwards. Tells what can't be read."""

    deleted: Callable[[Client, datetime], Iterator[Deletion]] | None
    """What was deleted since a moment; None if the store can't tell."""

    get: Callable[[Client, str, Tell], Any]
    """One object by its id. Raises `StoreSaysNotFound` when it is gone, and `UnreadableRow`."""

    count: Callable[[Client, datetime], int] | None
    """How many objects the store has that were made up to a moment of its clock; some areas can't leave out later ones."""

    changed_at: Callable[[LatestStats], datetime | None]
    """When the area last changed, by the store's clock; None if the store can't tell."""

    write: Write
    remove: Remove
    counted: Callable[[datetime], sa.ColumnElement[bool]] | None = None
    """Which of our rows the store's count has; None: all."""

    history: str | None = None
    """The area whose row in `looks` tells how far back older objects were read. Counts are compared once all were."""

    number: sa.Column[Any] | None = None
    """The number by which the store may tell a deletion instead of the id."""

    changed: Callable[[Client, datetime], int] | None = None
    """How many objects changed since a moment of the store's clock."""

    ours: Callable[[Connection, int, datetime], int | None] | None = None
    """How many objects we made since a moment of our clock; None while we are making some."""


def _latest(stamp: datetime | None, other: datetime | None) -> datetime | None:
    """Return the later of an area's own stamp and another area's; None while the store doesn't tell the first."""
    return stamp if stamp is None or other is None else max(stamp, other)


def _area(
    name: str,
    key: sa.Column[Any],
    endpoint: Callable[[Client], Any],
    *,
    changed_at: Callable[[LatestStats], datetime | None],
    write: Write | None = None,
    removes_from: tuple[sa.Column[Any], ...] = (),
) -> Area:
    """Return an area whose endpoint lists, gets and tells deleted objects in the usual way.

    `removes_from`: columns of other tables whose rows belong to an object and are removed with it.
    """
    table = key.table
    assert isinstance(table, sa.Table)  # noqa: S101 - a column of the ledger belongs to a table
    is_number = not isinstance(key.type, sa.Text)
    return Area(
        name=name,
        table=table,
        key=key,
        needed=False,
        every=lambda client, since, position, tell: endpoint(client).every(
            updated_from=since, place=position, tell=tell
        ),
        deleted=lambda client, since: endpoint(client).deleted(since),
        get=lambda client, id_, tell: endpoint(client).get(int(id_) if is_number else id_, tell=tell),
        count=None,
        changed_at=changed_at,
        write=write or writes(table),
        remove=removes(key, *removes_from),
    )


CUSTOMERS = replace(
    _area(
        "customers",
        customers.c.customer_id,
        lambda client: client.customers,
        changed_at=lambda stats: stats.customers,
        write=leaving_out_the_forgotten(write_customers),
        removes_from=(
            favourites.c.customer_id,
            customer_fields.c.customer_id,
            group_changes.c.customer_id,
            segment_members.c.customer_id,
            segment_changes.c.customer_id,
        ),
    ),
    needed=True,
    count=lambda client, _made_by: client.customers.count(),
)
ORDERS = replace(
    _area(
        "orders",
        orders.c.order_id,
        lambda client: client.orders,
        changed_at=lambda stats: stats.orders,
        write=leaving_out_the_forgotten(write_orders),
    ),
    remove=removes_orders(removes(orders.c.order_id, redemptions.c.order_id, order_items.c.order_id)),
    needed=True,
    count=lambda client, made_by: client.orders.count(created_to=made_by),
    counted=lambda made_by: sa.and_(
        orders.c.payment_status != UNPLACED,
        sa.or_(orders.c.created_at.is_(None), orders.c.created_at <= made_by),
    ),
    history=OLD_ORDERS,
    number=orders.c.number,
)
CARTS = replace(
    _area(
        "carts",
        carts.c.cart_id,
        lambda client: client.carts,
        changed_at=lambda stats: _latest(
            stats.carts, stats.orders
        ),  # a cart changes when it becomes an order
        write=leaving_out_the_forgotten(write_carts),
    ),
    deleted=None,  # a cart is hidden, not deleted
)
PRODUCTS = replace(
    _area(
        "products",
        products.c.product_id,
        lambda client: client.products,
        changed_at=lambda stats: stats.products,
        write=write_products,
        removes_from=(
            variations.c.product_id,
            product_categories.c.product_id,
            product_prices.c.product_id,
        ),
    ),
    count=lambda client, _made_by: client.products.count(),
)
CATEGORIES = replace(
    _area(
        "categories",
        categories.c.category_id,
        lambda client: client.categories,
        changed_at=lambda stats: stats.categories,
    ),
    # the API can't filter them by date, and a store has few: all are read each time
    every=lambda client, _since, _position, tell: client.categories.every(tell=tell),
    deleted=None,
)
COUPONS = replace(
    _area(
        "coupons",
        coupons.c.coupon_id,
        lambda client: client.coupons,
        changed_at=lambda stats: stats.coupons,
    ),
    changed=lambda client, since: client.coupons.count(updated_from=since),
    ours=count_made_since,
)
REVIEWS = _area(
    "reviews",
    reviews.c.review_id,
    lambda client: client.reviews,
    changed_at=lambda _stats: None,
    write=leaving_out_the_forgotten(writes(reviews)),
)
AREAS = {area.name: area for area in (CUSTOMERS, ORDERS, CARTS, PRODUCTS, CATEGORIES, COUPONS, REVIEWS)}
