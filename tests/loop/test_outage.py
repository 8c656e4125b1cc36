"""A store that shuts us out is told to people by e-mail, once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from tests.journeys.steps import text_of
from tests.shop import ANA, EVE
from tests.store import client_of, turn
from tillroll.clock import SystemClock
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import audit, roles, roles_users, stores, users
from tillroll.loop.advance import Lane, advance
from tillroll.sandbox.serve import Sandbox
from tillroll.send.smtp import Server, Smtp
from tillroll.track.connect import reconnect
from tillroll.track.sync import sync_profile
from tillroll.wiring import Services


def account(services: Services, email: str, role: str) -> None:
    """Somebody with a role, who never signs in."""
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


def shut_out(lane: Lane, sandbox: Sandbox, **switches: Any) -> None:
    turn(sandbox, **switches)
    assert advance(lane, until=lane.services.clock.now() + timedelta(seconds=5)) is None


def letters(services: Services) -> list[dict[str, Any]]:
    path = services.settings.outbox / "messages.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def notices(services: Services) -> list[dict[str, Any]]:
    query = sa.select(audit.c.body).where(audit.c.action == "store.notice").order_by(audit.c.id)
    with services.engine.connect() as connection:
        return [json.loads(body) for body in connection.scalars(query)]


def test_the_owner_and_the_approvers_are_told_once_an_outage(
    lane: Lane, services: Services, sandbox: Sandbox
) -> None:
    account(services, ANA.email, "approver")
    account(services, EVE.email, "viewer")
    with client_of(sandbox) as client:
        sync_profile(services.engine, client, store_id=1, now=services.clock.now())
    with services.engine.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
    wanted = sorted([ANA.email, store.email])
    for outage in (1, 2):
        shut_out(lane, sandbox, token_revoked=True)
        shut_out(lane, sandbox)
        told = letters(services)
        assert sorted(line["to"] for line in told) == sorted(wanted * outage)
        assert [one["told"] for one in notices(services)] == [wanted] * outage
        assert {line["subject"] for line in told} == {f"{store.name} no longer lets Tillroll in"}
        text = text_of(services, told[-1])
        assert f"({store.ecwid_id}) no longer lets Tillroll in." in text
        assert "ECWID_TOKEN" in text
        assert "On hold: 0 runs, 0 codes to make, 0 e-mails to send." in text
        reconnect(services.engine, store_id=1, actor=ANA.email, now=services.clock.now())
        lane.follow(store)


def test_a_plan_without_an_api_has_words_of_its_own(lane: Lane, services: Services, sandbox: Sandbox) -> None:
    account(services, ANA.email, "admin")
    with client_of(sandbox) as client:
        sync_profile(services.engine, client, store_id=1, now=services.clock.now())
    shut_out(lane, sandbox, plan="free")
    assert {line["subject"].partition(" has no API")[2] for line in letters(services)} == {
        " in its plan, or is suspended"
    }


def test_a_notice_that_can_not_leave_stops_nothing_and_is_told(
    lane: Lane, services: Services, sandbox: Sandbox
) -> None:
    account(services, ANA.email, "approver")
    nowhere = Smtp(Server.from_url("smtp://127.0.0.1:9"))
    lane.services = Services(
        settings=services.settings,
        engine=services.engine,
        clock=SystemClock(),
        sealer=services.sealer,
        keys=services.keys,
        transport=nowhere,
    )
    shut_out(lane, sandbox, token_revoked=True)
    (said,) = notices(services)
    assert said["told"] == []
    assert "can" in said["not_told"][ANA.email]
