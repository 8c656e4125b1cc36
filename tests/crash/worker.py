"""Worker processes of an installation that tests start, kill and restart, and what must hold in the end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.forks import Child, forks
from tests.shop import ANA, PUBLIC_URL, ROOT
from tests.store import QUICK
from tillroll.approve.act import approve
from tillroll.campaign import read_book
from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import codes, messages, recipients, runs
from tillroll.loop.advance import StoreWorker, advance
from tillroll.loop.worker import SLICE, register_store
from tillroll.mint.context import MintContext
from tillroll.mint.reconcile.by_code import reconcile
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.record.revisions import record_book
from tillroll.sandbox.serve import Sandbox
from tillroll.settings import Settings, StoreAccess, child_environment
from tillroll.wiring import Services, build

PATIENCE = 120.0
NAMES = ("seasonal", "winback")


@contextmanager
def installation(
    store: Sandbox, url: str, home: Path, *, folder: Path = ROOT
) -> Iterator[tuple[Services, dict[str, str]]]:
    """Yield an installation that works for a store, and the environment of its worker processes."""
    ready = store.ready
    access = StoreAccess(ecwid_id=ready.store_id, token=ready.token, base_url=ready.base_url)
    key = home / "secret.key"
    settings = Settings(
        home=home,
        database_url=url,
        folder=folder,
        store=access,
        requests_per_minute=QUICK,
        public_url=PUBLIC_URL,
    )
    with build(settings) as parts:
        register_store(parts)
        yield (
            parts,
            child_environment(
                {
                    "DATABASE_URL": url,
                    "TILLROLL_ENGINE": "embedded",
                    "TILLROLL_HOME": str(home),
                    "TILLROLL_URL": PUBLIC_URL,
                    "TILLROLL_FOLDER": str(folder),
                    "TILLROLL_SECRET_KEYS": key.read_text().strip(),
                    "TILLROLL_REQUESTS_PER_MINUTE": str(QUICK),
                    "TILLROLL_LOG_LEVEL": "info",
                    "ECWID_STORE_ID": str(ready.store_id),
                    "ECWID_TOKEN": ready.token,
                    "ECWID_API_URL": ready.base_url,
                    "MAIL_URL": "outbox:",
                }
            ),
        )


def plan_and_approve(parts: Services) -> list[int]:
    """Start runs of two campaigns, approve them, and return them ready to mint."""
    now = parts.clock.now()
    record_book(parts.engine, store_id=1, book=read_book(ROOT), now=now)
    started = [start_by_hand(parts.engine, store_id=1, name=name, person="ana", now=now) for name in NAMES]
    with parts.engine.connect() as connection:
        store = load_store(connection, 1)
    with parts.client(store) as client:
        while states(parts) != {RunState.WAITING}:
            advance(StoreWorker(services=parts, store_id=1, client=client), until=parts.clock.now() + SLICE)
    for run_id in started:
        with parts.engine.connect() as connection:
            plan = load_plan(connection, run_id)
        assert plan is not None
        approve(parts.engine, run_id=run_id, digest=plan.digest, person=ANA, note="", now=parts.clock.now())
    return started


def states(parts: Services) -> set[str]:
    with parts.engine.connect() as connection:
        return set(connection.scalars(sa.select(runs.c.state)))


def figures(parts: Services) -> tuple[int, int]:
    """Return how many codes are live and how many messages are sent."""
    with parts.engine.connect() as connection:
        live = sa.select(sa.func.count()).where(codes.c.state == CodeState.LIVE)
        sent = sa.select(sa.func.count()).where(messages.c.state == MessageState.SENT)
        return int(connection.scalar(live) or 0), int(connection.scalar(sent) or 0)


def worker_log(environment: dict[str, str]) -> Path:
    return Path(environment["TILLROLL_HOME"]) / "worker.log"


def start_worker(environment: dict[str, str], *, first: str = "") -> Child:
    """Start a worker process; `first` is called in it before it starts (tests/forks.py)."""
    log = worker_log(environment)
    log.write_bytes(b"")  # drop the log of an earlier worker
    return forks().start("worker", cwd=ROOT, environment=environment, output=log, troubles=log, first=first)


def finish(parts: Services, environment: dict[str, str], *, patience: float = PATIENCE) -> int:
    """Let a worker finish all runs, then stop it with SIGTERM. Returns its exit code."""
    worker = start_worker(environment)
    deadline = time.monotonic() + patience
    log = worker_log(environment)
    # before it has started a worker handles no signal, so wait for that even if nothing is left to do
    while states(parts) != {RunState.TRACKING} or b"worker.started" not in log.read_bytes():
        assert worker.poll() is None, f"the worker ended by itself: {log.read_text()}"
        assert time.monotonic() < deadline, f"it never finishes: {figures(parts)} {states(parts)}"
        time.sleep(0.1)
    worker.terminate()
    return worker.wait(timeout=60)


def outbox(parts: Services) -> list[dict[str, Any]]:
    """Return the lines of the outbox. A line that was cut short when a worker died does not count."""
    path = parts.settings.outbox / "messages.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def holds(parts: Services, store: Sandbox) -> None:
    """Check the guarantees of the design (section 4) for every code and e-mail."""
    with parts.engine.connect() as connection:
        wanted = connection.scalar(sa.select(sa.func.count()).select_from(recipients))
        rows = connection.execute(sa.select(codes).where(codes.c.state != CodeState.CLASHED)).all()
        sent = connection.execute(sa.select(messages)).all()
        ledger_store = load_store(connection, 1)
        assert first_broken_row(connection) is None
    assert {row.state for row in rows} == {CodeState.LIVE}
    assert len(rows) == len({row.recipient_id for row in rows}) == wanted > 200
    assert {row.state for row in sent} == {MessageState.SENT}
    assert len(sent) == wanted

    in_store = store.store.state.rows("select code from coupons where body like '%(tillroll run %'")
    assert {row["code"] for row in in_store} == {row.code for row in rows}
    with parts.client(ledger_store) as client:
        assert reconcile(
            MintContext(engine=parts.engine, client=client, clock=parts.clock, store_id=1)
        ).agrees

    lines = outbox(parts)
    assert len(lines) == len({line["key"] for line in lines}) == wanted
    code_of = {row.id: row.code for row in rows}
    assert {(line["key"], line["code"]) for line in lines} == {
        (row.message_key, code_of[row.code_id]) for row in sent
    }
    for line in lines:
        assert (parts.settings.outbox / line["file"]).is_file()
