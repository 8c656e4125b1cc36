"""How fast goods sell and how long their stock lasts, told by the mirror of a shop whose true pace is known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_store
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import order_items, orders, products, stock_changes, variations
from tillroll.track.stock.levels import StockLevel, stock_levels
from tillroll.track.stock.pace import StockBars, StockState, outlook, pieces_sold

DAY = timedelta(days=1)
BARS = StockBars(wanted=30, too_many=180)


def add_product(engine: Engine, store_id: int, number: int, quantity: int | None, **values: Any) -> None:
    row = {
        "store_id": store_id,
        "product_id": number,
        "sku": f"P-{number}",
        "name": f"Tea {number}",
        "quantity": quantity,
        "in_stock": quantity != 0,
        "enabled": True,
        "discounts_allowed": True,
        "category_ids": [],
        "created_at": NOW - 400 * DAY,
        "seen_at": NOW,
        **values,
    }
    with writing(engine) as connection:
        connection.execute(sa.insert(products).values(row))


def sell(
    engine: Engine, store_id: int, sku: str, quantities: Iterable[tuple[datetime, int]], **values: Any
) -> None:
    """Record an order of the good on each of the moments."""
    with writing(engine) as connection:
        for number, (at, quantity) in enumerate(quantities):
            order = {"store_id": store_id, "order_id": f"{sku} {number} {values}"}
            paid = {"payment_status": "PAID", "created_at": at, "seen_at": at, **values}
            connection.execute(sa.insert(orders).values(**order, **paid))
            item = {"line": 0, "product_id": int(sku.split("-")[1]), "sku": sku, "quantity": quantity}
            connection.execute(sa.insert(order_items).values(**order, **item))


def levels(engine: Engine, store_id: int) -> dict[str, StockLevel]:
    with reading(engine) as connection:
        return {level.sku: level for level in stock_levels(connection, store_id, now=NOW, over=56, bars=BARS)}


def test_the_pace_counts_days_with_stock_and_cuts_bulk_orders(ledger: Engine) -> None:
    store_id = add_store(ledger)
    every_day = [(NOW - day * DAY, 2) for day in range(1, 57)]
    for number, quantity in ((1, 30), (2, 0), (3, 30), (4, 900), (5, 40), (6, None)):
        add_product(ledger, store_id, number, quantity)
    sell(ledger, store_id, "P-1", every_day)  # the plain case
    sell(ledger, store_id, "P-2", every_day[28:])  # sold out 28 days ago
    sell(ledger, store_id, "P-3", [*every_day[:55], (NOW - 56 * DAY, 5_000)])  # and a reseller
    sell(ledger, store_id, "P-4", every_day)  # too much
    sell(ledger, store_id, "P-5", every_day, payment_status="CANCELLED")  # no sale
    sell(ledger, store_id, "P-5", [(NOW - 90 * DAY, 2)])  # long ago
    with writing(ledger) as connection:
        gone = {"product_id": 2, "was_in_stock": True, "in_stock": False, "at": NOW - 28 * DAY}
        connection.execute(sa.insert(stock_changes).values(store_id=store_id, **gone))
    found = levels(ledger, store_id)
    assert list(found)[:3] == ["P-2", "P-3", "P-1"]  # the first to run out, and no uncounted stock
    assert "P-6" not in found
    assert {sku: level.outlook.state.value for sku, level in found.items()} == {
        "P-1": "order",
        "P-2": "order",
        "P-3": "order",
        "P-4": "overstock",
        "P-5": "slow",
    }
    assert found["P-1"].outlook.pace == found["P-2"].outlook.pace == 2.0
    assert found["P-3"].outlook.pace == pytest.approx((55 * 2 + 10) / 56)
    assert (found["P-1"].outlook.cover, found["P-1"].outlook.order, found["P-2"].outlook.order) == (
        15.0,
        30,
        60,
    )


def test_variations_are_told_apart_and_new_goods_are_not_judged(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_product(ledger, store_id, 1, None)
    add_product(ledger, store_id, 2, 5, created_at=NOW - 3 * DAY)
    add_product(ledger, store_id, 3, 5, enabled=False)
    with writing(ledger) as connection:
        for number, size in ((1, "S"), (2, "L")):
            row = {
                "product_id": 1,
                "variation_id": number,
                "sku": f"P-1-{size}",
                "quantity": 10,
                "in_stock": True,
            }
            extra = {"options": [["Size", size]], "seen_at": NOW}
            connection.execute(sa.insert(variations).values(store_id=store_id, **row, **extra))
    sell(ledger, store_id, "P-1-L", [(NOW - day * DAY, 1) for day in range(1, 57)])
    found = levels(ledger, store_id)
    assert {sku: level.outlook.state.value for sku, level in found.items()} == {
        "P-1-L": "order",
        "P-1-S": "slow",
        "P-2": "too_new",
    }
    assert found["P-1-L"].options == "Size: L"
    assert found["P-2"].outlook.order == 0


def test_what_is_ordered_lasts_as_long_as_wanted() -> None:
    """Also for a stock below zero, which a store shows when it sells what it hasn't got."""
    for quantity in (-3, 0, 1, 59, 60, 61):
        told = outlook(quantity=quantity, sold=112, days_in_stock=56.0, bars=BARS)
        assert quantity + told.order >= 60
        assert told.order == max(60 - quantity, 0)
    assert outlook(quantity=0, sold=0, days_in_stock=56.0, bars=BARS).state is StockState.ENOUGH
    assert pieces_sold({}) == pieces_sold({0: 4}) == 0
    assert pieces_sold({1: 9, 100: 1}) == 14
