"""What people are told of runs: one awaits approval, expires soon, was done, is held.

It is read from the ledger as it is now, so nothing is missed by a process that dies. What happened long ago is not told: people
of a ledger that is brought up to date get no notices of its past.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.states import FaultState, ItemKind, MessageState, NoticeKind, RunState
from tillroll.campaign.text.counts import count_of
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import concerns_everybody
from tillroll.ledger.faults.rows import list_faults
from tillroll.ledger.faults.sentences import say_fault
from tillroll.ledger.people.notices import Notice, keep, kept_topics
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.records import ItemFault, Run
from tillroll.ledger.tables import approvals, runs
from tillroll.loop.notices.receipt import say_receipt
from tillroll.loop.notices.whom import ShopPeople
from tillroll.track.results.progress import run_progress

log = structlog.get_logger("tillroll.loop")

_LATELY = timedelta(days=2)
_MOST_LATELY = 200  # runs looked at in one turn, of those that don't wait for anybody
_MOST_MADE = 50  # notices made in one turn

Telling = Callable[[Connection, "ShopPeople", Run, StoredPlan, str, datetime], "Notice | None"]


def keep_run_notices(people: ShopPeople, *, counting: frozenset[int]) -> None:
    """Note whom to tell of the store's runs. `counting`: runs whose policy may approve them once their recipients are counted."""
    now = people.services.clock.now()
    for kind, states, tell in (
        (NoticeKind.APPROVAL, {RunState.WAITING}, _approval),
        (NoticeKind.EXPIRING, {RunState.WAITING}, _expiring),
        (NoticeKind.DONE, {RunState.TRACKING, RunState.DONE}, _done),
        (NoticeKind.HELD, {RunState.HALTED}, _halted),
    ):
        with reading(people.services.engine) as connection:
            if not people.are_told(connection, kind):
                continue
            found = [run for run in _runs(connection, people, states, now) if run.id not in counting]
            made = list(islice(_untold(connection, people, kind, found, tell, now), _MOST_MADE))
        _keep(people, made, now)
    _keep_faults(people, now)


def _runs(connection: Connection, people: ShopPeople, states: set[RunState], now: datetime) -> list[Run]:
    """Return the runs in some states. Of those that wait, all; of the others, those of lately that no flow and no pool made."""
    query = sa.select(runs).where(runs.c.store_id == people.store.id, runs.c.state.in_(states))
    if RunState.WAITING not in states:
        lately = (runs.c.changed_at > now - _LATELY, runs.c.entry_id.is_(None), runs.c.kind == "")
        query = query.where(*lately).order_by(runs.c.id.desc()).limit(_MOST_LATELY)
    return [Run.from_row(row) for row in connection.execute(query.order_by(runs.c.id))]


def _untold(
    connection: Connection,
    people: ShopPeople,
    kind: NoticeKind,
    found: list[Run],
    tell: Telling,
    now: datetime,
) -> Iterator[tuple[Notice, list[str]]]:
    """Yield what nobody was told of yet, and whom to tell."""
    ids = [run.id for run in found]
    told = kept_topics(connection, people.store.id, ids) if ids else frozenset()
    voided = _voided(connection, ids) if ids else {}
    for run in found:
        topic = _topic(run, voided.get(run.id, 0))
        if (kind, topic) in told:
            continue
        try:
            plan = load_plan(connection, run.id)
            if plan is None:
                continue
            addresses = people.addresses(connection, kind, owner=plan.proposal.owner)
            notice = tell(connection, people, run, plan, topic, now) if addresses else None
        except Exception as fault:  # one run that can't be told of costs the others nothing
            if concerns_everybody(fault):
                raise
            log.exception("notice.bug", run=run.id, kind=kind)
            continue
        if notice is not None:
            yield notice, addresses


def _voided(connection: Connection, run_ids: list[int]) -> dict[int, int]:
    """Return how many plans of each run were decided on that are no longer in force."""
    query = (
        sa.select(runs.c.id, sa.func.count(sa.distinct(approvals.c.plan_id)).label("plans"))
        .join(approvals, approvals.c.run_id == runs.c.id)
        .where(runs.c.id.in_(run_ids), approvals.c.plan_id != runs.c.plan_id)
        .group_by(runs.c.id)
    )
    return {row.id: row.plans for row in connection.execute(query)}


def _topic(run: Run, voided: int) -> str:
    """Return what tells an occurrence from the next one: an approval that became void, or when the run was halted."""
    if run.state is RunState.WAITING:
        return f"run {run.id} plan {voided}"
    if run.state is RunState.HALTED and run.finished_at is not None:
        return f"run {run.id} halted {run.finished_at.isoformat()}"
    return f"run {run.id}"


def _keep(people: ShopPeople, made: list[tuple[Notice, list[str]]], now: datetime) -> None:
    if made:
        with writing(people.services.engine) as connection:
            for notice, addresses in made:
                keep(connection, people.store.id, notice, addresses, now)


