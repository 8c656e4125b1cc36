"""The audit chain: where it breaks, whether its end was cut off, and by which way each row came about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.accounts import add_account
from tests.cli.command import Answer, tillroll
from tests.shop import ANA, NOW, add_store
from tests.store import client_of, running
from tests.web.site import PASSWORD
from tillroll.batches.session import StoreSession
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.ledger.audit import Head, Way, act_by, first_broken_row, head_of, parse_head, record
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.tables import audit, stores
from tillroll.loop.advance import StoreWorker, advance
from tillroll.recovery.anchor import KEY, anchor_if_due, keep_anchor, read_anchor
from tillroll.recovery.fence import guard
from tillroll.recovery.fence_place import read_record
from tillroll.sandbox.serve import Sandbox
from tillroll.settings import Settings
from tillroll.wiring import Services, build


def add_rows(engine: Engine, count: int, way: Way | None = None) -> None:
    for number in range(count):
        with writing(engine) as connection:
            body = {"number": number}
            record(connection, at=NOW, actor="ana", action="plan.made", subject="x", body=body, way=way)


def cut_off(engine: Engine, rows: int) -> None:
    """Remove the last rows of the chain, as somebody with the database's password would."""
    with writing(engine) as connection:
        last = sa.select(audit.c.id).order_by(audit.c.id.desc()).limit(rows)
        connection.execute(sa.delete(audit).where(audit.c.id.in_(list(connection.scalars(last)))))


def head(engine: Engine) -> Head:
    with engine.connect() as connection:
        found = head_of(connection)
    assert found is not None
    return found


def test_a_row_says_by_which_way_it_came_about_and_the_hash_covers_it(ledger: Engine) -> None:
    add_rows(ledger, 1)
    add_rows(ledger, 1, Way.POLICY)
    act_by(Way.KEY)
    add_rows(ledger, 1)
    act_by(Way.LOOP)
    with ledger.connect() as connection:
        assert list(connection.scalars(sa.select(audit.c.way).order_by(audit.c.id))) == [
            "loop",
            "policy",
            "key",
        ]
        assert first_broken_row(connection) is None
    with writing(ledger) as connection:
        connection.execute(sa.update(audit).where(audit.c.id == 3).values(way="page"))
    with ledger.connect() as connection:
        assert first_broken_row(connection) == 3


@pytest.mark.parametrize(
    "text", ["", "1", "x:" + "0" * 64, "1:zz", "²:" + "0" * 64, "9" * 30 + ":" + "0" * 64]
)
def test_a_text_that_is_no_head_is_none(text: str) -> None:
    assert parse_head(text) is None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Sandbox]:
    with running(tmp_path / "store", customers=1) as store:
        yield store


@pytest.fixture
def shop(tmp_path: Path, sqlite_url: str, store: Sandbox) -> Path:
    """A folder whose ledger has three rows of audit and a running store."""
    with build(Settings(home=tmp_path / "var", database_url=sqlite_url)) as parts:
        token = parts.sealer.seal(store.ready.token)
        store_id = add_store(parts.engine, base_url=store.ready.base_url, token=token)
        add_rows(parts.engine, 3)
        with client_of(store) as client:
            keep_anchor(session_of(parts.engine, client, store_id), now=NOW)
    return tmp_path


def session_of(engine: Engine, client: Client, store_id: int) -> StoreSession:
    return StoreSession(engine=engine, client=client, clock=SystemClock(), store_id=store_id)


def verify(shop: Path, url: str, *words: str) -> Answer:
    return tillroll(shop, "audit", "verify", *words, DATABASE_URL=url)


def test_verify_says_that_the_chain_is_whole(shop: Path, sqlite_url: str) -> None:
    answer = verify(shop, sqlite_url)
    assert answer.returncode == 0
    assert "whole" in answer.stdout
    assert "row 3 is part of the chain" in answer.stdout


