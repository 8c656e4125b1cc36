"""A small catalogue in the ledger's mirror, and campaigns whose offers name parts of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import ANA, NOW, add_customers, add_store, campaign_text, lapsed, sample_book
from tillroll.campaign import Book
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import categories, looks, products, variations
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.record.revisions import record_book

TEA, POT, CUP = 701, 719, 721
GREEN, TABLEWARE = 2, 4


def book_for(goods: str) -> Book:
    """Return the sample files with the win-back offer on some goods, such as `{products: [TEA-01]}`."""
    text = campaign_text("winback")
    assert "  uses: single\n" in text
    return sample_book(winback=text.replace("  uses: single\n", f"  uses: single\n  applies_to: {goods}\n"))


def run_for(engine: Engine, goods: str, *, catalogue: bool = True) -> tuple[int, int]:
    """Start an unplanned run whose offer is on some goods and return the ids of its store and of the run."""
    store_id = add_store(engine)
    add_customers(engine, store_id, *(lapsed(number) for number in range(1, 9)))
    if catalogue:
        add_catalogue(engine, store_id)
    record_book(engine, store_id=store_id, book=book_for(goods), now=NOW)
    return store_id, start_by_hand(engine, store_id=store_id, name="winback", person=ANA.email, now=NOW)


def add_catalogue(engine: Engine, store_id: int) -> None:
    """Add three products (one in two sizes), two categories of tea and one of tableware, and mark both areas as read."""
    with writing(engine) as connection:
        for product_id, sku, name in (
            (TEA, "TEA-01", "Sencha"),
            (POT, "POT-01", "Pot"),
            (CUP, "CUP-01", "Cup"),
        ):
            connection.execute(sa.insert(products).values(_product(store_id, product_id, sku, name)))
        for number, sku in enumerate(("TEA-01-S", "TEA-01-L"), start=1):
            row = {"product_id": TEA, "variation_id": number, "sku": sku, "in_stock": True, "options": []}
            connection.execute(sa.insert(variations).values(row | {"store_id": store_id, "seen_at": NOW}))
        for category_id, parent_id, name in (
            (1, None, "Tea"),
            (GREEN, 1, "Green"),
            (TABLEWARE, None, "Tableware"),
        ):
            row = {"category_id": category_id, "parent_id": parent_id, "name": name, "enabled": True}
            connection.execute(sa.insert(categories).values(row | {"store_id": store_id, "seen_at": NOW}))
        for area in ("products", "categories"):
            connection.execute(sa.insert(looks).values(store_id=store_id, area=area, looked_at=NOW))


def _product(store_id: int, product_id: int, sku: str, name: str) -> dict[str, Any]:
    return {
        "store_id": store_id,
        "product_id": product_id,
        "sku": sku,
        "name": name,
        "price": Decimal(19),
        "in_stock": True,
        "enabled": True,
        "discounts_allowed": True,
        "category_ids": [],
        "seen_at": NOW,
    }


def change(engine: Engine, table: sa.Table, where: sa.ColumnElement[bool], **values: Any) -> None:
    """Change rows of the mirror as a sync would, or delete them if no values are given."""
    with writing(engine) as connection:
        statement = sa.update(table).values(values) if values else sa.delete(table)
        connection.execute(statement.where(where))
