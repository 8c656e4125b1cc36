"""Passkeys as a second factor: whose they prove, how often an answer is good, and who may add or remove one."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from tests.accounts import add_account
from tests.clocks import FakeClock
from tests.security.soft_passkey import SoftPasskey, answer_path, options_on
from tests.security.test_second_factor import is_signed_in, post, recovery_codes, set_up
from tests.shop import ANA, EVE, NOW
from tests.web.site import PASSWORD, app_for, sign_in, token_on
from tillroll.errors import NotAllowed
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.tables import audit, passkeys
from tillroll.settings import REQUIRED, Settings
from tillroll.web.accounts.proof import check_code, check_password, has_second_factor
from tillroll.web.accounts.users import remove_second_factor


@pytest.fixture
def eve(app: Flask, ledger: Engine) -> FlaskClient:
    """A viewer, signed in."""
    add_account(ledger, email=EVE.email, password=PASSWORD, role_names=("viewer",), now=NOW)
    client = app.test_client()
    sign_in(client, EVE.email)
    return client


def ask_new(client: FlaskClient, name: str = "My phone") -> TestResponse:
    """Begin to add a passkey, and return the page that asks the browser for it."""
    return post(client, "/wan-register", name=name)


def answer(client: FlaskClient, page: TestResponse, credential: str) -> TestResponse:
    fields = {"csrf_token": token_on(page), "credential": credential}
    return client.post(answer_path(page.text), data=fields)


def add_passkey(client: FlaskClient, name: str = "My phone", *, counts: bool = False) -> SoftPasskey:
    page, passkey = ask_new(client, name), SoftPasskey(counts=counts)
    done = answer(client, page, passkey.register(options_on(page.text)))
    assert done.location == "/account", done.text
    return passkey


def give_password(app: Flask, email: str = ANA.email) -> FlaskClient:
    """Return a browser that awaits a passkey."""
    client = app.test_client()
    assert sign_in(client, email).location.startswith("/wan-signin")
    assert not is_signed_in(client)
    return client


def ask(client: FlaskClient) -> TestResponse:
    """Return the page that asks the browser for a passkey."""
    return post(client, "/wan-signin")


def names(ledger: Engine) -> list[str]:
    with ledger.connect() as connection:
        return list(connection.scalars(sa.select(passkeys.c.name).order_by(passkeys.c.id)))


def test_signing_in_takes_the_password_and_the_passkey(app: Flask, ana: FlaskClient) -> None:
    passkey, client = add_passkey(ana), give_password(app)
    page = ask(client)
    assert options_on(page.text)["allowCredentials"], (
        "a key that keeps no list of its own is asked for by its id"
    )
    assert answer(client, page, passkey.use(options_on(page.text))).location == "/"
    assert is_signed_in(client)


def test_somebody_elses_passkey_proves_nothing(app: Flask, ana: FlaskClient, eve: FlaskClient) -> None:
    """Whoever stole Ana's key would otherwise be Ana by knowing anybody's password."""
    anas, _ = add_passkey(ana), add_passkey(eve, "Another phone")
    client = give_password(app, EVE.email)
    page = ask(client)
    assert answer(client, page, anas.use(options_on(page.text))).location == "/wan-signin"
    assert "not one of this account" in client.get("/wan-signin").text
    assert not is_signed_in(client)


def test_an_answer_is_good_once_and_only_where_it_was_asked_for(app: Flask, ana: FlaskClient) -> None:
    passkey, first, second = add_passkey(ana), give_password(app), give_password(app)
    page = ask(first)
    stolen = passkey.use(options_on(page.text))
    other = ask(second)
    elsewhere = {"csrf_token": token_on(other), "credential": stolen}
    for path in (answer_path(page.text), answer_path(other.text), "/wan-signin/made-up"):
        assert second.post(path, data=elsewhere).location == "/wan-signin"
        assert not is_signed_in(second)
    assert answer(first, page, stolen).location == "/"
    again = give_password(app)
    fields = {"csrf_token": token_on(ask(again)), "credential": stolen}
    assert again.post(answer_path(page.text), data=fields).location == "/wan-signin"
    assert not is_signed_in(again)


def test_an_answer_that_comes_late_is_refused(app: Flask, ana: FlaskClient, clock: FakeClock) -> None:
    passkey, client = add_passkey(ana), give_password(app)
    page = ask(client)
    clock.at += timedelta(minutes=2)
    assert answer(client, page, passkey.use(options_on(page.text))).location == "/wan-signin"
    assert "took too long" in client.get("/wan-signin").text
    assert not is_signed_in(client)


def test_a_wrong_answer_is_refused(app: Flask, ana: FlaskClient) -> None:
    wrongs = ({"origin": "https://evil.example"}, {"challenge": "AAAA"}, {"type": "webauthn.other"})
    for wrong in wrongs:
        page = ask_new(ana, "Forged")
        forged = SoftPasskey().register(options_on(page.text), **wrong)
        assert answer(ana, page, forged).location != "/account", wrong
    passkey, client = add_passkey(ana), give_password(app)
    for wrong in wrongs:
        page = ask(client)
        assert answer(client, page, passkey.use(options_on(page.text), **wrong)).location == "/wan-signin"
    assert answer(client, page, passkey.use(options_on(page.text))).location == "/wan-signin", (
        "it was asked once"
    )
    assert not is_signed_in(client)


def test_a_key_that_was_never_registered_or_is_for_another_site_is_refused(
    app: Flask, ana: FlaskClient
) -> None:
    passkey, client = add_passkey(ana), give_password(app)
    copy = SoftPasskey()
    copy.id = passkey.id
    for other in (SoftPasskey(), copy):
        page = ask(client)
        assert answer(client, page, other.use(options_on(page.text))).location == "/wan-signin"
    passkey.host = "evil.example"
    page = ask(client)
    assert (
        answer(client, page, passkey.use(options_on(page.text), origin="http://localhost")).status_code == 302
    )
    assert not is_signed_in(client)


@pytest.mark.slow
def test_a_copied_key_shows_by_its_count(app: Flask, ana: FlaskClient) -> None:
    passkey = add_passkey(ana, counts=True)
    for count, location in ((4, "/"), (4, "/wan-signin"), (2, "/wan-signin"), (5, "/")):
        client, passkey.count = give_password(app), count
        page = ask(client)
        assert answer(client, page, passkey.use(options_on(page.text))).location == location
        passkey.count = 0


ODD = ("", "{}", "[]", "[1]", "7", "null", '"x"', "\x00", "é" * 100, "[" * 5_000, '{"id": 1, "rawId": 2}')


@pytest.mark.slow
def test_odd_text_for_an_answer_is_a_wrong_answer(app: Flask, ana: FlaskClient) -> None:
    passkey, client = add_passkey(ana), give_password(app)
    page = ask(client)
    fields = {"csrf_token": token_on(page)}
    right = json.loads(passkey.use(options_on(page.text)))
    for odd in ODD:
        broken = [{**right, "response": {**right["response"], name: odd}} for name in right["response"]]
        for credential in (odd, *map(json.dumps, ({**right, "id": odd}, {**right, "rawId": odd}, *broken))):
            path = answer_path(ask(client).text)
            refused = client.post(path, data={**fields, "credential": credential})
            assert refused.status_code in {302, 400}, credential
        assert answer(ana, ask_new(ana, "Odd"), odd).status_code in {302, 400}
    assert not is_signed_in(client)


def test_without_the_password_there_is_no_passkey_page(
    app: Flask, stranger: FlaskClient, ana: FlaskClient
) -> None:
    add_passkey(ana)
    for path in ("/wan-signin", "/wan-signin/x", "/tf-select", "/wan-register", "/wan-delete"):
        assert stranger.get(path).status_code in {302, 405}
        token = token_on(stranger.get("/login"))
        refused = stranger.post(path, data={"csrf_token": token, "credential": "{}", "which": "webauthn"})
        assert refused.location.startswith("/login"), path
    for path in ("/wan-verify", "/wan-verify/x"):
        assert ana.get(path).status_code == 404
    for path in ("/wan-signin", "/tf-select"):
        assert ana.get(path).location == "/"
    assert is_signed_in(ana)


def test_passkeys_change_only_soon_after_the_password(app: Flask, ana: FlaskClient, ledger: Engine) -> None:
    add_passkey(ana)
    token = token_on(ana.get("/wan-register"))
    with ana.session_transaction() as session:
        session["fs_paa"] -= 3600
    assert ana.get("/wan-register").location.startswith("/verify")
    for path in ("/wan-register", "/wan-delete"):
        refused = ana.post(path, data={"csrf_token": token, "name": "My phone"})
        assert refused.location.startswith("/verify")
    assert names(ledger) == ["My phone"]
    post(ana, "/verify", password=PASSWORD)
    assert ana.get("/wan-register").status_code == 200


def test_adding_and_removing_one_ends_the_other_sessions_and_is_recorded(
    app: Flask, ana: FlaskClient, ledger: Engine
) -> None:
    other = app.test_client()
    sign_in(other)
    add_passkey(ana)
    assert is_signed_in(ana)
    assert not is_signed_in(other)
    assert "is removed" in ana.get(post(ana, "/wan-delete", "/wan-register", name="My phone").location).text
    assert names(ledger) == []
    assert sign_in(app.test_client()).location == "/"
    with ledger.connect() as connection:
        query = sa.select(audit.c.actor, audit.c.way).where(audit.c.action == "user.second-factor")
        assert [tuple(row) for row in connection.execute(query)] == [(ANA.email, "page")] * 2
        assert first_broken_row(connection) is None


def test_one_removes_only_ones_own(ana: FlaskClient, eve: FlaskClient, ledger: Engine) -> None:
    add_passkey(ana)
    post(eve, "/wan-delete", "/wan-register", name="My phone")
    assert names(ledger) == ["My phone"]


@pytest.mark.slow
def test_a_name_that_cannot_be_shown_is_refused(ana: FlaskClient, ledger: Engine) -> None:
    for name in ("", " ", "x" * 65, "a\x00b", "a\x1b[31m", "<b>x</b>", "a\u202eb"):
        assert "data-options" not in ask_new(ana, name).text, ascii(name)
    assert names(ledger) == []


@pytest.mark.slow
def test_a_name_is_used_once_and_there_are_ten_at_most(ana: FlaskClient, ledger: Engine) -> None:
    for number in range(10):
        add_passkey(ana, f"Key {number}")
    assert "You have 10 passkeys" in ask_new(ana, "Key 10").text
    post(ana, "/wan-delete", "/wan-register", name="Key 3")
    assert "You have a passkey of this name" in ask_new(ana, "Key 4").text
    assert len(names(ledger)) == 9


def test_who_has_both_chooses(app: Flask, ana: FlaskClient, clock: FakeClock) -> None:
    set_up(ana, clock)
    passkey, client = add_passkey(ana), app.test_client()
    assert sign_in(client).location.startswith("/tf-select")
    assert not is_signed_in(client)
    assert post(client, "/tf-select", which="authenticator").location.startswith("/tf-validate")
    assert sign_in(client).location.startswith("/tf-select")
    assert post(client, "/tf-select", which="nothing").location == "/login"
    sign_in(client)
    assert post(client, "/tf-select", which="webauthn").location.startswith("/wan-signin")
    page = ask(client)
    assert answer(client, page, passkey.use(options_on(page.text))).location == "/"


def test_recovery_codes_and_a_command_help_when_it_is_lost(
    app: Flask, ana: FlaskClient, ledger: Engine
) -> None:
    add_passkey(ana)
    code, *_ = recovery_codes(ana)
    client = give_password(app)
    assert post(client, "/mf-recovery", code=code).location == "/"
    remove_second_factor(ledger, email=ANA.email, now=NOW)
    assert names(ledger) == []
    assert sign_in(app.test_client()).location == "/"


def test_where_a_second_factor_is_required_a_passkey_is_one(
    ledger: Engine, tmp_path: Path, clock: FakeClock
) -> None:
    strict = app_for(ledger, tmp_path, clock, settings=Settings(home=tmp_path, second_factor=REQUIRED))
    ana = strict.test_client()
    sign_in(ana)
    assert ana.get("/runs").location == "/account"
    add_passkey(ana)
    assert ana.get("/runs").location != "/account"
    post(ana, "/wan-delete", "/wan-register", name="My phone")
    assert names(ledger) == ["My phone"]
    assert "this is your last one" in ana.get("/wan-register").text
    set_up(ana, clock)
    post(ana, "/tf-setup", setup="disable")
    set_up(ana, clock)
    post(ana, "/wan-delete", "/wan-register", name="My phone")
    assert names(ledger) == []


def test_a_terminal_takes_a_recovery_code_of_who_has_only_a_passkey(
    app: Flask, ana: FlaskClient, clock: FakeClock
) -> None:
    add_passkey(ana)
    services, now = app.extensions["tillroll"], clock.now()
    account = check_password(services, email=ANA.email, password=PASSWORD, now=now)
    assert has_second_factor(services.engine, account), "so that the command asks for a code"
    with pytest.raises(NotAllowed, match="not right"):
        check_code(services, account=account, code="000000", now=now)
    code, *_ = recovery_codes(ana)
    check_code(services, account=account, code=code, now=now)
    with pytest.raises(NotAllowed, match="good once"):
        check_code(services, account=account, code=code, now=now)


def test_passkeys_are_for_the_address_of_the_settings(
    ledger: Engine, tmp_path: Path, clock: FakeClock
) -> None:
    own = Settings(home=tmp_path, public_url="https://promo.shop.example")
    client = app_for(ledger, tmp_path, clock, settings=own).test_client()
    sign_in(client)
    page = ask_new(client)
    answer(client, page, SoftPasskey().register(options_on(page.text)))
    assert names(ledger) == []
