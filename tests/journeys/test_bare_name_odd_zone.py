"""A customer made with a bare name, in a store whose time zone nobody knows: both reach the e-mail, or are told."""

from __future__ import annotations

import json

import sqlalchemy as sa

from tests.journeys.path import agree, finish, outbox, start
from tests.journeys.steps import book_of, text_of, wait_for
from tillroll.ecwid.client import Client
from tillroll.ledger.mirror.unread import list_unread
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import recipients
from tillroll.loop.advance import StoreWorker
from tillroll.sandbox.serve import Sandbox
from tillroll.wiring import Services

HELLO = """title: Hello
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: newcomers}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: "For {{ customer.first_name }}"}
"""


def test_a_bare_name_reaches_the_e_mail_and_an_unknown_zone_stops_nothing(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox
) -> None:
    profile = json.loads(sandbox.store.state.fact("profile") or "{}")
    odd = {**profile.get("formatsAndUnits", {}), "timezone": "Mars/Olympus"}
    with sandbox.store.state.transaction() as state:
        state.keep_fact("profile", json.dumps({**profile, "formatsAndUnits": odd}))
    named = {"email": "nova@example.com", "name": "Nova Kos", "acceptMarketing": True}
    client.connection.write("POST", "/customers", body=named)
    wait_for(lambda: any(one.email == named["email"] for one in client.customers.every()))
    run_id = start(worker, "hello", book_of(hello=HELLO))
    agree(services, run_id)
    finish(worker, run_id)
    with services.engine.connect() as connection:
        query = sa.select(recipients.c.name, recipients.c.first_name).where(
            recipients.c.email == named["email"]
        )
        assert connection.execute(query).one() == ("Nova Kos", "Nova")
        assert load_store(connection, 1).timezone == "UTC", "the last one that was understood"
        told = [row.sentence for row in list_unread(connection, 1, limit=9)]
    assert any("Mars/Olympus is not one that Tillroll knows" in sentence for sentence in told)
    (sent,) = (line for line in outbox(services) if line["to"] == named["email"])
    assert sent["subject"] == "For Nova"
    assert "Nova" in text_of(services, sent)
