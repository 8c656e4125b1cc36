"""Connecting a store by its owner's click, and reconnecting a store that has revoked our access."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from tests.accounts import add_account
from tests.shop import ANA, NOW, SHOP
from tests.store import running, turn
from tests.web.site import PASSWORD, app_for, sign_in, token_on
from tillroll.clock import SystemClock
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import audit, events, stores
from tillroll.sandbox.serve import Sandbox
from tillroll.settings import Settings
from tillroll.track.webhooks.intake import sign

ADMIN = "admin@shop.example"


@pytest.fixture
def shop_next_door(tmp_path: Path) -> Iterator[Sandbox]:
    with running(tmp_path / "store", customers=5) as store:
        yield store


@pytest.fixture
def connected(ledger: Engine, tmp_path: Path, shop_next_door: Sandbox) -> Flask:
    """The app with the settings of its OAuth app, and with accounts for Ana and an admin."""
    ready = shop_next_door.ready
    settings = Settings(
        home=tmp_path,
        client_id=ready.client_id,
        client_secret=ready.client_secret,
        oauth_url=ready.base_url.removesuffix("/api/v3"),
        api_url=ready.base_url,
        public_url="https://tillroll.shop.example",
    )
    app = app_for(ledger, tmp_path, SystemClock(), settings=settings)
    add_account(ledger, email=ADMIN, password=PASSWORD, role_names=("admin",), now=NOW)
    return app


@pytest.fixture
def admin(connected: Flask) -> FlaskClient:
    client = connected.test_client()
    sign_in(client, ADMIN)
    return client


def allow(address: str, *, decision: str = "allow") -> dict[str, str]:
    """Decide on the requested scopes as the store's owner and return the query of the redirect back."""
    page = requests.get(address, timeout=60)
    assert page.status_code == 200
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', page.text))
    store = re.search(r'<option value="(\d+)"', page.text)
    form = {**fields, "decision": decision, "store_id": store[1] if store else "1003"}
    where = address.partition("?")[0]
    answer = requests.post(where, data=form, allow_redirects=False, timeout=60)
    assert answer.status_code in {302, 303}
    back = urlsplit(answer.headers["Location"])
    assert back.netloc == "tillroll.shop.example"
    assert back.path == "/oauth/callback"
    return {name: values[0] for name, values in parse_qs(back.query).items()}


def rows(ledger: Engine) -> list[sa.Row[tuple[object, ...]]]:
    with ledger.connect() as connection:
        return list(connection.execute(sa.select(stores)))


def come_back(admin: FlaskClient, query: dict[str, str]) -> TestResponse:
    return admin.get("/oauth/callback", query_string=query, follow_redirects=True)


def test_a_store_is_connected_by_its_owners_click(ledger: Engine, admin: FlaskClient, tmp_path: Path) -> None:
    query = allow(admin.get("/oauth/install").headers["Location"])
    page = come_back(admin, query)
    assert "Store 1003 is connected." in page.text
    (store,) = rows(ledger)
    assert store.state == "connected"
    assert "create_discount_coupons" in store.scopes
    assert "secret_" not in store.token
    again = come_back(admin, query)
    assert "Store 1003 is connected." not in again.text  # the code and the state are single-use


def test_a_refusal_by_the_owner_changes_nothing(ledger: Engine, admin: FlaskClient) -> None:
    query = allow(admin.get("/oauth/install").headers["Location"], decision="refuse")
    page = come_back(admin, query)
    assert "did not allow it" in page.text
    assert rows(ledger) == []


@pytest.mark.parametrize("state", ["", "guessed"])
def test_an_unexpected_oauth_callback_must_be_confirmed(
    ledger: Engine, admin: FlaskClient, state: str
) -> None:
    query = {**allow(admin.get("/oauth/install").headers["Location"]), "state": state}
    page = come_back(admin, query)
    assert "Connect store 1003?" in page.text
    assert rows(ledger) == []
    form = {"csrf_token": token_on(page), "store_id": "1003", "code": query["code"]}
    done = admin.post("/oauth/connect", data=form, follow_redirects=True)
    assert "Store 1003 is connected." in done.text


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"store_id": ""}, "The field store_id of the store's answer is missing."),
        ({"store_id": "9" * 200}, "The field store_id of the store's answer is not the number of a store."),
        ({"store_id": "²"}, "The field store_id of the store's answer is not the number of a store."),
        ({"code": ""}, "The field code of the store's answer is missing."),
        ({"code": "c" * 501}, "The field code of the store's answer has more than 500 characters."),
        ({"code": "c\x00"}, "The field code"),
    ],
)
def test_a_refused_field_of_the_stores_answer_is_named(
    ledger: Engine, admin: FlaskClient, changed: dict[str, str], told: str
) -> None:
    fields = {"store_id": "1003", "code": "c", **changed}
    form = {"csrf_token": token_on(come_back(admin, {"store_id": "1003", "code": "c"})), **fields}
    for answer in (come_back(admin, fields), admin.post("/oauth/connect", data=form)):
        assert (answer.status_code, told in unescape(answer.text)) == (400, True), answer.text
        assert "Nothing" in answer.text
    assert rows(ledger) == []


