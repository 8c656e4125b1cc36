"""Sessions are rows that can be ended: a copied cookie, an old one and a token are worth nothing afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.shop import ANA, NOW
from tests.web.site import PASSWORD, sign_in, token_on
from tillroll.ledger.tables import sessions
from tillroll.web.accounts import users


def cookie_of(client: FlaskClient) -> str:
    """Return the value of the client's session cookie."""
    cookie = client.get_cookie("tillroll")
    assert cookie is not None
    return cookie.value


def with_cookie(app: Flask, value: str) -> FlaskClient:
    """Return another browser with a copied cookie."""
    client = app.test_client()
    client.set_cookie("tillroll", value)
    return client


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/").status_code == 200


def sign_out(client: FlaskClient) -> None:
    answer = client.post("/logout", data={"csrf_token": token_on(client.get("/"))})
    assert answer.status_code == 302


def rows(ledger: Engine) -> list[dict[str, Any]]:
    with ledger.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.select(sessions).order_by(sessions.c.id))]


def test_the_cookie_holds_a_random_id_and_the_ledger_only_its_hash(ledger: Engine, ana: FlaskClient) -> None:
    value = cookie_of(ana)
    assert len(value) == 43  # 256 bits
    (row,) = rows(ledger)
    assert row["digest"] == sha256(value.encode()).hexdigest()
    assert all(value not in str(column) for column in row.values())
    assert "csrf_token" not in row["data"]  # sealed


def test_a_copied_cookie_ends_with_the_session(app: Flask, ana: FlaskClient, ledger: Engine) -> None:
    copy = with_cookie(app, cookie_of(ana))
    assert is_signed_in(copy)
    sign_out(ana)
    assert not is_signed_in(copy)
    assert rows(ledger) == []


def test_a_session_is_not_renewed_for_ever(app: Flask, ana: FlaskClient, clock: FakeClock) -> None:
    for _ in range(11):
        clock.at += timedelta(hours=1, minutes=5)
        assert is_signed_in(ana)
    clock.at += timedelta(minutes=5)
    assert not is_signed_in(ana)


def test_a_session_without_use_ends(ana: FlaskClient, clock: FakeClock) -> None:
    clock.at += timedelta(hours=1, minutes=59)
    assert is_signed_in(ana)
    clock.at += timedelta(hours=2)
    assert not is_signed_in(ana)


def test_an_open_page_that_asks_by_itself_is_no_use(ana: FlaskClient, clock: FakeClock) -> None:
    for _ in range(4):
        clock.at += timedelta(minutes=31)
        ana.get("/runs", headers={"HX-Request": "true"})
    assert not is_signed_in(ana)


def test_a_sign_in_gives_another_id_and_another_secret_for_forms(
    app: Flask, stranger: FlaskClient, ledger: Engine
) -> None:
    """An id or a secret that an attacker planted before is worth nothing after."""
    token = token_on(stranger.get("/login"))
    planted = cookie_of(stranger)
    stranger.post("/login", data={"csrf_token": token, "email": ANA.email, "password": PASSWORD})
    assert cookie_of(stranger) != planted
    assert not is_signed_in(with_cookie(app, planted))
    answer = stranger.post("/logout", data={"csrf_token": token})
    assert answer.status_code == 400
    assert is_signed_in(stranger)


def test_signing_in_again_ends_the_session_before(app: Flask, ana: FlaskClient, ledger: Engine) -> None:
    first = cookie_of(ana)
    sign_out(ana)
    sign_in(ana)
    assert cookie_of(ana) != first
    assert not is_signed_in(with_cookie(app, first))
    assert len(rows(ledger)) == 1


def test_a_stranger_writes_nothing_to_the_ledger(stranger: FlaskClient, ledger: Engine) -> None:
    for path in ("/login", "/", "/runs", "/healthz", "/nowhere"):
        stranger.get(path)
    assert rows(ledger) == []


def test_a_whole_session_in_a_signed_cookie_signs_nobody_in(app: Flask, ana: FlaskClient) -> None:
    """Earlier versions kept sessions in such cookies, which nothing could end."""
    with ana.session_transaction() as session:
        values = dict(session)
    assert values["_user_id"]
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None
    assert not is_signed_in(with_cookie(app, str(signer.dumps(values))))


@pytest.mark.parametrize("value", ["", "x", "A" * 43, "é" * 43, "a.b.c", "." * 43, "\x00" * 43, "9" * 4000])
def test_a_made_up_cookie_signs_nobody_in(app: Flask, value: str) -> None:
    answer = with_cookie(app, value).get("/")
    assert answer.status_code == 302


ENDINGS: dict[str, Callable[[Engine], object]] = {
    "password": lambda ledger: users.set_password(
        ledger, email=ANA.email, password="another long password", now=NOW
    ),
    "close": lambda ledger: users.close_account(ledger, email=ANA.email, now=NOW),
    "role": lambda ledger: users.set_roles(ledger, email=ANA.email, role_names=("viewer",), now=NOW),
    "sessions": lambda ledger: users.sign_out_everywhere(ledger, email=ANA.email, now=NOW),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_taken_from_an_account_ends_its_sessions(
    app: Flask, ana: FlaskClient, ledger: Engine, ending: str
) -> None:
    other = app.test_client()
    sign_in(other)
    ENDINGS[ending](ledger)
    assert not is_signed_in(ana)
    assert not is_signed_in(other)
    assert rows(ledger) == []


def test_sessions_that_have_ended_are_swept(
    app: Flask, ana: FlaskClient, ledger: Engine, clock: FakeClock
) -> None:
    clock.at += timedelta(hours=13)
    sign_in(app.test_client())
    assert len(rows(ledger)) == 1


def test_no_token_is_handed_out(stranger: FlaskClient) -> None:
    token = token_on(stranger.get("/login"))
    fields = {"csrf_token": token, "email": ANA.email, "password": PASSWORD}
    address = "/login?include_auth_token"
    for_json = stranger.post(address, json=fields, headers={"X-CSRFToken": token})
    assert for_json.status_code == 415
    answer = stranger.post(address, data=fields, headers={"Accept": "application/json"})
    assert answer.status_code == 302
    assert "authentication_token" not in for_json.text + answer.text


def test_no_token_is_taken(app: Flask) -> None:
    with app.test_request_context():
        security = app.extensions["security"]
        account = security.datastore.find_user(email=ANA.email)
        token = account.get_auth_token()
    client = app.test_client()
    assert client.get("/", headers={"Authentication-Token": token}).status_code == 302
    assert client.get("/", query_string={"auth_token": token}).status_code == 302
    assert client.get("/", json={"auth_token": token}).status_code == 415


def test_no_second_cookie_remembers_anybody(app: Flask, stranger: FlaskClient) -> None:
    fields = {"csrf_token": token_on(stranger.get("/login")), "email": ANA.email, "password": PASSWORD}
    answer = stranger.post("/login", data={**fields, "remember": "y"})
    assert [line.partition("=")[0] for line in answer.headers.getlist("Set-Cookie")] == ["tillroll"]
