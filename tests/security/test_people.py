"""People: passwords that nobody guesses, limits on guessing, malformed sign-ins, and the commands for accounts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.accounts import add_account
from tests.cli.command import Answer, tillroll
from tests.clocks import FakeClock
from tests.shop import ANA, NOW
from tests.web.site import PASSWORD, sign_in, token_on
from tillroll.errors import Refused
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.signins.counts import sweep_counts
from tillroll.ledger.tables import audit, sessions, sign_in_counts
from tillroll.web.accounts import users
from tillroll.web.accounts.passwords import reasons_against
from tillroll.web.accounts.throttle import Throttle, account_key

# -- passwords


@pytest.mark.parametrize(
    "password",
    [
        "1111111111",
        "１１１１１１１１１１",
        "1234567890",
        "password123",
        "P@ssw0rd12",
        "qwertzuiop",
        "passwordpassword",
        "tillroll2026",
        "shop.example",
        "ana@shop.example!",
        "anamaria77!",
        "long enough",
        "short",
        "a" * 257,
        "correct\x00horse battery",
    ],
)
def test_a_password_that_can_be_guessed_is_refused(ledger: Engine, password: str) -> None:
    with pytest.raises(Refused):
        add_account(ledger, email=ANA.email, password=password, role_names=(), now=NOW)
    add_account(ledger, email=ANA.email, password=PASSWORD, role_names=(), now=NOW)
    with pytest.raises(Refused):
        users.set_password(ledger, email=ANA.email, password=password, now=NOW)


@pytest.mark.parametrize(
    "password", [PASSWORD, "another long password", "K9x-Q2vLpa7m", "žirafa pleše v dežju"]
)
def test_a_password_that_nobody_guesses_is_taken(password: str) -> None:
    assert reasons_against(password, email=ANA.email) == ()


def test_a_password_does_not_hold_the_accounts_own_name() -> None:
    assert reasons_against("xK9-benjamin-Q2v", email="benjamin@shop.example") != ()
    assert reasons_against("xK9-ＢＥＮＪＡＭＩＮ-Q2v", email="benjamin@shop.example") != ()
    assert reasons_against("xK9-benjamin-Q2v", email="ana@shop.example") == ()


# -- limits on guessing


def attempts(ledger: Engine, clock: FakeClock, number: int, *, email: str, client: str) -> int:
    """Make wrong attempts one after the other, and return how many were let through."""
    throttle = Throttle(ledger, email=email, client=client)
    return sum(throttle.begin(clock.now()).shut_until is None for _ in range(number))


def test_all_processes_count_together(ledger: Engine, clock: FakeClock) -> None:
    """Two processes have nothing in common but the ledger; forty attempts at once are still only ten."""

    def guess(_number: int) -> bool:
        throttle = Throttle(ledger, email=ANA.email, client="192.0.2.7")
        return throttle.begin(clock.now()).shut_until is None

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert sum(pool.map(guess, range(40))) == 10


SPELLINGS = (
    "ana@shop.example",
    "ANA@Shop.Example",
    " ana@shop.example ",
    "ana@ｓｈｏｐ.ｅｘａｍｐｌｅ",
    "ａｎａ@shop.example",
    "ana@shop。example",
)


def test_every_spelling_of_an_address_is_counted_as_the_same(ledger: Engine, clock: FakeClock) -> None:
    assert {account_key(spelling) for spelling in SPELLINGS} == {"ana@shop.example"}
    through = sum(attempts(ledger, clock, 5, email=one, client="192.0.2.7") for one in SPELLINGS)
    assert through == 10


def test_a_client_may_not_try_one_account_after_the_other(ledger: Engine, clock: FakeClock) -> None:
    through = sum(
        attempts(ledger, clock, 1, email=f"p{n}@shop.example", client="192.0.2.7") for n in range(80)
    )
    assert through == 60


def test_an_ipv6_client_has_one_count_for_all_its_addresses(ledger: Engine, clock: FakeClock) -> None:
    clients = [f"2001:db8:1:2::{number:x}" for number in range(30)]
    assert sum(attempts(ledger, clock, 1, email=ANA.email, client=one) for one in clients) == 10


def test_many_clients_together_are_slowed_down_for_one_account(ledger: Engine, clock: FakeClock) -> None:
    """Each client is new; a day of guessing from everywhere is a hundred or so attempts, not thousands."""
    through = 0
    for number in range(24 * 60):
        clock.at += timedelta(minutes=1)
        through += attempts(
            ledger, clock, 2, email=ANA.email, client=f"198.51.{number // 250}.{number % 250}"
        )
    assert 20 < through < 150


def test_guessing_from_elsewhere_never_locks_the_owner_out(ledger: Engine, clock: FakeClock) -> None:
    """Neither where the owner has signed in before, nor, after at most a quarter of an hour, anywhere else."""
    home = Throttle(ledger, email=ANA.email, client="192.0.2.7")
    home.begin(clock.now())
    home.take_back(clock.now())
    home.signed_in(clock.now())
    for number in range(60):
        clock.at += timedelta(minutes=15)
        attempts(ledger, clock, 1, email=ANA.email, client=f"198.51.100.{number}")
    assert home.begin(clock.now()).shut_until is None
    elsewhere = Throttle(ledger, email=ANA.email, client="203.0.113.9").begin(clock.now())
    assert elsewhere.shut_until is not None
    assert elsewhere.shut_until - clock.now() <= timedelta(minutes=15)


def test_a_right_password_takes_its_attempt_back(ledger: Engine, clock: FakeClock) -> None:
    for _ in range(100):
        throttle = Throttle(ledger, email=ANA.email, client="192.0.2.7")
        assert throttle.begin(clock.now()).shut_until is None
        throttle.take_back(clock.now())


def test_another_password_lets_a_slowed_account_in(ledger: Engine, app: Flask, clock: FakeClock) -> None:
    for number in range(40):
        attempts(ledger, clock, 1, email=ANA.email, client=f"198.51.100.{number}")
    assert "Too many attempts." in sign_in(app.test_client()).text
    users.set_password(ledger, email=ANA.email, password="another long password", now=NOW)
    assert sign_in(app.test_client(), password="another long password").location == "/"


def test_counts_are_bounded_and_hold_no_text_that_was_typed(ledger: Engine, clock: FakeClock) -> None:
    for number in range(20):
        attempts(ledger, clock, 1, email=f"{PASSWORD}{number}", client=f"198.51.100.{number}")
    kept = Throttle(ledger, email=ANA.email, client="192.0.2.7")
    kept.begin(clock.now())
    kept.signed_in(clock.now())
    with writing(ledger) as connection:
        typed = [str(row) for row in connection.execute(sa.select(sign_in_counts))]
        assert not any(PASSWORD in row or "198.51" in row for row in typed)
        sweep_counts(connection, failed_before=NOW, succeeded_before=NOW - timedelta(days=90), most=7)
        assert (
            connection.scalar(sa.select(sa.func.count()).select_from(sign_in_counts)) == 8
        )  # and the known one
        late = NOW + timedelta(days=100)
        sweep_counts(connection, failed_before=late, succeeded_before=late - timedelta(days=90), most=7)
        assert connection.scalar(sa.select(sa.func.count()).select_from(sign_in_counts)) == 0


# -- malformed sign-ins

BODIES: tuple[Any, ...] = (
    [],
    [1],
    ["email"],
    "text",
    7,
    True,
    {"email": [1]},
    {"email": {"a": 1}},
    [[[]]],
)


@pytest.mark.parametrize("body", BODIES, ids=repr)
def test_json_at_the_sign_in_is_refused_in_words(stranger: FlaskClient, body: Any) -> None:
    token = token_on(stranger.get("/login"))
    answer = stranger.post("/login", json=body, headers={"X-CSRFToken": token})
    assert answer.status_code == 415
    assert "form" in answer.text


ODD = (
    "",
    "\x00",
    "a\x00@shop.example",
    "\ud800",
    "\x1b[31m",
    "a" * 5_000,
    "é" * 300,
    "@",
    "ana@",
    "a@b@c",
    "[]",
    "‮",
    "ana@[::1]",
)


@pytest.mark.parametrize("odd", ODD, ids=lambda text: ascii(text[:12]))
def test_odd_text_at_the_sign_in_is_a_wrong_password(stranger: FlaskClient, ledger: Engine, odd: str) -> None:
    """Enough of it to shut the client out too, which the audit records."""
    token = token_on(stranger.get("/login"))
    typed = odd.encode("utf-8", "surrogatepass")
    for fields in [{"email": typed, "password": typed}] * 11 + [{"email": ANA.email, "password": typed}]:
        answer = stranger.post("/login", data={"csrf_token": token, **fields, "next": typed})
        assert answer.status_code in {200, 400}
    with ledger.connect() as connection:
        assert first_broken_row(connection) is None


@pytest.mark.parametrize(
    "where",
    ["//evil.example", "https://evil.example", "//[", "\\evil.example", "/\\evil", "\x00", "javascript:1"],
)
def test_a_sign_in_leads_nowhere_else(stranger: FlaskClient, where: str) -> None:
    assert stranger.get("/login", query_string={"next": where}).status_code in {200, 400}
    fields = {"email": ANA.email, "password": PASSWORD, "next": where}
    answer = stranger.post("/login", data={"csrf_token": token_on(stranger.get("/login")), **fields})
    assert answer.status_code in {200, 302, 400}
    assert (
        urlsplit(urljoin("http://localhost/login", answer.headers.get("Location", ""))).hostname
        == "localhost"
    )


# -- one's own account


def act(client: FlaskClient, path: str, **fields: str) -> str:
    """Submit a form of the account's page, and return the page that it leads to."""
    token = token_on(client.get("/account"))
    return client.post(f"/account/{path}", data={"csrf_token": token, **fields}, follow_redirects=True).text


