"""`tillroll demo --once`: the whole job in this process, with the demo's approver, to the end."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tillroll.approve.act import approve
from tillroll.campaign.states import RUN_OPEN, CodeState, MessageState, RunState
from tillroll.cli.show import err
from tillroll.errors import Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.plans import load_plan
from tillroll.ledger.runs import runs_in
from tillroll.ledger.tables import codes, messages, runs
from tillroll.loop.advance import Lane
from tillroll.loop.worker import run_until_done
from tillroll.mint.parts import Mint
from tillroll.mint.reconcile import reconcile
from tillroll.track.connect import load_store
from tillroll.track.overview import run_progress
from tillroll.web.accounts import person_of
from tillroll.wiring import Services

_UNDER_WAY = RUN_OPEN - {RunState.TRACKING}
_HELD = (MessageState.HELD, MessageState.FAILED, MessageState.UNKNOWN)


def run_once(parts: Services, store_id: int, *, approver: str) -> dict[str, Any]:
    """Work until every run is tracking or over; the figures of the whole ledger, and whether it agrees with the store."""
    started = parts.clock.monotonic()
    with reading(parts.engine) as connection:
        store = load_store(connection, store_id)
    with parts.client(store) as client, _bar() as bar:
        lane_ = Lane(services=parts, store_id=store_id, client=client)
        shown: dict[int, Any] = {}

        def settle() -> None:
            _approve_waiting(parts, store_id, approver)
            _show(parts, store_id, bar, shown)

        run_until_done(parts, lane_, done=lambda: not _under_way(parts, store_id), settle=settle)
        mint = Mint(engine=parts.engine, client=client, clock=parts.clock, store_id=store_id)
        comparison = reconcile(mint)
        calls = client.calls
    figures = _figures(parts, store_id)
    return {
        **figures,
        "store_requests": calls,
        "ledger_matches_store": comparison.agrees,
        "seconds": round(parts.clock.monotonic() - started, 2),
    }


def _under_way(parts: Services, store_id: int) -> bool:
    with reading(parts.engine) as connection:
        return bool(runs_in(connection, store_id, _UNDER_WAY))


def _approve_waiting(parts: Services, store_id: int, approver: str) -> None:
    """The demo's approver agrees to whatever waits; a refusal is shown and ends the demo, since nobody else will come."""
    person = person_of(parts.engine, approver)
    assert person is not None  # noqa: S101 - made when the demo was prepared
    with reading(parts.engine) as connection:
        waiting = [run.id for run in runs_in(connection, store_id, {RunState.WAITING})]
        plans = {run_id: load_plan(connection, run_id) for run_id in waiting}
    for run_id, plan in plans.items():
        if plan is None:
            raise Refused(f"Run {run_id} waits without a plan.")
        approve(
            parts.engine,
            run_id=run_id,
            digest=plan.digest,
            person=person,
            note="the demo",
            now=parts.clock.now(),
        )


def _bar() -> Progress:
    """On stderr, and only at a terminal: stdout stays clean for the result."""
    console = err()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _show(parts: Services, store_id: int, bar: Progress, shown: dict[int, Any]) -> None:
    with reading(parts.engine) as connection:
        lines = connection.execute(
            sa.select(runs.c.id, runs.c.campaign).where(runs.c.store_id == store_id)
        ).all()
        for line in lines:
            progress = run_progress(connection, line.id)
            if line.id not in shown:
                shown[line.id] = (
                    bar.add_task(f"{line.campaign}: codes", total=None),
                    bar.add_task(f"{line.campaign}: e-mails", total=None),
                )
            code_task, mail_task = shown[line.id]
            bar.update(code_task, total=progress.planned or None, completed=progress.codes_live)
            bar.update(
                mail_task,
                total=progress.to_send or None,
                completed=progress.messages_sent + progress.messages_held,
            )


def _figures(parts: Services, store_id: int) -> dict[str, Any]:
    with reading(parts.engine) as connection:

        def count(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
            query = sa.select(sa.func.count()).select_from(table).where(table.c.store_id == store_id, *where)
            return int(connection.scalar(query) or 0)

        return {
            "runs": count(runs),
            "codes_live": count(codes, codes.c.state == CodeState.LIVE),
            "messages_sent": count(messages, messages.c.state == MessageState.SENT),
            "messages_held": count(messages, messages.c.state.in_(_HELD)),
        }
