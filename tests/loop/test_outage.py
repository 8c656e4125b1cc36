"""People get one e-mail about each outage."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from tests.journeys.steps import text_of
from tests.shop import ANA, EVE
from tests.store import client_of, turn
from tillroll.campaign.language.notices import NoticeRules
from tillroll.campaign.states import NoticeKind
from tillroll.ledger.audit import head_of, holds, parse_head, record
from tillroll.ledger.engine import writing
from tillroll.ledger.people.notices import Notice, keep
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import audit, roles, roles_users, stores, users
from tillroll.loop.advance import StoreWorker, advance
from tillroll.loop.notices.by_mail import send_notices
from tillroll.loop.notices.whom import ShopPeople
from tillroll.sandbox.serve import Sandbox
from tillroll.send.hold import list_holds
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer
from tillroll.track.connect import reconnect
from tillroll.track.mirror.sync import sync_profile
from tillroll.wiring import Services


def account(services: Services, email: str, role: str) -> None:
    """Add an account with a role."""
    with writing(services.engine) as connection:
        values = {
            "email": email,
            "active": True,
            "fs_uniquifier": email,
            "create_datetime": services.clock.now(),
        }
        user = connection.execute(sa.insert(users).values(values).returning(users.c.id)).scalar_one()
        made = connection.execute(sa.insert(roles).values(name=role).returning(roles.c.id)).scalar_one()
        connection.execute(sa.insert(roles_users).values(user_id=user, role_id=made))


def shut_out(worker: StoreWorker, sandbox: Sandbox, **switches: Any) -> None:
    turn(sandbox, **switches)
    assert advance(worker, until=worker.services.clock.now() + timedelta(seconds=5)) is None


def letters(services: Services) -> list[dict[str, Any]]:
    path = services.settings.outbox / "messages.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def notices(services: Services) -> list[dict[str, Any]]:
    query = sa.select(audit.c.body).where(audit.c.action == "store.notice").order_by(audit.c.id)
    with services.engine.connect() as connection:
        return [json.loads(body) for body in connection.scalars(query)]


def test_the_owner_and_the_approvers_get_one_e_mail_an_outage(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    account(services, ANA.email, "approver")
    account(services, EVE.email, "viewer")
    with client_of(sandbox) as client:
        sync_profile(services.engine, client, store_id=1, now=services.clock.now())
    with services.engine.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
    wanted = sorted([ANA.email, store.email])
    for outage in (1, 2):
        shut_out(worker, sandbox, token_revoked=True)
        shut_out(worker, sandbox)
        told = letters(services)
        assert sorted(line["to"] for line in told) == sorted(wanted * outage)
        assert [address for notice in notices(services) for address in notice["told"]] == wanted * outage
        assert {line["subject"] for line in told} == {f"{store.name} no longer lets Tillroll in"}
        text = text_of(services, told[-1])
        assert f"({store.ecwid_id}) no longer lets Tillroll in." in text
        assert "ECWID_TOKEN" in text
        assert "On hold: 0 runs, 0 codes to make, 0 e-mails to send." in text
        reconnect(services.engine, store_id=1, actor=ANA.email, now=services.clock.now())
        worker.use_current_token(store)


def test_the_e_mail_about_a_plan_without_an_api_says_so(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    account(services, ANA.email, "admin")
    with client_of(sandbox) as client:
        sync_profile(services.engine, client, store_id=1, now=services.clock.now())
    shut_out(worker, sandbox, plan="free")
    assert {line["subject"].partition(" has no API")[2] for line in letters(services)} == {
        " in its plan, or is suspended"
    }


def test_an_e_mail_that_can_not_be_sent_yet_stops_nothing_and_leaves_later(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    account(services, ANA.email, "approver")
    services = replace(services, settings=replace(services.settings, mail_from="Shop <hello@shop.example>"))
    away = Smtp(SmtpServer.from_url("smtp://127.0.0.1:9"))
    worker.services = replace(services, transport=away)
    shut_out(worker, sandbox, token_revoked=True)
    assert notices(services) == []
    with services.engine.connect() as connection:
        assert [held.transport for held in list_holds(connection)] == [away.name]
    worker.services = services
    shut_out(worker, sandbox)
    assert [letter["to"] for letter in letters(services)] == [ANA.email]
    assert [notice["told"] for notice in notices(services)] == [[ANA.email]]


def test_every_notice_names_the_audits_head_of_its_moment(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    with client_of(sandbox) as client:
        sync_profile(services.engine, client, store_id=1, now=services.clock.now())
    with services.engine.connect() as connection:
        store = load_store(connection, worker.store_id)
    people = ShopPeople(services=services, store=store, rules=NoticeRules())
    with writing(services.engine) as connection:
        record(connection, at=services.clock.now(), actor="ana", action="x", subject="x", body={})
    with services.engine.connect() as connection:
        expected = head_of(connection)
    assert expected is not None
    notice = Notice(
        kind=NoticeKind.OUTAGE, topic="any", subject="A notice of any kind", paragraphs=("What happened.", "")
    )
    with writing(services.engine) as connection:
        addresses = [ANA.email, ANA.email]
        assert keep(connection, store.id, notice, addresses, services.clock.now()) == 1
    send_notices(people)
    (letter,) = letters(services)
    (named,) = re.findall(r"--head (\S+)", text_of(services, letter))
    assert parse_head(named) == expected
    with services.engine.connect() as connection:
        assert holds(connection, expected)
        assert head_of(connection) != expected, "that it was sent is a row of the audit"
