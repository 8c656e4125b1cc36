"""The second factor: codes by RFC 6238, each good once; recovery codes; and an installation that requires one."""

from __future__ import annotations

import base64
import hmac
import re
import struct
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from tests.accounts import add_account
from tests.clocks import FakeClock
from tests.shop import ANA, NOW
from tests.web.site import PASSWORD, app_for, open_shop, plan_run, sign_in, token_on
from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.tables import audit, users
from tillroll.settings import REQUIRED, Settings
from tillroll.web.accounts.proof import check_code, check_password
from tillroll.web.accounts.users import remove_second_factor


def code_at(secret: str, clock: FakeClock, *, periods: int = 0) -> str:
    """Return the code of RFC 6238 that an app shows now, or some periods of half a minute later."""
    counter = int(clock.now().timestamp()) // 30 + periods
    key = base64.b32decode(secret.replace("-", "").replace(" ", ""))
    digest = hmac.digest(key, struct.pack(">Q", counter), "sha1")
    offset = digest[-1] & 0xF
    (number,) = struct.unpack(">I", digest[offset : offset + 4])
    return f"{(number & 0x7FFFFFFF) % 10**6:06}"


def post(client: FlaskClient, path: str, page: str | None = None, **fields: str) -> TestResponse:
    """Submit a form of a page."""
    token = token_on(client.get(page or path))
    return client.post(path, data={"csrf_token": token, **fields})


def set_up(client: FlaskClient, clock: FakeClock) -> str:
    """Set up an authenticator app, and return its secret."""
    page = post(client, "/tf-setup", setup="authenticator")
    secret = re.search(r'<code class="secret">([^<]+)', page.text)
    assert secret is not None, page.text
    done = client.post("/tf-validate", data={"csrf_token": token_on(page), "code": code_at(secret[1], clock)})
    assert done.location == "/account", done.text
    return secret[1]


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200


def give_password(app: Flask) -> FlaskClient:
    """Return a browser that awaits the second factor."""
    client = app.test_client()
    assert sign_in(client).location.startswith("/tf-validate")
    assert not is_signed_in(client)
    return client


def row_of(ledger: Engine) -> Any:
    with ledger.connect() as connection:
        return connection.execute(sa.select(users).where(users.c.email == ANA.email)).one()


def test_signing_in_takes_the_password_and_a_code(app: Flask, ana: FlaskClient, clock: FakeClock) -> None:
    secret = set_up(ana, clock)
    clock.at += timedelta(minutes=1)
    client = give_password(app)
    assert client.get("/").status_code == 302
    assert "not right" in post(client, "/tf-validate", code="000000").text
    assert not is_signed_in(client)
    assert post(client, "/tf-validate", code=code_at(secret, clock)).location == "/"
    assert is_signed_in(client)


def test_a_code_is_good_once(app: Flask, ana: FlaskClient, clock: FakeClock) -> None:
    secret = set_up(ana, clock)
    first = code_at(secret, clock)
    assert "not right" in post(give_password(app), "/tf-validate", code=first).text
    clock.at += timedelta(minutes=1)
    used = code_at(secret, clock)
    assert post(give_password(app), "/tf-validate", code=used).location == "/"
    assert "not right" in post(give_password(app), "/tf-validate", code=used).text
    assert (
        "not right" in post(give_password(app), "/tf-validate", code=code_at(secret, clock, periods=-1)).text
    )


@pytest.mark.parametrize("periods", [-3, -2, 2, 3, 2880])
def test_an_old_or_early_code_is_refused(
    app: Flask, ana: FlaskClient, clock: FakeClock, periods: int
) -> None:
    secret = set_up(ana, clock)
    clock.at += timedelta(minutes=10)
    code = code_at(secret, clock, periods=periods)
    assert "not right" in post(give_password(app), "/tf-validate", code=code).text


@pytest.mark.parametrize("code", ["", "abcdef", "１２３４５６", "-1", "1" * 5000, "\x00", "{}"])
def test_odd_text_for_a_code_is_a_wrong_code(
    app: Flask, ana: FlaskClient, clock: FakeClock, code: str
) -> None:
    set_up(ana, clock)
    client = give_password(app)
    assert post(client, "/tf-validate", code=code).status_code in {200, 400}
    assert post(client, "/mf-recovery", code=code).status_code in {200, 400}
    assert not is_signed_in(client)