NEW = "another long password"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"current": "not the one", "new": NEW, "again": NEW}, "The current password is wrong"),
        ({"current": PASSWORD, "new": NEW, "again": "something else"}, "differ"),
        ({"current": PASSWORD, "new": PASSWORD, "again": PASSWORD}, "the password you have"),
        ({"current": PASSWORD, "new": "1111111111", "again": "1111111111"}, "easy to guess"),
        ({}, "The current password is wrong"),
    ],
)
def test_ones_password_changes_only_with_the_current_one(
    ana: FlaskClient, fields: dict[str, str], words: str
) -> None:
    assert words in act(ana, "password", **fields)
    assert sign_in(ana.application.test_client()).location == "/"


def test_another_password_ends_the_other_sessions_and_keeps_this_one(app: Flask, ana: FlaskClient) -> None:
    other = app.test_client()
    sign_in(other)
    assert "every other browser is signed out" in act(ana, "password", current=PASSWORD, new=NEW, again=NEW)
    assert ana.get("/account").status_code == 200
    assert other.get("/account").status_code == 302
    assert sign_in(other).status_code == 200
    assert sign_in(other, password=NEW).location == "/"


def test_a_stolen_session_does_not_guess_the_password(ana: FlaskClient) -> None:
    for _ in range(10):
        act(ana, "password", current="not the one", new=NEW, again=NEW)
    assert "Too many attempts." in act(ana, "password", current=PASSWORD, new=NEW, again=NEW)


