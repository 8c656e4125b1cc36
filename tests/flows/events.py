"""A shop where things happen: rows of the mirror as the store's news would bring them, and campaigns that wait for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_customers, add_store, sample_files
from tillroll.campaign import Book, parse_book
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import carts, entries, orders, products, runs
from tillroll.plan.record.revisions import record_book

BEFORE = NOW - timedelta(days=30)  # when the campaigns were first seen

NOTE = "templates/note/message.html.j2"


def campaign(on: str, more: str = "", who: str = "") -> str:
    """A campaign that one event sets off; `more` are further lines of the file."""
    return f"""title: When it happens
owner: ana@shop.example
status: active
when: {{on: {on}}}
{who}
{more or "message: {template: note, subject: Hello}"}
"""


def book_of(rules: Mapping[str, bytes] | None = None, /, **campaigns: str) -> Book:
    """A book of these campaigns and the sample rules, and perhaps more; it must be sound."""
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files |= rules or {}
    files[NOTE] = b"<p>{{ customer.first_name }} {{ unsubscribe_link }}</p>"
    files |= {f"campaigns/{name.replace('_', '-')}.yaml": text.encode() for name, text in campaigns.items()}
    book = parse_book(files)
    assert not book.findings, [finding.render() for finding in book.findings]
    return book


def shop_with(
    engine: Engine, *people: dict[str, Any], first_seen: datetime = BEFORE, **campaigns: str
) -> int:
    """A store with customers and campaigns that it has known for a month; returns its number in the ledger."""
    store_id = add_store(engine)
    if people:
        add_customers(engine, store_id, *people)
    record_book(engine, store_id=store_id, book=book_of(**campaigns), now=first_seen)
    return store_id


def person(customer_id: int, **values: Any) -> dict[str, Any]:
    """A customer whom the store has known for long."""
    return {"customer_id": customer_id, "first_name": "Ana", "name": "Ana Novak", **values}


def add_order(engine: Engine, store_id: int, order_id: str, **values: Any) -> None:
    """An order of the mirror."""
    row = {
        "store_id": store_id,
        "order_id": order_id,
        "customer_id": 1,
        "email": "customer1@example.com",
        "total": Decimal("50.00"),
        "subtotal": Decimal("50.00"),
        "payment_status": "PAID",
        "created_at": NOW,
        "updated_at": NOW,
        "seen_at": NOW,
        **values,
    }
    with writing(engine) as connection:
        connection.execute(sa.insert(orders), row)


def add_cart(engine: Engine, store_id: int, cart_id: str, **values: Any) -> None:
    """An abandoned cart of the mirror."""
    row = {
        "store_id": store_id,
        "cart_id": cart_id,
        "customer_id": 1,
        "email": "customer1@example.com",
        "total": Decimal("80.00"),
        "subtotal": Decimal("80.00"),
        "hidden": False,
        "created_at": NOW,
        "updated_at": NOW,
        "seen_at": NOW,
        **values,
    }
    with writing(engine) as connection:
        connection.execute(sa.insert(carts), row)


def change_cart(engine: Engine, cart_id: str, **values: Any) -> None:
    """The store has news of a cart."""
    with writing(engine) as connection:
        connection.execute(sa.update(carts).where(carts.c.cart_id == cart_id).values(values))


def add_product(engine: Engine, store_id: int, product_id: int, **values: Any) -> None:
    """A product of the mirror."""
    row = {
        "store_id": store_id,
        "product_id": product_id,
        "sku": f"TEA-{product_id}",
        "name": f"Sencha {product_id}",
        "price": Decimal("12.00"),
        "quantity": 10,
        "in_stock": True,
        "enabled": True,
        "discounts_allowed": True,
        "category_ids": [],
        "seen_at": NOW,
        **values,
    }
    with writing(engine) as connection:
        connection.execute(sa.insert(products), row)


def entered(engine: Engine) -> list[sa.Row[Any]]:
    """Every entry, in the order they were made."""
    with engine.connect() as connection:
        return list(connection.execute(sa.select(entries).order_by(entries.c.id)))


def all_runs(engine: Engine) -> list[sa.Row[Any]]:
    """Every run, in the order they were made."""
    with engine.connect() as connection:
        return list(connection.execute(sa.select(runs).order_by(runs.c.id)))
