"""A person is copied and forgotten in a shop that has written to them; nothing of them is left anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.journeys.path import agree, finish, outbox, start, state
from tests.journeys.steps import wake
from tests.shop import NOW
from tillroll.campaign.language.crm import CrmKind, CrmRules
from tillroll.campaign.states import MessageState, PrivacyKind, PrivacySubject, RunState
from tillroll.errors import NotFound, TryLater
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.people.requests import open_requests
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.records import Store
from tillroll.ledger.tables import (
    crm_events,
    customers,
    events,
    list_members,
    messages,
    metadata,
    orders,
    privacy_requests,
    recipients,
)
from tillroll.loop.advance import StoreWorker, advance
from tillroll.loop.crm import push_changes
from tillroll.privacy.erase import Erasure, erase_person
from tillroll.privacy.export import export_person
from tillroll.wiring import Services

STAYS = {"consents"}
"""The proof that they agreed to what they got."""


@pytest.fixture
def store(services: Services) -> Store:
    with reading(services.engine) as connection:
        return load_store(connection, 1)


def somebody(engine: Engine) -> dict[str, Any]:
    """Return a recipient with a name of several letters."""
    with reading(engine) as connection:
        rows = connection.execute(sa.select(recipients).order_by(recipients.c.id)).all()
    return dict(next(row for row in rows if len(row.name) > 8)._mapping)


def everything(engine: Engine) -> Iterator[tuple[str, str]]:
    """Yield each row of each table as text."""
    with reading(engine) as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                yield table.name, json.dumps(dict(row._mapping), default=str, ensure_ascii=False).lower()


def places_with(engine: Engine, *words: str) -> set[str]:
    return {table for table, text in everything(engine) if any(word.lower() in text for word in words)}


def erase(services: Services, store: Store, email: str) -> Erasure:
    return erase_person(services.engine, store, email=email, actor="adam", now=services.clock.now())


def test_nothing_is_left_of_somebody_who_was_written_to(
    worker: StoreWorker, services: Services, store: Store
) -> None:
    engine, now = services.engine, services.clock.now()
    worker.crm, worker.crm_known = CrmRules(folder="crm", what=tuple(CrmKind)), True
    agree(services, start(worker))
    progress = finish(worker)
    who = somebody(engine)
    email, number = who["email"], who["customer_id"]
    with writing(engine) as connection:
        said = {"customerEmail": email.upper()}
        row = {
            "store_id": 1,
            "event_id": "e1",
            "kind": "customer.updated",
            "entity": str(number),
            "data": said,
        }
        connection.execute(sa.insert(events).values(**row, happened_at=now, received_at=now))
        guest = {"store_id": 1, "order_id": "GUEST", "email": email.title(), "seen_at": now}
        connection.execute(sa.insert(orders).values(guest))
        connection.execute(sa.insert(list_members).values(store_id=1, digest="d", member=email.lower()))
        asked = {
            "event_id": "p1",
            "kind": PrivacyKind.REMOVAL,
            "subject": PrivacySubject.CUSTOMER,
            "entity": str(number),
        }
        due = now + timedelta(days=28)
        request = {"email": email, "asked_at": now, "due_at": due, "noted_at": now}
        connection.execute(sa.insert(privacy_requests).values(store_id=1, **asked, **request))
    copy = export_person(engine, store, email=f" {email.upper()} ", actor="adam", now=now)
    assert copy["customers"] == [number]
    assert len(copy["data"]["messages"]) == len(copy["data"]["codes"]) == 1
    assert copy["data"]["codes"][0]["code"] in {
        line["code"] for line in outbox(services) if line["to"] == email
    }
    filled = {name for name, rows in copy["data"].items() if rows}
    assert {"customers", "orders", "recipients", "events", "list_members", "privacy_requests"} <= filled
    json.dumps(copy)
    assert places_with(engine, email, who["name"]) >= {"customers", "recipients", "orders", "crm_events"}
    erasure = erase(services, store, email)
    assert (erasure.customers, erasure.codes_live, erasure.settled) == ((number,), 1, 1)
    with reading(engine) as connection:
        theirs = sa.select(crm_events.c.change).where(crm_events.c.customer_id == number)
        assert list(connection.scalars(theirs)) == ["customer.erased"]
    push_changes(worker, now + timedelta(days=1))
    (last, *_) = sorted((services.settings.home / "crm").iterdir(), reverse=True)
    assert '"customer.erased"' in last.read_text("utf-8")
    assert places_with(engine, email, who["name"]) <= STAYS
    with reading(engine) as connection:
        assert open_requests(connection, 1) == []
        assert first_broken_row(connection) is None
        sent = connection.scalar(sa.select(sa.func.count()).where(messages.c.state == MessageState.SENT))
    assert sent == progress.messages_sent, "sums stay whole"


def test_the_mirror_takes_nobody_up_again(worker: StoreWorker, services: Services, store: Store) -> None:
    """The store still has them, with name, address and consent."""
    run_id = start(worker)
    who = somebody(services.engine)
    assert erase(services, store, who["email"]).replanned == 1
    assert state(services, run_id) is RunState.PLANNING
    wake(worker)
    for _ in range(20):
        advance(worker, until=services.clock.now() + timedelta(seconds=5))
        if state(services, run_id) is RunState.WAITING:
            break
    agree(services, run_id)
    finish(worker, run_id)
    assert who["email"] not in {line["to"] for line in outbox(services)}
    assert places_with(services.engine, who["email"], who["name"]) <= STAYS
    with reading(services.engine) as connection:
        query = sa.select(customers).where(customers.c.customer_id == who["customer_id"])
        (row,) = connection.execute(query).all()
    assert (row.email, row.name, row.accepts_marketing) == ("", "", False)


def test_a_waiting_e_mail_is_held_and_one_that_leaves_comes_first(
    worker: StoreWorker, services: Services, store: Store
) -> None:
    agree(services, start(worker))
    finish(worker)
    who = somebody(services.engine)
    theirs = messages.c.recipient_id == who["id"]

    def put(value: MessageState) -> None:
        with writing(services.engine) as connection:
            connection.execute(sa.update(messages).where(theirs).values(state=value))

    put(MessageState.SENDING)
    with pytest.raises(TryLater, match="leaving right now"):
        erase(services, store, who["email"])
    assert places_with(services.engine, who["email"]) >= {"recipients"}
    put(MessageState.READY)
    assert erase(services, store, who["email"]).held == 1
    with reading(services.engine) as connection:
        assert connection.scalar(sa.select(messages.c.state).where(theirs)) == MessageState.HELD


def test_a_stranger_is_nobody(services: Services, store: Store) -> None:
    with pytest.raises(NotFound, match="Nobody with this address"):
        erase(services, store, "stranger@nowhere.example")
    copy = export_person(services.engine, store, email="stranger@nowhere.example", actor="adam", now=NOW)
    assert not any(copy["data"].values())
