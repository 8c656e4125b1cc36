"""A worker dies right after the store has made a customer who signed up, and before it is noted: no second one is made."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from tests.crash.points import Point
from tests.crash.worker import PATIENCE, installation, start_worker, worker_log
from tests.store import running
from tests.web.test_sign_up import NEW, SINGLE
from tillroll.campaign.states import SignUpState
from tillroll.ledger.consent.sign_ups import load_form, record_form
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import customers, sign_ups
from tillroll.loop.stages.sign_ups import welcome
from tillroll.loop.stages.store_worker import StoreWorker
from tillroll.track.signups.sign_up import Wanted, ask
from tillroll.wiring import Services

POINTS = (
    Point(
        name="asked to create",
        function="tillroll.ecwid.endpoints.customers:Customers.create",
        when="entered",
    ),
    Point(
        name="created, not noted",
        function="tillroll.ecwid.endpoints.customers:Customers.create",
        when="left",
    ),
)


def test_a_customer_is_made_once_though_workers_die(database_url: str, tmp_path: Path) -> None:
    with (
        running(tmp_path / "store") as store,
        installation(store, database_url, tmp_path) as (parts, environment),
    ):
        record_form(parts.engine, store_id=1, terms=SINGLE, now=parts.clock.now())
        with reading(parts.engine) as connection:
            form = load_form(connection, 1)
        assert form is not None
        wanted = Wanted(address=NEW, language="en", client="c1")
        ask(parts.engine, form, wanted, now=parts.clock.now())
        for point in POINTS:
            worker = start_worker(environment, first=point.trap)
            ended = worker.wait(timeout=PATIENCE)
            assert ended == -signal.SIGKILL, worker_log(environment).read_text()
            make_due(parts)
        continue_with(parts)
        found = store.store.state.rows("select id from customers where email = ?", (NEW.lower(),))
        with reading(parts.engine) as connection:
            row = connection.execute(sa.select(sign_ups)).one()
            mirrored = sa.select(customers.c.customer_id).where(customers.c.email == NEW.lower())
            assert list(connection.scalars(mirrored)) == [each["id"] for each in found]
        assert [each["id"] for each in found] == [row.customer_id]
        assert row.state == SignUpState.DONE


def make_due(parts: Services) -> None:
    """Let what waits for the store's search be due now, and the files' word that there is no form change nothing."""
    with writing(parts.engine) as connection:
        connection.execute(sa.update(sign_ups).values(not_before=None))


def continue_with(parts: Services) -> None:
    with reading(parts.engine) as connection:
        store = load_store(connection, 1)
    with parts.client(store) as client:
        worker = StoreWorker(services=parts, store_id=1, client=client)
        welcome(worker, parts.clock.now() + timedelta(seconds=30))
