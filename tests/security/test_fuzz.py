"""The fuzzer of HTTP: whatever a request holds, it gets an answer with our headers that is no 500 and shows no traceback.

The seed is printed when a test fails; `TILLROLL_FUZZ_SEED` draws the same requests again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from structlog.testing import capture_logs
from werkzeug.wrappers import Response

from tests.accounts import LEAST_COST, add_account
from tests.clocks import FakeClock
from tests.security.fuzzing import Drawn, Fuzzer
from tests.shop import ANA, EVE, NOW, SHOP
from tests.web.site import PASSWORD, open_shop, plan_run, services_for, sign_in, token_on
from tillroll.settings import Settings
from tillroll.web.app import create_app

ADMIN = "adam@shop.example"
VISITORS = ("anonymous", EVE.email, ANA.email, ADMIN)
WITH_WORDS = {503}  # the store or the ledger is away, and the page says so
QUICK = 250  # requests
SLOW, LONG = 120.0, 300.0  # seconds
MOST_LOGGED = 600  # characters that one anonymous request may write into the log


@dataclass
class Visitor:
    """Somebody who sends requests, and the token of their session."""

    name: str
    client: FlaskClient
    token: str = ""


@pytest.fixture
def fuzzed(ledger: Engine, tmp_path: Path) -> tuple[Flask, int]:
    """An app with a run, accounts of every role, and a client secret so that webhooks are read."""
    settings = Settings(
        home=tmp_path, client_id="app", client_secret="secret", oauth_url="http://127.0.0.1:9"
    )
    app = create_app(
        services_for(ledger, tmp_path, FakeClock(), settings), testing=True, password_cost=LEAST_COST
    )
    run_id = plan_run(ledger, open_shop(ledger, customers=30))
    for email, role in ((EVE.email, "viewer"), (ANA.email, "approver"), (ADMIN, "admin")):
        add_account(ledger, email=email, password=PASSWORD, role_names=(role,), now=NOW)
    return app, run_id


def visitors(app: Flask) -> list[Visitor]:
    made = []
    for name in VISITORS:
        client = app.test_client()
        if name != "anonymous":
            client.environ_base["REMOTE_ADDR"] = f"192.0.2.{VISITORS.index(name)}"
            sign_in(client, name)
        made.append(Visitor(name, client))
    return made


def renew(app: Flask, visitor: Visitor) -> None:
    """Sign a visitor in again whom a request signed out, and read the session's token."""
    page = visitor.client.get("/login") if visitor.name == "anonymous" else visitor.client.get(f"{SHOP}/")
    if visitor.name != "anonymous" and page.status_code != 200:
        visitor.client = app.test_client()
        visitor.client.environ_base["REMOTE_ADDR"] = f"198.51.100.{SystemRandom().randrange(1, 250)}"
        sign_in(visitor.client, visitor.name)
        page = visitor.client.get(f"{SHOP}/")
    visitor.token = token_on(page)


def check(drawn: Drawn, visitor: Visitor, answer: Response, logged: list[object]) -> None:
    about = f"{visitor.name} sent {drawn!r}"[:3_000]
    assert answer.status_code < 500 or answer.status_code in WITH_WORDS, (answer.status, about, logged)
    assert b"Traceback" not in answer.data, about
    policy = answer.headers.get("Content-Security-Policy", "")
    assert "default-src 'none'" in policy, about
    assert answer.headers.get("X-Content-Type-Options") == "nosniff", about
    assert "X-Injected" not in answer.headers, about
    if visitor.name == "anonymous":
        assert len(logged) <= 1, (logged, about)
        assert len(str(logged)) < MOST_LOGGED, (logged, about)


def attack(app: Flask, run_id: int, seed: int, more: Iterator[bool]) -> int:
    """Send requests as each visitor while there is `more` to do; return how many."""
    known = {
        "store_number": (b"1003",),
        "ecwid_id": (b"1003",),
        "run_id": (str(run_id).encode(),),
        "name": (b"winback", b"quiz-finished"),
        "kind": (b"pause", b"resume", b"revoke", b"extend"),
        "what": (b"halt", b"restart", b"fix", b"accept"),
        "filename": (b"tillroll.css",),
    }
    fuzzer, people, sent = Fuzzer(app, seed, known), visitors(app), 0
    for _ in more:
        visitor = people[sent % len(people)]
        if sent % 40 < len(people):
            renew(app, visitor)
        drawn = fuzzer.request(token=visitor.token if sent % 3 else "")
        environ = visitor.client.environ_base | drawn.environ()
        cookie = visitor.client.get_cookie("tillroll")
        if cookie is not None:
            environ.setdefault("HTTP_COOKIE", f"tillroll={cookie.value}")
        with capture_logs() as logged:
            answer = Response.from_app(app, environ)
            check(drawn, visitor, answer, list(logged))
        answer.close()
        sent += 1
    return sent


def until(deadline: float) -> Iterator[bool]:
    while time.monotonic() < deadline:
        yield True


def test_a_few_hundred_drawn_requests_get_an_honest_answer(fuzzed: tuple[Flask, int]) -> None:
    app, run_id = fuzzed
    assert attack(app, run_id, int(os.environ.get("TILLROLL_FUZZ_SEED", "12")), iter([True] * QUICK)) == QUICK


@pytest.mark.slow
def test_two_minutes_of_drawn_requests_get_an_honest_answer(fuzzed: tuple[Flask, int]) -> None:
    draw(fuzzed, SLOW)


@pytest.mark.once
def test_five_minutes_of_drawn_requests_get_an_honest_answer(fuzzed: tuple[Flask, int]) -> None:
    draw(fuzzed, LONG)


def draw(fuzzed: tuple[Flask, int], seconds: float) -> None:
    """Send requests that nobody has seen before, for some time."""
    app, run_id = fuzzed
    seed = int(os.environ.get("TILLROLL_FUZZ_SEED") or SystemRandom().randrange(2**32))
    print(f"TILLROLL_FUZZ_SEED={seed}")  # noqa: T201 - shown with a failure
    assert attack(app, run_id, seed, until(time.monotonic() + seconds)) > QUICK