def test_codes_can_not_be_guessed(app: Flask, ana: FlaskClient, clock: FakeClock) -> None:
    secret = set_up(ana, clock)
    clock.at += timedelta(minutes=1)
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    sign_in(client)
    for _ in range(5):
        post(client, "/tf-validate", code="000000")
    assert "Too many attempts." in post(client, "/tf-validate", code=code_at(secret, clock)).text
    for _ in range(5):
        assert "Too many attempts." in post(client, "/mf-recovery", code="0000-0000-0000").text
    assert not is_signed_in(client)


def test_nothing_secret_is_kept_or_said_in_clear(ana: FlaskClient, clock: FakeClock, ledger: Engine) -> None:
    secret = set_up(ana, clock).replace("-", "").replace(" ", "")
    codes = recovery_codes(ana)
    said = str(row_of(ledger)) + ana.get("/account").text + ana.get("/tf-setup").text
    assert secret not in said.upper()
    assert not any(code in said for code in codes)


def recovery_codes(client: FlaskClient) -> list[str]:
    page = post(client, "/mf-recovery-codes")
    codes = re.findall(r"<li><code>([0-9a-f-]+)</code>", page.text)
    assert len(codes) == 10, page.text
    return codes


def test_a_recovery_code_signs_in_once(app: Flask, ana: FlaskClient, clock: FakeClock) -> None:
    set_up(ana, clock)
    first, second, *_ = recovery_codes(ana)
    assert post(give_password(app), "/mf-recovery", code=first).location == "/"
    assert "not right" in post(give_password(app), "/mf-recovery", code=first).text
    assert post(give_password(app), "/mf-recovery", code=second).location == "/"
    newer = recovery_codes(ana)
    assert not {first, second} & set(newer)


def test_without_the_password_there_is_no_second_step(app: Flask, stranger: FlaskClient) -> None:
    for path in ("/tf-validate", "/mf-recovery", "/tf-setup", "/mf-recovery-codes", "/verify", "/account"):
        assert stranger.get(path).location.startswith("/login")


def test_an_app_is_only_set_up_with_a_code_of_it(app: Flask, ana: FlaskClient, ledger: Engine) -> None:
    page = post(ana, "/tf-setup", setup="authenticator")
    wrong = ana.post("/tf-validate", data={"csrf_token": token_on(page), "code": "000000"})
    assert "not right" in wrong.text
    assert row_of(ledger).tf_totp_secret is None
    assert is_signed_in(ana)


def test_its_pages_sign_nobody_out(ana: FlaskClient) -> None:
    for path in ("/tf-validate", "/mf-recovery"):
        assert ana.get(path).location == "/"
    assert is_signed_in(ana)


def test_a_session_that_awaits_the_second_factor_ends_soon(
    app: Flask, ana: FlaskClient, clock: FakeClock
) -> None:
    secret = set_up(ana, clock)
    client = give_password(app)
    token = token_on(client.get("/tf-validate"))
    clock.at += timedelta(minutes=11)
    client.post("/tf-validate", data={"csrf_token": token, "code": code_at(secret, clock)})
    assert not is_signed_in(client)


def test_setting_it_up_and_turning_it_off_end_the_other_sessions_and_are_recorded(
    app: Flask, ana: FlaskClient, clock: FakeClock, ledger: Engine
) -> None:
    other = app.test_client()
    sign_in(other)
    set_up(ana, clock)
    assert is_signed_in(ana)
    assert not is_signed_in(other)
    assert post(ana, "/tf-setup", setup="disable").location == "/account"
    assert row_of(ledger).tf_totp_secret is None
    assert sign_in(app.test_client()).location == "/"
    with ledger.connect() as connection:
        query = sa.select(audit.c.actor).where(audit.c.action == "user.second-factor")
        assert list(connection.scalars(query)) == [ANA.email, ANA.email]
        assert first_broken_row(connection) is None


def test_it_changes_only_soon_after_the_password(app: Flask, ana: FlaskClient, clock: FakeClock) -> None:
    """A session that somebody left open is not enough to take the account over."""
    with ana.session_transaction() as session:
        session["fs_paa"] -= 3600
    for path in ("/tf-setup", "/mf-recovery-codes"):
        assert ana.get(path).location.startswith("/verify")
    assert "wrong" in post(ana, "/verify", password="not the one").text
    assert post(ana, "/verify", password=PASSWORD).status_code == 302
    assert ana.get("/tf-setup").status_code == 200


