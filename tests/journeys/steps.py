"""Steps that journeys share: other campaigns and rules, reading the store's orders, and the text of an e-mail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.journeys.path import SLICE
from tests.shop import sample_files
from tillroll.campaign import Book, fingerprint, parse_book
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.clock import SystemClock
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import looks, orders, runs, stores
from tillroll.loop.advance import StoreWorker, advance
from tillroll.plan.record.revisions import record_book
from tillroll.wiring import Services

NO_LIMITS = "largest_percent: 30\n"


def book_of(rails: str = NO_LIMITS, **campaigns: str) -> Book:
    """Return a book of these campaigns with the sample rules and templates. `rails` is the text of the guardrails."""
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files["rules/guardrails.yaml"] = rails.encode()
    files |= {f"campaigns/{name.replace('_', '-')}.yaml": text.encode() for name, text in campaigns.items()}
    book = parse_book(files)
    assert not book.findings, [finding.render() for finding in book.findings]
    return book


def write_down(worker: StoreWorker, book: Book) -> None:
    """Mark the campaign files as read, so that later turns do not read them."""
    services = worker.services
    record_book(services.engine, store_id=1, book=book, now=services.clock.now())
    worker.files_seen = fingerprint(services.settings.folder)


def plan_of(engine: Engine, run_id: int) -> StoredPlan:
    """Return the plan in force of a run."""
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    return plan


def see_orders(worker: StoreWorker, order_id: str) -> None:
    """Let turns read the store's orders until they show this one: its searches show what is new a few seconds late."""
    clock = worker.services.clock

    def is_seen() -> bool:
        with writing(worker.services.engine) as connection:
            connection.execute(sa.update(looks).values(looked_at=clock.now() - timedelta(hours=1)))
        worker.following.polled_at = None
        advance(worker, until=clock.now() + SLICE)
        with worker.services.engine.connect() as connection:
            query = sa.select(orders.c.order_id).where(orders.c.order_id == order_id)
            return connection.scalar(query) is not None

    wait_for(is_seen)


def wait_for(holds: Callable[[], object]) -> None:
    """Wait until the store's searches show what is new."""
    clock = SystemClock()
    deadline = clock.monotonic() + 60.0
    while not holds():
        assert clock.monotonic() < deadline, "the store never shows it"
        clock.sleep(0.1)


def wake(worker: StoreWorker) -> None:
    """End the waits of all runs and of the store, and have the customers read again."""
    with writing(worker.services.engine) as connection:
        connection.execute(sa.update(runs).values(not_before=None))
        connection.execute(sa.update(stores).values(not_before=None, customers_at=None))


def text_of(services: Services, line: dict[str, Any]) -> str:
    """Return the text part of an e-mail in the outbox, on one line."""
    path = services.settings.outbox / line["file"]
    body = message_from_bytes(path.read_bytes(), policy=policy.default).get_body(("plain",))
    assert body is not None
    return " ".join(str(body.get_content()).split())
