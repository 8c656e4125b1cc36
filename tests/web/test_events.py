"""Custom events of other software: signed, limited in size, stored once, and distinct from the store's webhooks."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from tests.clocks import FakeClock
from tests.flows.events import all_runs, campaign, entered, person, shop_with
from tests.shop import NOW, SHOP
from tillroll.campaign.digest import sign
from tillroll.errors import NotAllowed, Refused
from tillroll.flows.enroll import enroll
from tillroll.flows.steps import take_steps
from tillroll.ledger.tables import events
from tillroll.plan.make import make_plan
from tillroll.track.webhooks import intake
from tillroll.track.webhooks.custom import TOLERANCE, read_custom, secret_of
from tillroll.web.support import request_context

MOMENT = int(NOW.timestamp())
QUIZ = {"id": "q-1", "email": "customer1@example.com", "data": {"score": 9, "name": "مرحبا 🎉"}}


def secret(app: Flask, ecwid_id: int = 1003) -> str:
    with app.app_context():
        return secret_of(request_context.services().keys[0], ecwid_id)


def post(
    app: Flask, body: Any, *, key: str = "", at: int = MOMENT, to: str = "/events/1003/quiz", **headers: str
) -> TestResponse:
    """Post an event, signed as its sender would sign it."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = sign(key or secret(app), at, content)
    return app.test_client().post(to, data=content, headers={"X-Tillroll-Signature": signature, **headers})


def kept(engine: Engine) -> list[sa.Row[Any]]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(events).order_by(events.c.id)))


@pytest.fixture
def shop(ledger: Engine) -> int:
    return shop_with(ledger, person(1), quiz=campaign("{custom: {event: quiz}}"))