def test_a_command_removes_a_lost_one(app: Flask, ana: FlaskClient, clock: FakeClock, ledger: Engine) -> None:
    set_up(ana, clock)
    recovery_codes(ana)
    remove_second_factor(ledger, email=ANA.email, now=NOW)
    assert not is_signed_in(ana)
    assert sign_in(app.test_client()).location == "/"
    assert not row_of(ledger).mf_recovery_codes


@pytest.fixture
def strict(ledger: Engine, tmp_path: Path, clock: FakeClock) -> Flask:
    """An installation that requires a second factor of approvers and admins."""
    return app_for(ledger, tmp_path, clock, settings=Settings(home=tmp_path, second_factor=REQUIRED))


def test_where_it_is_required_an_approver_without_one_can_only_set_one_up(
    strict: Flask, ledger: Engine, clock: FakeClock
) -> None:
    store_id = open_shop(ledger, customers=10)
    run_id = plan_run(ledger, store_id)
    ana = strict.test_client()
    sign_in(ana)
    token = token_on(ana.get("/account"))
    for rule in strict.url_map.iter_rules():
        if rule.endpoint.startswith(("runs.", "campaigns.", "home.", "decisions.", "changes.", "drift.")):
            path = re.sub(r"<int:store_number>", "1003", rule.rule)
            path = re.sub(r"<int:run_id>", str(run_id), path).replace("<int:number>", "1")
            method = "POST" if "POST" in (rule.methods or ()) else "GET"
            assert ana.open(path, method=method, data={"csrf_token": token}).location == "/account", rule
    assert "requires a second factor" in ana.get("/account").text
    set_up(ana, clock)
    assert ana.get("/runs", follow_redirects=True).status_code == 200
    assert "requires a second factor of you" in post(ana, "/tf-setup", setup="disable").text
    assert row_of(ledger).tf_totp_secret is not None


def test_where_it_is_required_a_viewer_needs_none(strict: Flask, ledger: Engine) -> None:
    add_account(ledger, email="eve@shop.example", password=PASSWORD, role_names=("viewer",), now=NOW)
    eve = strict.test_client()
    sign_in(eve, "eve@shop.example")
    assert eve.get("/").location != "/account"


# --- at a terminal


def test_a_terminal_takes_a_code_too_and_none_twice(app: Flask, ana: FlaskClient, clock: FakeClock) -> None:
    secret, services = set_up(ana, clock), app.extensions["tillroll"]
    clock.at += timedelta(minutes=1)
    account = check_password(services, email=ANA.email, password=PASSWORD, now=clock.now())
    assert account.tf_primary_method == "authenticator"  # so that the command asks for a code
    used = code_at(secret, clock)
    for code in ("000000", "", "é" * 6, code_at(secret, clock, periods=3)):
        with pytest.raises(NotAllowed, match="not right"):
            check_code(services, account=account, code=code, now=clock.now())
    check_code(services, account=account, code=used, now=clock.now())
    with pytest.raises(NotAllowed, match="good once"):
        check_code(services, account=account, code=used, now=clock.now())
    assert "not right" in post(give_password(app), "/tf-validate", code=used).text


def test_codes_can_not_be_guessed_at_a_terminal(app: Flask, ana: FlaskClient, clock: FakeClock) -> None:
    secret, services = set_up(ana, clock), app.extensions["tillroll"]
    clock.at += timedelta(minutes=1)
    account = check_password(services, email=ANA.email, password=PASSWORD, now=clock.now())
    for _ in range(5):
        with pytest.raises(NotAllowed):
            check_code(services, account=account, code="000000", now=clock.now())
    with pytest.raises(Refused, match="Too many attempts"):
        check_code(services, account=account, code=code_at(secret, clock), now=clock.now())


def test_a_terminal_refuses_those_who_must_have_one_and_have_none(strict: Flask, clock: FakeClock) -> None:
    with pytest.raises(NotAllowed, match="requires a second factor"):
        check_password(strict.extensions["tillroll"], email=ANA.email, password=PASSWORD, now=clock.now())
