"""Somebody asks about their own data: people get one notice, and see the request until it is settled."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

from tests.loop.test_outage import account, letters
from tests.shop import ANA
from tillroll.ledger.engine import reading
from tillroll.ledger.people.requests import open_requests
from tillroll.loop.advance import StoreWorker, advance
from tillroll.track.webhooks.intake import WebhookDelivery, store_event


def test_people_get_one_notice_about_a_request(worker: StoreWorker) -> None:
    services, now = worker.services, worker.services.clock.now()
    account(services, ANA.email, "approver")
    for number in (5, 6):
        event = WebhookDelivery(
            event_id=str(uuid.uuid4()),
            ecwid_id=1003,
            kind="customer.personalDataRemovalRequest",
            entity=str(number),
            data={"customerEmail": "somebody@example.com"},
            happened_at=now,
        )
        store_event(services.engine, event, now=now)
    for _ in range(3):
        advance(worker, until=services.clock.now() + timedelta(seconds=5))
    told = [letter for letter in letters(services) if letter["to"] == ANA.email]
    assert len(told) == 1
    assert "2 requests about personal data" in told[0]["subject"]
    content = (services.settings.outbox / told[0]["file"]).read_text(encoding="utf-8")
    assert "Customer 5 asked to be deleted" in content
    assert "somebody@example.com" not in content
    with reading(services.engine) as connection:
        assert {request.told_at is not None for request in open_requests(connection, 1)} == {True}
    assert "somebody@example.com" not in json.dumps(letters(services))