def _approval(
    connection: Connection, people: ShopPeople, run: Run, plan: StoredPlan, topic: str, now: datetime
) -> Notice | None:
    if now >= plan.expires_at:
        return None
    return Notice(
        kind=NoticeKind.APPROVAL,
        topic=topic,
        run_id=run.id,
        subject=f"{people.name}: “{plan.proposal.title}” awaits approval",
        paragraphs=(
            f"Run {run.id} of “{plan.proposal.title}” is planned, and begins once it is approved.",
            *say_receipt(plan, people.store.timezone),
            _decide(people, run),
        ),
    )


def _expiring(
    connection: Connection, people: ShopPeople, run: Run, plan: StoredPlan, topic: str, now: datetime
) -> Notice | None:
    soon = min(people.rules.expiring_within, (plan.expires_at - plan.made_at) / 2)
    if not plan.expires_at - soon <= now < plan.expires_at:
        return None
    return Notice(
        kind=NoticeKind.EXPIRING,
        topic=topic,
        run_id=run.id,
        subject=f"{people.name}: “{plan.proposal.title}” expires soon",
        paragraphs=(
            f"Nobody has decided on run {run.id} of “{plan.proposal.title}” yet. Undecided, it makes no codes and sends nothing.",
            *say_receipt(plan, people.store.timezone),
            _decide(people, run),
        ),
    )


def _decide(people: ShopPeople, run: Run) -> str:
    page = people.page(f"runs/{run.id}")
    return f"Read and decide: {page}" if page else f"Read and decide: tillroll approve {run.id}"


def _done(
    connection: Connection, people: ShopPeople, run: Run, plan: StoredPlan, topic: str, now: datetime
) -> Notice | None:
    progress = run_progress(connection, run.id)
    others = ", ".join(
        f"{progress.messages[state]:,} {state.value}"
        for state in (MessageState.FAILED, MessageState.HELD, MessageState.UNKNOWN)
        if progress.messages.get(state)
    )
    page, title, program = people.page(f"runs/{run.id}"), plan.proposal.title, plan.proposal.codes_sent_by
    made = f"Run {run.id} of “{title}” has made {count_of(progress.codes_live, 'code')}"
    return Notice(
        kind=NoticeKind.DONE,
        topic=topic,
        run_id=run.id,
        subject=f"{people.name}: the codes of “{title}” were made"
        if program
        else f"{people.name}: “{title}” was sent",
        paragraphs=(
            f"{made}. Tillroll sends no e-mail: {program} is told of them, and sends them."
            if program
            else f"{made} and sent {count_of(progress.messages_sent, 'e-mail')}.",
            f"Not sent for certain: {others}. The run's page says why." if others else "",
            f"What its codes earn: {page}" if page else "",
        ),
    )


def _halted(
    connection: Connection, people: ShopPeople, run: Run, plan: StoredPlan, topic: str, now: datetime
) -> Notice | None:
    page = people.page(f"runs/{run.id}")
    return Notice(
        kind=NoticeKind.HELD,
        topic=topic,
        run_id=run.id,
        subject=f"{people.name}: “{plan.proposal.title}” is halted",
        paragraphs=(
            f"Run {run.id} of “{plan.proposal.title}” was halted while {run.halted_in or 'it was open'}.",
            f"{run.reason.rstrip('.')}." if run.reason else "",
            f"To go on: {page}" if page else f"To go on: tillroll restart {run.id}",
        ),
    )


def _keep_faults(people: ShopPeople, now: datetime) -> None:
    """Note whom to tell of runs that are set aside after a fault."""
    store_id = people.store.id
    with reading(people.services.engine) as connection:
        addresses = people.addresses(connection, NoticeKind.HELD)
        if not addresses:
            return
        aside = [
            fault
            for fault in list_faults(connection, store_id, now=now)
            if fault.state is FaultState.SET_ASIDE and fault.kind is ItemKind.RUN and fault.run_id is not None
        ]
        told = kept_topics(
            connection, store_id, [fault.run_id for fault in aside if fault.run_id is not None]
        )
        made = [
            (_of_fault(connection, people, fault), addresses)
            for fault in aside
            if (NoticeKind.HELD, _fault_topic(fault)) not in told
        ]
    _keep(people, made, now)


def _fault_topic(fault: ItemFault) -> str:
    return f"fault {fault.reference} {fault.first_at.isoformat()}"


def _of_fault(connection: Connection, people: ShopPeople, fault: ItemFault) -> Notice:
    assert fault.run_id is not None  # noqa: S101 - the caller asks for faults of runs
    run = load_run(connection, fault.run_id)
    page = people.page(f"runs/{run.id}")
    return Notice(
        kind=NoticeKind.HELD,
        topic=_fault_topic(fault),
        run_id=run.id,
        subject=f"{people.name}: run {run.id} of {run.campaign} is set aside",
        paragraphs=(say_fault(fault), f"The run's page: {page}" if page else ""),
    )
