"""The app over a test's ledger, accounts to sign in with, and runs in every state that a page can show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from tests.accounts import LEAST_COST, add_account
from tests.clocks import FakeClock
from tests.shop import ANA, NOW, SHOP, add_customers, add_store, lapsed, sample_book
from tillroll.campaign import Book
from tillroll.campaign.states import RunState
from tillroll.clock import Clock
from tillroll.ledger.engine import writing
from tillroll.ledger.sealing import Sealer
from tillroll.ledger.tables import codes, messages, plans, recipients, redemptions, runs
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book
from tillroll.send.transports.outbox import Outbox
from tillroll.settings import Settings
from tillroll.web.app import create_app
from tillroll.wiring import Services

PASSWORD = "correct horse battery"
FIRST_NAMES = ("Živa", "Marko", "Ana", "Luka", "Eva", "Jan", "Nika", "Matej", "Sara", "Tim")
LAST_NAMES = ("Novak", "Horvat", "Kovač", "Zupan", "Potočnik", "Mlakar", "Kos", "Vidmar")


def services_for(
    engine: Engine, home: Path, clock: Clock | None = None, settings: Settings | None = None
) -> Services:
    """Return the services of an installation that uses the test's ledger.

    Without settings of the test's own, a sign-in lasts a month: a test that moves the clock by days stays signed in.
    """
    clock, keys = clock or FakeClock(), (Fernet.generate_key().decode(),)
    return Services(
        settings=settings or Settings(home=home, session_hours=720, idle_minutes=43_200),
        engine=engine,
        clock=clock,
        sealer=Sealer(keys),
        keys=keys,
        transport=Outbox(home / "outbox", clock),
    )


def app_for(
    engine: Engine,
    home: Path,
    clock: Clock | None = None,
    *,
    proxies: int = 0,
    settings: Settings | None = None,
) -> Flask:
    """Return the real app with an account for Ana, an approver."""
    app = create_app(
        services_for(engine, home, clock, settings), testing=True, proxies=proxies, password_cost=LEAST_COST
    )
    add_account(engine, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    return app


def token_on(page: TestResponse) -> str:
    """Return the token of the page's first form."""
    match = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page.text)
    assert match, page.text
    return match[1]


def sign_in(client: FlaskClient, email: str = ANA.email, password: str = PASSWORD) -> TestResponse:
    """Sign in through the form and return the response."""
    fields = {"csrf_token": token_on(client.get("/login")), "email": email, "password": password}
    return client.post("/login", data=fields)


def send_form(client: FlaskClient, run_id: int, what: str, **fields: Any) -> TestResponse:
    """Submit a form of a run's page with its token and return the resulting page."""
    token = token_on(client.get(f"{SHOP}/runs/{run_id}"))
    return client.post(
        f"{SHOP}/runs/{run_id}/{what}", data={"csrf_token": token, **fields}, follow_redirects=True
    )


def person(number: int, **values: Any) -> dict[str, Any]:
    """Return the row of a customer with a realistic name."""
    first, last = FIRST_NAMES[number % 10], LAST_NAMES[number % 8]
    address = f"{first}.{last}{number}@mail.example".lower()
    plain = address.translate(str.maketrans("žčš", "zcs"))
    spent = Decimal(60 + number * 37 % 240)
    row = {"name": f"{first} {last}", "first_name": first, "email": plain, "spent": spent, **values}
    return lapsed(number, **row)


def open_shop(engine: Engine, *, customers: int = 240, book: Book | None = None) -> int:
    """Add a store with its campaigns, and customers for the win-back and the winter teas; return its id."""
    store_id = add_store(engine, name="The Tea Table")
    staff = {3: {"group_name": "Staff"}, 17: {"group_name": "Staff"}, 40: {"accepts_marketing": None}}
    late = {n: {"last_order_at": NOW - timedelta(days=20)} for n in range(customers // 2, customers + 1)}
    rows = [person(n, **staff.get(n, {}), **late.get(n, {})) for n in range(1, customers + 1)]
    add_customers(engine, store_id, *rows)
    record_book(engine, store_id=store_id, book=book or sample_book(), now=NOW)
    return store_id


def plan_run(engine: Engine, store_id: int, name: str = "winback", key: str = "") -> int:
    """Start a run by hand, plan it and return its id."""
    run_id = start_by_hand(engine, store_id=store_id, name=name, person=ANA.email, now=NOW, key=key)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    return run_id


def digest_of(engine: Engine, run_id: int) -> str:
    """Return the digest of a run's current plan."""
    query = sa.select(plans.c.digest).join(runs, runs.c.plan_id == plans.c.id).where(runs.c.id == run_id)
    with engine.connect() as connection:
        return str(connection.scalars(query).one())


def put_under_way(
    engine: Engine,
    run_id: int,
    state: RunState,
    *,
    live: int,
    message_states: Sequence[tuple[str, str]] = (),
    orders: int = 0,
) -> None:
    """Add codes, messages and redemptions to a run as minting and sending would, without a store."""
    with writing(engine) as connection:
        run = connection.execute(sa.select(runs).where(runs.c.id == run_id)).one()
        where = recipients.c.plan_id == run.plan_id
        people = connection.scalars(sa.select(recipients.c.id).where(where).order_by(recipients.c.id)).all()
        for number, recipient_id in enumerate(people):
            row = _code(run, recipient_id, number, "live" if number < live else "reserved")
            inserted = sa.insert(codes).values(row).returning(codes.c.id)
            code_id = connection.execute(inserted).scalar_one()
            if number < len(message_states):
                message = _message(run, recipient_id, code_id, *message_states[number])
                connection.execute(sa.insert(messages).values(message))
            if number < orders:
                connection.execute(sa.insert(redemptions).values(_redemption(run, code_id, number)))
        ends = {"valid_from": NOW, "valid_until": NOW + timedelta(days=14)}
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(state=state, **ends))


def _of(run: sa.Row[Any], **values: Any) -> dict[str, Any]:
    return {"store_id": run.store_id, "run_id": run.id, **values}


def _code(run: sa.Row[Any], recipient_id: int, number: int, state: str) -> dict[str, Any]:
    code = f"SECRET{run.id}X{number:04d}K2"
    return _of(run, recipient_id=recipient_id, code=code, state=state, reserved_at=NOW, changed_at=NOW)


def _message(run: sa.Row[Any], recipient_id: int, code_id: int, state: str, reason: str) -> dict[str, Any]:
    sent = NOW if state == "sent" else None
    return _of(
        run,
        recipient_id=recipient_id,
        code_id=code_id,
        state=state,
        reason=reason,
        sent_at=sent,
        changed_at=NOW,
    )


def _redemption(run: sa.Row[Any], code_id: int, number: int) -> dict[str, Any]:
    return _of(
        run,
        code_id=code_id,
        order_id=f"R{run.id}-{number}",
        order_total=Decimal("64.90"),
        discount=Decimal("5.00"),
        payment_status="PAID",
        at=NOW,
    )
