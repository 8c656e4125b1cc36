"""SIGKILL to the real worker, ten times at random moments, on both databases: nothing missing, nothing twice."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.forks import Child, forks
from tests.shop import ANA, ROOT
from tests.store import QUICK, running
from tillroll.approve.act import approve
from tillroll.campaign import read_book
from tillroll.campaign.states import ChunkState, CodeState, MessageState, RunState
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.plans import load_plan
from tillroll.ledger.tables import chunks, codes, messages, recipients, runs
from tillroll.loop.advance import Lane, advance
from tillroll.loop.worker import SLICE, register_store
from tillroll.mint.parts import Mint
from tillroll.mint.reconcile import reconcile
from tillroll.plan.record import record_book
from tillroll.plan.slots import start_by_hand
from tillroll.sandbox.serve import Sandbox
from tillroll.settings import Settings, StoreAccess, child_environment
from tillroll.track.connect import load_store
from tillroll.wiring import Services, build

KILLS = 5
CUSTOMERS = 2_500
PATIENCE = 120.0
NAMES = ("seasonal", "winback")


@contextmanager
def installation(
    store: Sandbox, url: str, home: Path, *, folder: Path = ROOT
) -> Iterator[tuple[Services, dict[str, str]]]:
    """An installation that works for a store, and the environment that a worker process of it needs."""
    ready = store.ready
    access = StoreAccess(ecwid_id=ready.store_id, token=ready.token, base_url=ready.base_url)
    key = home / "secret.key"
    settings = Settings(home=home, database_url=url, folder=folder, store=access, requests_per_minute=QUICK)
    with build(settings) as parts:
        register_store(parts)
        yield (
            parts,
            child_environment(
                {
                    "DATABASE_URL": url,
                    "TILLROLL_ENGINE": "embedded",
                    "TILLROLL_HOME": str(home),
                    "TILLROLL_FOLDER": str(folder),
                    "TILLROLL_SECRET_KEYS": key.read_text().strip(),
                    "TILLROLL_REQUESTS_PER_MINUTE": str(QUICK),
                    "TILLROLL_LOG_LEVEL": "info",
                    "ECWID_STORE_ID": str(ready.store_id),
                    "ECWID_TOKEN": ready.token,
                    "ECWID_API_URL": ready.base_url,
                    "SMTP_URL": "",
                }
            ),
        )


def plan_and_approve(parts: Services) -> list[int]:
    """Runs of two campaigns, approved and ready to mint."""
    now = parts.clock.now()
    record_book(parts.engine, store_id=1, book=read_book(ROOT), now=now)
    started = [start_by_hand(parts.engine, store_id=1, name=name, person="ana", now=now) for name in NAMES]
    with parts.engine.connect() as connection:
        store = load_store(connection, 1)
    with parts.client(store) as client:
        while states(parts) != {RunState.WAITING}:
            advance(Lane(services=parts, store_id=1, client=client), until=parts.clock.now() + SLICE)
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
    """(codes live, messages sent)."""
    with parts.engine.connect() as connection:
        live = sa.select(sa.func.count()).where(codes.c.state == CodeState.LIVE)
        sent = sa.select(sa.func.count()).where(messages.c.state == MessageState.SENT)
        return int(connection.scalar(live) or 0), int(connection.scalar(sent) or 0)


def worker_log(environment: dict[str, str]) -> Path:
    return Path(environment["TILLROLL_HOME"]) / "worker.log"


def start_worker(environment: dict[str, str], *, first: str = "") -> Child:
    """A worker process; `first` is called in it before it begins (tests/forks.py)."""
    log = worker_log(environment)
    log.write_bytes(b"")  # what an earlier one said is not this one's word
    return forks().start("worker", cwd=ROOT, environment=environment, output=log, troubles=log, first=first)


def intent_is_open(parts: Services) -> bool:
    """Whether something is on its way this very moment: the crash that matters most is between intent and outcome."""
    with parts.engine.connect() as connection:
        sending = sa.select(sa.func.count()).where(messages.c.state == MessageState.SENDING)
        posting = sa.select(sa.func.count()).where(chunks.c.state == ChunkState.POSTING)
        return bool(connection.scalar(sending) or connection.scalar(posting))


def kill_while_busy(parts: Services, environment: dict[str, str], draw: random.Random, *, amid: bool) -> str:
    """Start a worker, wait until it gets something done, then kill it a random moment later; what it was at.

    `amid`: kill it as soon as it has written an intent whose outcome isn't written yet.
    """
    before = figures(parts)
    worker = start_worker(environment)
    deadline = time.monotonic() + PATIENCE
    while figures(parts) == before and states(parts) != {RunState.TRACKING}:
        assert worker.poll() is None, "the worker ended by itself"
        assert time.monotonic() < deadline, f"nothing happens: {before} {states(parts)}"
        time.sleep(0.01)
    time.sleep(draw.uniform(0.0, 0.4))
    while amid and not intent_is_open(parts) and states(parts) != {RunState.TRACKING}:
        time.sleep(0.001)
    if amid:
        time.sleep(draw.uniform(0.0, 0.03))
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    return " and ".join(sorted(states(parts)))


def finish(parts: Services, environment: dict[str, str], *, patience: float = PATIENCE) -> int:
    """Let a worker finish the job, then stop it politely; its exit code."""
    worker = start_worker(environment)
    deadline = time.monotonic() + patience
    log = worker_log(environment)
    # a worker that hasn't started listens to no signal yet; with nothing left to do it must start all the same
    while states(parts) != {RunState.TRACKING} or b"worker.started" not in log.read_bytes():
        assert worker.poll() is None, f"the worker ended by itself: {log.read_text()}"
        assert time.monotonic() < deadline, f"it never finishes: {figures(parts)} {states(parts)}"
        time.sleep(0.1)
    worker.terminate()
    return worker.wait(timeout=30)


def outbox(parts: Services) -> list[dict[str, Any]]:
    """The lines of the outbox; one cut short by a death is none."""
    path = parts.settings.outbox / "messages.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def test_killed_again_and_again_nothing_is_missing_and_nothing_is_twice(
    database_url: str, tmp_path: Path
) -> None:
    draw = random.Random(20261123)
    with (
        running(tmp_path / "store", customers=CUSTOMERS, batch_pause=0.2) as store,
        installation(store, database_url, tmp_path) as (parts, environment),
    ):
        plan_and_approve(parts)
        killed_at = [kill_while_busy(parts, environment, draw, amid=kill % 2 == 1) for kill in range(KILLS)]
        assert any("minting" in moment for moment in killed_at), killed_at
        assert any("sending" in moment for moment in killed_at), killed_at
        assert finish(parts, environment) == 0
        holds(parts, store)


def holds(parts: Services, store: Sandbox) -> None:
    """Design section 4, code by code and e-mail by e-mail."""
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
        assert reconcile(Mint(engine=parts.engine, client=client, clock=parts.clock, store_id=1)).agrees

    lines = outbox(parts)
    assert len(lines) == len({line["key"] for line in lines}) == wanted
    code_of = {row.id: row.code for row in rows}
    assert {(line["key"], line["code"]) for line in lines} == {
        (row.message_key, code_of[row.code_id]) for row in sent
    }
    for line in lines:
        assert (parts.settings.outbox / line["file"]).is_file()
