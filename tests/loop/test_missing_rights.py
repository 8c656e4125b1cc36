"""A permission that the token lacks costs the feature that needs it, and nothing else: the store stays connected."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
import structlog

from tests.shop import NOW
from tests.store import counted, turn
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import categories, customers, events, fences, looks, stores
from tillroll.loop.advance import StoreWorker, advance
from tillroll.recovery.anchor import read_anchor
from tillroll.recovery.fence import guard
from tillroll.recovery.fence_place import CODE
from tillroll.sandbox.serve import Sandbox
from tillroll.track.connect import CONNECTED, DISCONNECTED
from tillroll.track.webhooks.intake import WebhookDelivery, store_event

OPTIONAL = ["read_catalog", "read_reviews", "update_store_profile"]


def state_of(worker: StoreWorker) -> str:
    with reading(worker.services.engine) as connection:
        return load_store(connection, worker.store_id).state


def take_turns(worker: StoreWorker, count: int = 3) -> None:
    for _ in range(count):
        advance(worker, until=worker.services.clock.now() + timedelta(seconds=10))
        worker.following.polled_at = None  # look again at once


@pytest.mark.parametrize("body", ["words", "empty"])
def test_catalogue_reviews_and_storage_may_be_missing(
    sandbox: Sandbox, worker: StoreWorker, body: str
) -> None:
    turn(sandbox, missing_scopes=OPTIONAL, missing_scope_body=body)
    engine, clock = worker.services.engine, worker.services.clock
    with writing(engine) as connection:  # so that the audit's head is due, and all customers are read
        connection.execute(
            sa.update(stores).values(created_at=clock.now() - timedelta(days=2), customers_at=NOW)
        )
    product = WebhookDelivery(
        event_id="1", ecwid_id=1003, kind="product.updated", entity="701", data={}, happened_at=clock.now()
    )
    store_event(engine, product, now=clock.now())
    with logged() as said:
        take_turns(worker)
        guard(worker.session, checked=False, mark="ab-1", raising=True)
        take_turns(worker)
        asked = counted(sandbox)["missing_scope"]
        take_turns(worker)
    assert state_of(worker) == CONNECTED
    assert sorted(area for event, area in said if event == "area.unread") == [
        "categories",
        "products",
        "reviews",
    ]
    assert [event for event, _ in said].count("fence.kept_in_coupon") == 1
    assert [event for event, _ in said].count("audit.not_anchored") == 1
    assert worker.client.coupons.find(CODE) is not None
    assert read_anchor(worker.client).text is None
    with reading(engine) as connection:
        assert connection.scalar(sa.select(fences.c.place)) == "coupon"
        assert connection.scalar(sa.select(sa.func.count()).select_from(customers)) > 0
        assert connection.scalar(sa.select(sa.func.count()).select_from(categories)) == 0
        assert (
            connection.scalar(sa.select(events.c.outcome).where(events.c.kind == "product.updated")) != "read"
        )
        read = set(connection.scalars(sa.select(looks.c.area)))
    assert {"customers", "orders", "carts"} <= read
    assert asked > 0
    assert counted(sandbox)["missing_scope"] - asked <= 1, "what is missing is not asked for again and again"


def test_a_token_that_is_refused_everywhere_disconnects_the_store(
    sandbox: Sandbox, worker: StoreWorker
) -> None:
    take_turns(worker, 1)
    turn(sandbox, token_revoked=True)
    take_turns(worker, 2)
    assert state_of(worker) == DISCONNECTED


@contextlib.contextmanager
def logged() -> Iterator[list[tuple[str, str]]]:
    """Collect what is logged: the events, with the area that they are about."""
    said: list[tuple[str, str]] = []
    with structlog.testing.capture_logs() as entries:
        yield said
    said += [(str(entry["event"]), str(entry.get("area", ""))) for entry in entries]