def test_a_signed_event_is_stored_once_and_enrols_its_customer(app: Flask, ledger: Engine, shop: int) -> None:
    answers = [post(app, QUIZ) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert [answer.json and answer.json["status"] for answer in answers] == ["taken in", "known already"]
    (row,) = kept(ledger)
    assert (row.kind, row.entity, row.happened_at) == ("custom.quiz", "q-1", NOW)
    enroll(ledger, store_id=shop, now=NOW)
    (entry,) = entered(ledger)
    assert (entry.key, entry.customer_id, entry.facts) == ("event q-1", 1, {"event": QUIZ["data"]})


def test_the_same_id_under_another_name_is_a_different_event(app: Flask, ledger: Engine, shop: int) -> None:
    post(app, QUIZ)
    assert post(app, QUIZ, to="/events/1003/other").json == {"status": "taken in"}
    assert len(kept(ledger)) == 2


def test_an_event_may_give_a_customer_number_and_a_time(app: Flask, ledger: Engine, shop: int) -> None:
    at = NOW - timedelta(hours=3)
    assert post(app, {"id": "q", "customer_id": 1, "at": at.isoformat()}).status_code == 202
    enroll(ledger, store_id=shop, now=NOW)
    (entry,) = entered(ledger)
    assert (entry.customer_id, entry.happened_at) == (1, at)


def test_an_event_without_a_signature_by_the_stores_secret_is_refused(
    app: Flask, ledger: Engine, shop: int
) -> None:
    content = json.dumps(QUIZ).encode()
    good = sign(secret(app), MOMENT, content)
    of_another = sign(secret(app, 1004), MOMENT, content)
    for signature in ("", "v1=ab", f"t={MOMENT}", of_another, good.replace("v1=", "v1=0"), f"{good},t=1"):
        headers = {"X-Tillroll-Signature": signature}
        assert app.test_client().post("/events/1003/quiz", data=content, headers=headers).status_code == 403
    changed = content.replace(b"9", b"8")
    headers = {"X-Tillroll-Signature": good}
    assert app.test_client().post("/events/1003/quiz", data=changed, headers=headers).status_code == 403
    assert kept(ledger) == []


def test_an_old_delivery_cannot_be_replayed(app: Flask, ledger: Engine, shop: int, clock: FakeClock) -> None:
    clock.at = NOW + TOLERANCE
    assert post(app, QUIZ).status_code == 202
    clock.at = NOW + TOLERANCE + timedelta(seconds=1)
    assert post(app, QUIZ).status_code == 403
    clock.at = NOW
    assert post(app, QUIZ, at=MOMENT + 301).status_code == 403


def test_one_of_several_signatures_is_enough_while_a_secret_is_changed(app: Flask, shop: int) -> None:
    content = json.dumps(QUIZ).encode()
    old, new = sign("old", MOMENT, content), sign(secret(app), MOMENT, content)
    headers = {"X-Tillroll-Signature": f"{old}, {new.partition(',')[2]}"}
    assert app.test_client().post("/events/1003/quiz", data=content, headers=headers).status_code == 202


def _nested(depth: int) -> dict[str, Any]:
    return {"a": _nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    "body",
    [
        b"rubbish",
        b"[]",
        b"[" * 5_000,
        b'{"id": "q", "customer_id": 1, "data": {"x": NaN}}',
        b'{"id": "q", "customer_id": 1, "data": {"x": 1e999}}',
        b'{"id": "q", "customer_id": 1, "data": {"x": "\\ud800"}}',
        b'{"id": "q", "customer_id": 1, "data": {"x\\u0000": 1}}',
        {"email": "a@example.com"},
        {"id": "q"},
        {"id": "", "customer_id": 1},
        {"id": "q\x00", "customer_id": 1},
        {"id": "q\ud800", "customer_id": 1},
        {"id": "q" * 201, "customer_id": 1},
        {"id": 7, "customer_id": 1},
        {"id": "q", "customer_id": 1, "email": "a@example.com"},
        {"id": "q", "email": "nobody"},
        {"id": "q", "customer_id": "one"},
        {"id": "q", "customer_id": 2**63},
        {"id": "q", "customer_id": 1, "at": "2026-11-23 09:00"},
        {"id": "q", "customer_id": 1, "at": "2026-11-23T10:00:00Z"},
        {"id": "q", "customer_id": 1, "at": "2026-10-01T10:00:00Z"},
        {"id": "q", "customer_id": 1, "data": []},
        {"id": "q", "customer_id": 1, "data": _nested(6)},
        {"id": "q", "customer_id": 1, "data": {"many": [0] * 300}},
        {"id": "q", "customer_id": 1, "data": {"long": "x" * 2_001}},
        {"id": "q", "customer_id": 1, "more": 1},
    ],
)
def test_an_invalid_event_is_refused_with_the_reason(
    app: Flask, ledger: Engine, shop: int, body: Any
) -> None:
    answer = post(app, body)
    assert (answer.status_code, kept(ledger)) == (400, [])
    assert answer.json
    assert answer.json["status"]


def test_other_refusals_have_their_own_status_codes(app: Flask, ledger: Engine, shop: int) -> None:
    assert post(app, QUIZ, to="/events/9/quiz", key=secret(app, 9)).status_code == 404
    assert post(app, QUIZ, to="/events/1003/Quiz").status_code == 400
    assert post(app, b"x" * 20_000).status_code == 413
    assert kept(ledger) == []


def test_the_signature_matches_that_of_openssl() -> None:
    # printf '1795424400.{"id": "q-1", "customer_id": 1}' | openssl dgst -sha256 -hmac trwh_00 -hex
    signature = sign("trwh_00", 1795424400, b'{"id": "q-1", "customer_id": 1}')
    assert signature == "t=1795424400,v1=4dd526dab05376c9aac1001c03c7fc23f11fcc1710d34caa18819f9b84d77f84"


def test_a_webhook_of_the_store_is_not_accepted_as_a_custom_event() -> None:
    event = {"eventId": "1", "eventCreated": MOMENT, "storeId": 1003, "eventType": "custom.quiz"}
    signature = intake.sign("s", MOMENT, "1")
    with pytest.raises(Refused):
        intake.read_event(json.dumps(event).encode(), signature=signature, client_secret="s", now=NOW)


@given(st.binary(max_size=300), st.text(max_size=100))
def test_arbitrary_content_is_refused_with_a_proper_error(content: bytes, signature: str) -> None:
    with pytest.raises(NotAllowed):
        read_custom(content, name="quiz", signature=signature, secrets=["s"], now=NOW)
    with pytest.raises(Refused):
        read_custom(content, name="quiz", signature=sign("s", MOMENT, content), secrets=["s"], now=NOW)


def test_an_event_needs_no_session(stranger: FlaskClient) -> None:
    assert stranger.post("/events/1003/quiz", data=b"{}").status_code == 403


def test_the_pages_show_an_event_campaign_and_its_run(
    app: Flask, ana: FlaskClient, ledger: Engine, shop: int
) -> None:
    post(app, QUIZ)
    enroll(ledger, store_id=shop, now=NOW)
    page = ana.get(f"{SHOP}/campaigns").text
    assert "when the event quiz is received; 1 customer waiting for the next step" in page
    take_steps(ledger, store_id=shop, now=NOW)
    (run,) = all_runs(ledger)
    make_plan(ledger, run_id=run.id, now=NOW, per_minute=600)
    assert "The event quiz was received" in ana.get(f"{SHOP}/runs/{run.id}").text
    assert ana.get(f"{SHOP}/").status_code == ana.get(f"{SHOP}/runs").status_code == 200
    assert "waiting for the next step" not in ana.get(f"{SHOP}/campaigns").text
