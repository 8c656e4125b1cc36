"""Steps of a run on real parts: start it, approve its plan, wait until it is done, and compare the store with the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from tests.shop import ANA, ROOT, run_row
from tests.store import lay_faults
from tillroll.approve.act import approve
from tillroll.campaign import Book, fingerprint, read_book
from tillroll.campaign.states import CodeState, RunState
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import codes
from tillroll.loop.advance import StoreWorker, advance
from tillroll.mint.context import MintContext
from tillroll.mint.reconcile.by_code import Comparison, reconcile
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.record.revisions import record_book
from tillroll.sandbox.serve import Sandbox
from tillroll.track.results.progress import Progress, run_progress
from tillroll.wiring import Services

SLICE = timedelta(seconds=5)


def go_on(worker: StoreWorker, *, until: Callable[[], bool], most: int = 400) -> None:
    """Advance the store's work until a condition holds."""
    for _ in range(most):
        if until():
            return
        next_at = advance(worker, until=worker.services.clock.now() + SLICE)
        if next_at is not None:
            worker.services.clock.sleep(
                min(0.3, max(0.0, (next_at - worker.services.clock.now()).total_seconds()))
            )
    raise AssertionError(f"it never came to that: {run_row(worker.services.engine, 1)}")


def settle(worker: StoreWorker, *, most: int = 12) -> None:
    """Advance until nothing waits, and twice more, in case something is done again."""
    idle = 0
    for _ in range(most):
        idle += advance(worker, until=worker.services.clock.now() + SLICE) is None
        if idle == 3:
            return


def state(services: Services, run_id: int = 1) -> RunState:
    """Return the state of a run."""
    return RunState(run_row(services.engine, run_id).state)


def start(worker: StoreWorker, name: str = "winback", book: Book | None = None) -> int:
    """Start a run of a campaign by hand and advance until its plan waits for approval. Returns the run's number."""
    services = worker.services
    now = services.clock.now()
    record_book(services.engine, store_id=1, book=book or read_book(ROOT), now=now)
    worker.files_seen = fingerprint(ROOT)  # as if the files had just been read
    run_id = start_by_hand(services.engine, store_id=1, name=name, person="ana", now=now)
    go_on(worker, until=lambda: state(services, run_id) is RunState.WAITING)
    return run_id


def agree(services: Services, run_id: int) -> None:
    """Approve the run's plan as it is."""
    with services.engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    approve(services.engine, run_id=run_id, digest=plan.digest, person=ANA, note="", now=services.clock.now())


def post_codes(worker: StoreWorker, sandbox: Sandbox, run_id: int) -> None:
    """Approve a run and advance until its codes are posted and it waits for the store's batch job.

    The store answers no question about a batch job until `answer_batches`, so that one turn can't go on to make the codes live
    and send them, however fast the machine is.
    """
    lay_faults(sandbox, errors={"path": "/batch", "on": "reads", "status": 503})
    agree(worker.services, run_id)
    go_on(worker, until=lambda: posting(worker.services) > 0)


def answer_batches(sandbox: Sandbox) -> None:
    """End the fault of `post_codes`."""
    lay_faults(sandbox, errors=False)


def posting(services: Services) -> int:
    """Count the codes that are posted and not known to be live."""
    query = sa.select(sa.func.count()).where(codes.c.state == CodeState.POSTING)
    with services.engine.connect() as connection:
        return int(connection.scalar(query) or 0)


def finish(worker: StoreWorker, run_id: int = 1) -> Progress:
    """Advance until all e-mails of a run are settled, and return its progress."""
    go_on(worker, until=lambda: state(worker.services, run_id) is RunState.TRACKING)
    with worker.services.engine.connect() as connection:
        return run_progress(connection, run_id)


def outbox(services: Services) -> list[dict[str, Any]]:
    """Return the e-mails of runs, without notices to the store's owner."""
    path = services.settings.outbox / "messages.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [line for line in map(json.loads, lines) if line["run"]]


def compare(worker: StoreWorker) -> Comparison:
    """Compare the store's coupons with the ledger's codes."""
    services = worker.services
    return reconcile(
        MintContext(engine=services.engine, client=worker.client, clock=services.clock, store_id=1)
    )


def holds(worker: StoreWorker, progress: Progress) -> None:
    """Assert what must hold in the end: each recipient has one live code and one e-mail, and store and ledger agree."""
    services = worker.services
    assert progress.codes_live == progress.messages_sent == progress.planned > 5
    assert compare(worker).agrees
    lines = outbox(services)
    assert len({line["key"] for line in lines}) == len(lines) == progress.planned
    with services.engine.connect() as connection:
        live = set(connection.scalars(sa.select(codes.c.code).where(codes.c.state == CodeState.LIVE)))
        assert {line["code"] for line in lines} == live
        assert first_broken_row(connection) is None
