"""A small shop to test with: the sample files, a store in the ledger, and customers in its mirror."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.approve.decide import Person
from tillroll.campaign import Book, parse_book
from tillroll.campaign.text.addresses import mailbox_of
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.records import Run
from tillroll.ledger.tables import customers, stores
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ANA = Person(email="ana@shop.example", roles=frozenset({"approver"}))
BEN = Person(email="ben@shop.example", roles=frozenset({"approver"}))
EVE = Person(email="eve@shop.example", roles=frozenset({"viewer"}))
PUBLIC_URL = "https://tillroll.shop.example"
"""The address of the pages, that links in e-mails begin with."""
SHOP = "/stores/1003"
"""What the addresses of the sample store's pages begin with."""


def sample_files() -> dict[str, bytes]:
    """Return the repository's own campaigns, rules and templates, as `parse_book` takes them."""
    files = {}
    for place in ("campaigns", "rules", "templates"):
        for path in sorted((ROOT / place).rglob("*")):
            if path.is_file():
                files[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    return files


def sample_book(**changed: str) -> Book:
    """Return the sample files as a book; `winback=…` replaces the text of that campaign's file."""
    files = sample_files()
    for name, text in changed.items():
        files[f"campaigns/{name.replace('_', '-')}.yaml"] = text.encode()
    return parse_book(files)


def campaign_text(name: str) -> str:
    """Return the text of a sample campaign's file."""
    return (ROOT / "campaigns" / f"{name}.yaml").read_text(encoding="utf-8")


def add_store(engine: Engine, **values: Any) -> int:
    """Add a connected store and return its row number in the ledger."""
    row = {
        "ecwid_id": 1003,
        "base_url": "http://127.0.0.1:9/api/v3",
        "token": "sealed",
        "name": "Sample Shop",
        "url": "https://shop.example",
        "email": "hello@shop.example",
        "currency": "EUR",
        "timezone": "Europe/Ljubljana",
        "profile_at": NOW,
        "customers_at": NOW,
        "orders_at": NOW,
        "created_at": NOW,
        **values,
    }
    with writing(engine) as connection:
        return int(connection.execute(sa.insert(stores).values(row).returning(stores.c.id)).scalar_one())


def add_customers(engine: Engine, store_id: int, *rows: dict[str, Any]) -> None:
    """Add customers to the mirror; each row gives only the columns that matter."""
    plain = {
        "store_id": store_id,
        "email": "",
        "name": "",
        "first_name": "",
        "language": "en",
        "country": "SI",
        "group_name": "General",
        "accepts_marketing": True,
        "orders": 0,
        "spent": Decimal(0),
        "first_order_at": None,
        "last_order_at": None,
        "registered_at": NOW - timedelta(days=400),
        "updated_at": NOW,
        "seen_at": NOW,
    }
    filled = [{**plain, **row} for row in rows]
    for row in filled:
        row["email"] = row["email"] or f"customer{row['customer_id']}@example.com"
        row["mailbox"] = mailbox_of(row["email"])
    with writing(engine) as connection:
        connection.execute(sa.insert(customers), filled)


def lapsed(customer_id: int, **values: Any) -> dict[str, Any]:
    """Return a customer that the win-back campaign selects."""
    return {
        "customer_id": customer_id,
        "name": f"Živa Novak {customer_id}",
        "first_name": "Živa",
        "orders": 3,
        "spent": Decimal("120.00"),
        "first_order_at": NOW - timedelta(days=400),
        "last_order_at": NOW - timedelta(days=200),
        **values,
    }


def planned_run(
    engine: Engine, *, book: Book | None = None, name: str = "winback", customers: int = 20
) -> tuple[int, int]:
    """Plan a manual run for some lapsed customers; return the store and the run."""
    store_id = add_store(engine)
    add_customers(engine, store_id, *(lapsed(number) for number in range(1, customers + 1)))
    record_book(engine, store_id=store_id, book=book or sample_book(), now=NOW)
    run_id = start_by_hand(engine, store_id=store_id, name=name, person=ANA.email, now=NOW)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    return store_id, run_id


def run_row(engine: Engine, run_id: int) -> Run:
    """Return a run's row of the ledger."""
    with engine.connect() as connection:
        return load_run(connection, run_id)


@contextmanager
def counting(engine: Engine) -> Iterator[list[str]]:
    """Yield the list of SQL statements that are executed in the block."""
    sent: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