def test_missing_scopes_are_reported_at_once(ledger: Engine, admin: FlaskClient) -> None:
    address = admin.get("/oauth/install").headers["Location"]
    fewer = re.sub(r"create_discount_coupons\+?", "", address)
    page = come_back(admin, allow(fewer))
    assert "without create_discount_coupons" in page.text


def test_only_an_admin_can_connect_a_store(connected: Flask, ledger: Engine) -> None:
    ana = connected.test_client()
    sign_in(ana, ANA.email)
    for address in ("/oauth/install", "/oauth/callback?store_id=1003&code=x"):
        assert ana.get(address).status_code == 403
    assert rows(ledger) == []


def test_every_page_reports_lost_access_until_the_store_is_reconnected(
    ledger: Engine, admin: FlaskClient, shop_next_door: Sandbox
) -> None:
    come_back(admin, allow(admin.get("/oauth/install").headers["Location"]))
    with writing(ledger) as connection:
        shut = {"state": "disconnected", "reason": "Store 1003 refuses the token."}
        connection.execute(sa.update(stores).values(shut))
    for address in (f"{SHOP}/", f"{SHOP}/campaigns", f"{SHOP}/runs"):
        page = admin.get(address)
        assert "Tillroll has lost access to the store" in page.text
        assert "On hold:" in page.text
    turn(shop_next_door, token_revoked=True)
    form = {"csrf_token": token_on(admin.get(f"{SHOP}/"))}
    page = admin.post(f"{SHOP}/retry", data=form, follow_redirects=True)
    assert "Not yet" in page.text
    turn(shop_next_door, token_revoked=False)
    page = admin.post(f"{SHOP}/retry", data=form, follow_redirects=True)
    assert "Work continues where it stopped" in page.text
    assert "lost access" not in page.text
    with ledger.connect() as connection:
        actors = list(connection.scalars(sa.select(audit.c.actor).where(audit.c.action == "store.connected")))
    assert actors == [ADMIN, ADMIN]


def deliver(app: Flask, secret: str, **changed: object) -> TestResponse:
    created = int(SystemClock().now().timestamp())
    event = {
        "eventId": str(uuid.uuid4()),
        "eventCreated": created,
        "storeId": 1003,
        "entityId": 5,
        "eventType": "customer.updated",
        **changed,
    }
    headers = {"X-Ecwid-Webhook-Signature": sign(secret, created, str(event["eventId"]))}
    content = json.dumps(event)
    return app.test_client().post("/webhooks/ecwid?eventtype=customer.updated", data=content, headers=headers)


def test_a_webhook_is_stored_before_it_is_answered(
    ledger: Engine, connected: Flask, admin: FlaskClient, shop_next_door: Sandbox
) -> None:
    come_back(admin, allow(admin.get("/oauth/install").headers["Location"]))
    secret = shop_next_door.ready.client_secret
    assert deliver(connected, secret).status_code == 200
    assert deliver(connected, secret, eventId="same").status_code == 200
    assert deliver(connected, secret, eventId="same").status_code == 200
    assert deliver(connected, "another secret").status_code == 403
    assert connected.test_client().post("/webhooks/ecwid", data=b"rubbish").status_code == 400
    assert connected.test_client().post("/webhooks/ecwid", data=b"x" * 70_000).status_code == 413
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(events)) == 2
    assert rows(ledger)[0].webhook_at is not None


def test_no_webhook_is_accepted_without_a_client_secret(app: Flask, ledger: Engine, store_id: int) -> None:
    assert deliver(app, "").status_code == 503
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(events)) == 0
