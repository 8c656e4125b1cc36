"""Steps that journeys share: a book with other rules, a look at the store's orders, and what stands in an e-mail."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.journeys.test_from_file_to_inbox import SLICE
from tests.shop import sample_files
from tillroll.campaign import Book, fingerprint, parse_book
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.ledger.engine import writing
from tillroll.ledger.plans import load_plan
from tillroll.ledger.tables import looks, runs, stores
from tillroll.loop.advance import Lane, advance
from tillroll.plan.record import record_book
from tillroll.wiring import Services

NO_LIMITS = "largest_percent: 30\n"


def book_of(rails: str = NO_LIMITS, **campaigns: str) -> Book:
    """These campaigns and no others, with the sample rules and templates; `rails` is the guardrails' file."""
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files["rules/guardrails.yaml"] = rails.encode()
    files |= {f"campaigns/{name.replace('_', '-')}.yaml": text.encode() for name, text in campaigns.items()}
    book = parse_book(files)
    assert not book.findings, [finding.render() for finding in book.findings]
    return book


def write_down(lane: Lane, book: Book) -> None:
    """The lane has read its files, and they don't change."""
    services = lane.services
    record_book(services.engine, store_id=1, book=book, now=services.clock.now())
    lane.files_seen = fingerprint(services.settings.folder)


def plan_of(engine: Engine, run_id: int) -> StoredPlan:
    """The plan in force of a run."""
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    return plan


def see_orders(lane: Lane) -> None:
    """Have the lane look at the store's orders now."""
    clock = lane.services.clock
    with writing(lane.services.engine) as connection:
        connection.execute(sa.update(looks).values(looked_at=clock.now() - timedelta(hours=1)))
    lane.following.polled_at = None
    advance(lane, until=clock.now() + SLICE)


def wake(lane: Lane) -> None:
    """No run and no lane waits any longer, and the customers are read anew."""
    with writing(lane.services.engine) as connection:
        connection.execute(sa.update(runs).values(not_before=None))
        connection.execute(sa.update(stores).values(not_before=None, customers_at=None))


def text_of(services: Services, line: dict[str, Any]) -> str:
    """The plain part of an e-mail in the outbox, on one line."""
    path = services.settings.outbox / line["file"]
    body = message_from_bytes(path.read_bytes(), policy=policy.default).get_body(("plain",))
    assert body is not None
    return " ".join(str(body.get_content()).split())