def test_verify_names_the_row_at_which_the_chain_breaks(shop: Path, sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with writing(engine) as connection:
        connection.execute(sa.update(audit).where(audit.c.id == 2).values(actor="ben"))
    engine.dispose()
    answer = verify(shop, sqlite_url, "--json")
    told = json.loads(answer.stdout)
    assert (answer.returncode, told["whole"], told["broken_at"]) == (1, False, 2)
    assert "BROKEN at row 2" in verify(shop, sqlite_url).stdout


def test_rows_cut_off_the_end_are_missed(shop: Path, sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    kept = head(engine)
    cut_off(engine, 1)
    with engine.connect() as connection:
        assert first_broken_row(connection) is None, "the chain alone looks whole"
    add_rows(engine, 2)  # and goes on
    engine.dispose()
    answer = verify(shop, sqlite_url, "--json")
    told = json.loads(answer.stdout)
    assert (answer.returncode, told["whole"], told["broken_at"]) == (1, False, None)
    assert [anchor["state"] for anchor in told["anchors"]] == ["missing"]
    given = verify(shop, sqlite_url, "--offline", "--head", str(kept))
    assert (given.returncode, "NOT part of the chain" in given.stdout) == (1, True)


def test_a_head_on_the_command_line_is_compared(shop: Path, sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    kept = head(engine)
    engine.dispose()
    assert verify(shop, sqlite_url, "--offline", "--head", str(kept)).returncode == 0
    assert verify(shop, sqlite_url, "--offline", "--head", f"{kept.number}:{'0' * 64}").returncode == 1
    assert verify(shop, sqlite_url, "--offline", "--head", "rubbish").returncode == 2


def test_a_store_that_cannot_be_asked_is_told_and_breaks_nothing(shop: Path, sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with writing(engine) as connection:
        connection.execute(sa.update(stores).values(base_url="http://127.0.0.1:9/api/v3"))
    engine.dispose()
    answer = verify(shop, sqlite_url, "--json")
    assert answer.returncode == 0
    assert [anchor["state"] for anchor in json.loads(answer.stdout)["anchors"]] == ["unreachable"]


def test_the_head_is_kept_in_the_store_after_an_approval_and_daily(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    engine, store_id, now = services.engine, worker.store_id, services.clock.now()
    with writing(engine) as connection:
        connection.execute(sa.update(stores).values(created_at=now))
    with client_of(sandbox) as client:
        session = session_of(engine, client, store_id)
        add_rows(engine, 1)
        anchor_if_due(session, now=now)
        assert read_anchor(client).text is None, "nothing was approved, and the day is not over"
        anchor_if_due(session, now=now + timedelta(days=1))
        assert read_anchor(client).head == head(engine)
        add_rows(engine, 1)
        anchor_if_due(session, now=now + timedelta(days=1, hours=1))
        assert read_anchor(client).head != head(engine)
        anchor_if_due(session, now=now + timedelta(days=2))
        assert read_anchor(client).head == head(engine)


def test_the_worker_keeps_the_head_by_itself(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    with writing(services.engine) as connection:
        long_ago = services.clock.now() - timedelta(days=2)
        connection.execute(sa.update(stores).values(created_at=long_ago))
    add_rows(services.engine, 1)
    advance(worker, until=services.clock.now() + timedelta(seconds=5))
    with client_of(sandbox) as client:
        kept = read_anchor(client).head
    assert kept is not None
    assert kept.number <= head(services.engine).number


def test_a_chain_that_was_cut_off_does_not_replace_the_head_in_the_store(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    engine, now = services.engine, services.clock.now()
    add_rows(engine, 3)
    with client_of(sandbox) as client:
        session = session_of(engine, client, worker.store_id)
        keep_anchor(session, now=now)
        kept = head(engine)
        cut_off(engine, 1)
        add_rows(engine, 1, Way.COMMAND)
        keep_anchor(session, now=now)
        assert read_anchor(client).head == kept
        keep_anchor(session, now=now, replacing=True)  # a person released the ledger
        assert read_anchor(client).head == head(engine)


def test_a_run_that_begins_takes_the_head_along(shop: Path, store: Sandbox, sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with client_of(store) as client:
        session = session_of(engine, client, 1)
        add_rows(engine, 2)
        guard(session, checked=False, mark="a1", raising=True)
        before = client.calls
        anchor_if_due(session, now=SystemClock().now())
        assert client.calls == before, "the fence's record carries it"
        told = read_record(client)
        assert told is not None
        assert parse_head(told.head) == head(engine)
        cut_off(engine, 2)
        add_rows(engine, 1, Way.COMMAND)
        guard(session, checked=False, mark="a2", raising=True)
        kept = read_record(client)
        assert kept is not None
        assert kept.head == told.head, "it stays until a person has it replaced"
    answer = verify(shop, sqlite_url, "--json")
    anchors = json.loads(answer.stdout)["anchors"]
    assert (answer.returncode, [anchor["state"] for anchor in anchors]) == (1, ["held", "missing"])
    add_account(engine, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    engine.dispose()
    words = ("audit", "replace", "--as", ANA.email, "--yes")
    assert tillroll(shop, *words, DATABASE_URL=sqlite_url).returncode == 0
    assert verify(shop, sqlite_url).returncode == 0


@pytest.mark.parametrize("text", ["edited by hand", ""])
def test_a_head_that_cannot_be_read_is_said_and_stays_until_a_person_replaces_it(
    shop: Path, store: Sandbox, sqlite_url: str, text: str
) -> None:
    engine = open_engine(sqlite_url)
    with client_of(store) as client:
        client.shop.write_storage(KEY, text)
        keep_anchor(session_of(engine, client, 1), now=NOW)
        assert read_anchor(client).text == text
    answer = verify(shop, sqlite_url, "--json")
    told = json.loads(answer.stdout)
    assert (answer.returncode, told["whole"]) == (1, False)
    assert [(anchor["state"], anchor["head"]) for anchor in told["anchors"]] == [("unreadable", None)]
    add_account(engine, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    replaced = tillroll(shop, "audit", "replace", "--as", ANA.email, "--yes", DATABASE_URL=sqlite_url)
    assert replaced.returncode == 0, replaced.stderr
    assert "row 5 is part of the chain" in verify(shop, sqlite_url).stdout
    engine.dispose()
