"""Read from the mirror what each good sold and when it was in stock. The database counts the orders; none is read by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import NO_SALE
from tillroll.ledger.engine import streaming
from tillroll.ledger.tables import order_items, orders, products, stock_changes, variations
from tillroll.track.stock.pace import Outlook, StockBars, StockState, outlook, pieces_sold

_DAY = timedelta(days=1)
_Quantities = dict[int, int]
"""How many orders took which quantity."""


@dataclass(frozen=True, kw_only=True)
class StockLevel:
    """A product, or a variation of one, whose stock the store counts."""

    product_id: int
    variation_id: int  # 0: the product itself
    sku: str
    name: str
    options: str  # of the variation, like `Size: L`
    quantity: int
    outlook: Outlook


def stock_levels(
    connection: Connection, store_id: int, *, now: datetime, over: int, bars: StockBars
) -> list[StockLevel]:
    """Return every enabled good whose stock is counted, judged by the last `over` days; those that run out first come first."""
    since = now - over * _DAY
    sales = _sales(connection, store_id, since)
    without = _days_without(connection, store_id, since, now)
    levels = []
    for good in _goods(connection, store_id):
        of_sku = sales.by_sku.get((good.product_id, good.sku), {})
        sold = pieces_sold(of_sku if good.variation_id else sales.by_product.get(good.product_id, {}))
        begin = max(since, good.created_at) if good.created_at is not None else since
        days = (now - begin) / _DAY - without.get(good.product_id, 0.0)
        if good.product_id not in without and not good.in_stock and not sold:
            days = 0.0  # no change is known of: it was out of stock all the time
        levels.append(
            StockLevel(
                product_id=good.product_id,
                variation_id=good.variation_id,
                sku=good.sku,
                name=good.name,
                options=good.options,
                quantity=good.quantity,
                outlook=outlook(quantity=good.quantity, sold=sold, days_in_stock=days, bars=bars),
            )
        )
    return sorted(levels, key=_urgency)


def _urgency(level: StockLevel) -> tuple[bool, float, str, int, int]:
    cover = level.outlook.cover
    is_last = level.outlook.state is not StockState.ORDER
    return (is_last, cover if cover is not None else 1e9, level.name, level.product_id, level.variation_id)


@dataclass(frozen=True, kw_only=True)
class _Sales:
    by_product: dict[int, _Quantities]
    by_sku: dict[tuple[int, str], _Quantities]


def _sales(connection: Connection, store_id: int, since: datetime) -> _Sales:
    items = order_items
    same_order = sa.and_(orders.c.store_id == items.c.store_id, orders.c.order_id == items.c.order_id)
    goods = (items.c.product_id, items.c.sku, items.c.quantity)
    query = (
        sa.select(*goods, sa.func.count().label("times"))
        .join(orders, same_order)
        .where(
            orders.c.store_id == store_id,
            orders.c.created_at >= since,
            orders.c.payment_status.not_in(NO_SALE),
            items.c.product_id.is_not(None),
        )
        .group_by(*goods)
    )
    sales = _Sales(by_product=defaultdict(lambda: defaultdict(int)), by_sku=defaultdict(dict))
    with streaming(connection, query) as rows:
        for row in rows:
            sales.by_sku[row.product_id, row.sku][row.quantity] = row.times
            sales.by_product[row.product_id][row.quantity] += row.times
    return sales


def _days_without(connection: Connection, store_id: int, since: datetime, now: datetime) -> dict[int, float]:
    """Return for how many days each product was out of stock, of those whose stock came or went."""
    query = (
        sa.select(
            stock_changes.c.product_id,
            stock_changes.c.was_in_stock,
            stock_changes.c.in_stock,
            stock_changes.c.at,
        )
        .where(
            stock_changes.c.store_id == store_id,
            stock_changes.c.at >= since,
            stock_changes.c.was_in_stock != stock_changes.c.in_stock,
        )
        .order_by(stock_changes.c.id)
    )
    days: dict[int, float] = {}
    gone_since: dict[int, datetime] = {}
    with streaming(connection, query) as rows:
        for row in rows:
            product_id, at = row.product_id, row.at
            if product_id not in days:
                days[product_id] = 0.0 if row.was_in_stock else (at - since) / _DAY
            elif product_id in gone_since:
                days[product_id] += (at - gone_since.pop(product_id)) / _DAY
            if not row.in_stock:
                gone_since[product_id] = at
    for product_id, at in gone_since.items():
        days[product_id] += (now - at) / _DAY
    return days


@dataclass(frozen=True, kw_only=True)
class _Good:
    product_id: int
    variation_id: int
    sku: str
    name: str
    options: str
    quantity: int
    in_stock: bool
    created_at: datetime | None


def _goods(connection: Connection, store_id: int) -> Iterator[_Good]:
    """Yield what is sold and counted: variations, and products that have none."""
    of_product = (
        variations.c.store_id == products.c.store_id,
        variations.c.product_id == products.c.product_id,
    )
    is_sold = (products.c.store_id == store_id, products.c.enabled)
    shared = (products.c.product_id, products.c.name, products.c.created_at)
    plain = sa.select(*shared, products.c.sku, products.c.quantity, products.c.in_stock).where(
        *is_sold, products.c.quantity.is_not(None), ~sa.exists().where(*of_product)
    )
    varied = (
        sa.select(
            *shared,
            variations.c.variation_id,
            variations.c.sku,
            variations.c.quantity,
            variations.c.in_stock,
            variations.c.options,
        )
        .join(variations, sa.and_(*of_product))
        .where(*is_sold, variations.c.quantity.is_not(None))
    )
    with streaming(connection, plain) as rows:
        for row in rows:
            yield _Good(**row._mapping, variation_id=0, options="")
    with streaming(connection, varied) as rows:
        for row in rows:
            yield _Good(**{**row._mapping, "options": _say_options(row.options)})


def _say_options(options: Iterable[tuple[str, str]]) -> str:
    """Return a variation's options in words, like `Size: L, Colour: red`."""
    return ", ".join(f"{name}: {value}" for name, value in options)