def test_one_ends_ones_own_sessions_and_nobody_elses(app: Flask, ana: FlaskClient, ledger: Engine) -> None:
    add_account(ledger, email="eve@shop.example", password=PASSWORD, role_names=("viewer",), now=NOW)
    eve, other = app.test_client(), app.test_client()
    sign_in(eve, "eve@shop.example")
    sign_in(other)
    with ledger.connect() as connection:
        mine, hers, others = connection.scalars(sa.select(sessions.c.id).order_by(sessions.c.id))
    assert "ended already" in act(ana, f"sessions/{hers}/end")
    assert eve.get("/account").status_code == 200
    assert "That browser is signed out." in act(ana, f"sessions/{others}/end")
    assert other.get("/account").status_code == 302
    act(ana, "sessions/end")
    assert ana.get("/account").status_code == 302
    assert eve.get("/account").status_code == 200
    assert mine != others


# -- commands


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a ledger and Ana's account."""
    assert tillroll(tmp_path, "db", "upgrade").returncode == 0
    made = command(
        tmp_path, "add", ANA.email, "--role", "approver", "--password-stdin", given=f"{PASSWORD}\n"
    )
    assert made == {"email": ANA.email, "roles": ["approver"]}
    return tmp_path


@pytest.fixture
def its_ledger(home: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{home / 'var' / 'tillroll.sqlite3'}")
    yield engine
    engine.dispose()


def run(home: Path, *words: str, given: str = "") -> Answer:
    return tillroll(home, "user", *words, given=given)


def command(home: Path, *words: str, given: str = "") -> Any:
    answer = run(home, *words, "--json", given=given)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_an_account_is_closed_opened_and_given_other_roles_by_command(home: Path, its_ledger: Engine) -> None:
    assert command(home, "close", ANA.email, "--as", "boss@shop.example")["active"] is False
    assert users.person_of(its_ledger, ANA.email) is None
    assert run(home, "close", ANA.email).returncode == 1
    assert command(home, "open", ANA.email)["active"] is True
    assert command(home, "role", ANA.email, "--role", "viewer", "--role", "admin")["roles"] == [
        "admin",
        "viewer",
    ]
    person = users.person_of(its_ledger, ANA.email)
    assert person is not None
    assert person.roles == {"admin", "viewer"}
    with its_ledger.connect() as connection:
        said = [(row.action, row.actor) for row in connection.execute(sa.select(audit).order_by(audit.c.id))]
        assert first_broken_row(connection) is None
    assert said == [
        ("user.added", "command"),
        ("user.closed", "boss@shop.example"),
        ("user.opened", "command"),
        ("user.roles", "command"),
    ]


def test_a_password_is_reset_by_command(home: Path) -> None:
    weak = run(home, "reset", ANA.email, "--password-stdin", given="1111111111\n")
    assert weak.returncode == 1
    assert "easy to guess" in weak.stderr
    assert run(home, "reset", ANA.email, "--password-stdin", given="another long password\n").returncode == 0
    assert (
        run(home, "reset", "who@shop.example", "--password-stdin", given="another long password\n").returncode
        == 1
    )


def test_accounts_and_sessions_are_listed_by_command(home: Path) -> None:
    (listed,) = command(home, "list")["users"]
    assert (listed["email"], listed["roles"], listed["active"], listed["sessions"]) == (
        ANA.email,
        ["approver"],
        True,
        0,
    )
    assert ANA.email in run(home, "list").stdout
    assert command(home, "sessions", ANA.email)["sessions"] == []
    assert command(home, "sessions", ANA.email, "--end")["sessions_ended"] == 0
    assert run(home, "sessions", "who@shop.example").returncode == 1
