"""`tillroll demo --once`: the whole job in this process, approved by the demo's own account."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.progress import Progress, TaskID

from tillroll.approve.act import approve
from tillroll.campaign.states import RUN_OPEN, RunState
from tillroll.cli.support.progress import progress_bar
from tillroll.errors import Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.queries.runs import runs_in
from tillroll.ledger.queries.stores import load_store
from tillroll.loop.advance import StoreWorker
from tillroll.loop.worker import run_until_done
from tillroll.mint.context import MintContext
from tillroll.mint.reconcile.by_code import reconcile
from tillroll.track.results.overview import list_runs
from tillroll.track.results.progress import run_progress
from tillroll.track.results.totals import store_totals
from tillroll.web.accounts.users import person_of
from tillroll.wiring import Services

_UNFINISHED = RUN_OPEN - {RunState.TRACKING}


def run_once(services: Services, store_id: int, *, approver: str) -> dict[str, Any]:
    """Work until every run is tracking or over; return totals, and whether ledger and store agree on every code."""
    started = services.clock.monotonic()
    with reading(services.engine) as connection:
        store = load_store(connection, store_id)
    with services.client(store) as client, progress_bar() as bar:
        worker = StoreWorker(services=services, store_id=store_id, client=client)
        tasks: dict[int, tuple[TaskID, TaskID]] = {}

        def settle() -> None:
            _approve_waiting(services, store_id, approver)
            _show(services, store_id, bar, tasks)

        run_until_done(services, worker, done=lambda: not _has_unfinished(services, store_id), settle=settle)
        mint = MintContext(engine=services.engine, client=client, clock=services.clock, store_id=store_id)
        comparison = reconcile(mint)
        calls = client.calls
    with reading(services.engine) as connection:
        totals = store_totals(connection, store_id)
    return {
        **asdict(totals),
        "store_requests": calls,
        "ledger_matches_store": comparison.agrees,
        "seconds": round(services.clock.monotonic() - started, 2),
    }


def _has_unfinished(services: Services, store_id: int) -> bool:
    with reading(services.engine) as connection:
        return bool(runs_in(connection, store_id, _UNFINISHED))


def _approve_waiting(services: Services, store_id: int, approver: str) -> None:
    """Approve every waiting run as the demo's account. A refusal ends the demo: it has no other approver."""
    person = person_of(services.engine, approver)
    assert person is not None  # noqa: S101 - it was created when the demo was prepared
    with reading(services.engine) as connection:
        waiting = [run.id for run in runs_in(connection, store_id, {RunState.WAITING})]
        plans = {run_id: load_plan(connection, run_id) for run_id in waiting}
    for run_id, plan in plans.items():
        if plan is None:
            raise Refused(f"Run {run_id} awaits approval without a plan.")
        now = services.clock.now()
        approve(services.engine, run_id=run_id, digest=plan.digest, person=person, note="the demo", now=now)


def _show(services: Services, store_id: int, bar: Progress, tasks: dict[int, tuple[TaskID, TaskID]]) -> None:
    """Update each run's two bars, for codes and e-mails; add those of new runs to `tasks`."""
    with reading(services.engine) as connection:
        for line in reversed(list_runs(connection, store_id)):
            if line.run_id not in tasks:
                tasks[line.run_id] = (
                    bar.add_task(f"{line.campaign}: codes", total=None),
                    bar.add_task(f"{line.campaign}: e-mails", total=None),
                )
            codes, emails = tasks[line.run_id]
            progress = run_progress(connection, line.run_id)
            bar.update(codes, total=progress.planned or None, completed=progress.codes_live)
            handled = progress.messages_sent + progress.messages_held
            bar.update(emails, total=progress.to_send or None, completed=handled)
