"""Making a run's plan: read the audience, hold it against the guardrails, freeze it, and put a digest on it.

Crash points: recipients are written in pieces before the plan has a digest and before the run refers to it. A process that
dies in between leaves a plan without digest, which the next attempt clears away; nobody can approve it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import Proposal
from tillroll.campaign.language.models import Status
from tillroll.campaign.sentences.happened import say_happened
from tillroll.campaign.states import RunState
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.pools import POOL
from tillroll.ledger.tables import entries, plans, runs, stores
from tillroll.plan.audience import Selection
from tillroll.plan.catalog import unread
from tillroll.plan.freeze import clear_unfinished, freeze_audience
from tillroll.plan.pool import lacking, only_fills_pool
from tillroll.plan.propose import propose
from tillroll.plan.record import current_revision
from tillroll.plan.segments.answerable import unanswered
from tillroll.plan.send_back import in_short
from tillroll.plan.since import since_approved
from tillroll.plan.subject import Subject


def make_plan(engine: Engine, *, run_id: int, now: datetime, per_minute: int) -> RunState:
    """Plan one run that is in `planning`; returns the state it is in afterwards. Harmless to repeat."""
    with reading(engine) as connection:
        run = connection.execute(sa.select(runs).where(runs.c.id == run_id)).one()
        if run.state != RunState.PLANNING:
            return RunState(run.state)
        store = connection.execute(sa.select(stores).where(stores.c.id == run.store_id)).one()
        found = current_revision(connection, run.store_id, run.campaign)
    later = now + timedelta(minutes=1)
    if found is None:
        reason = "its files have faults or are gone"
        return _settle(engine, run_id, RunState.PLANNING, reason, now, not_before=later)
    if found[1].campaign.status is not Status.ACTIVE:
        reason = f"the campaign is {found[1].campaign.status}"
        return _settle(engine, run_id, RunState.PLANNING, reason, now, not_before=later)
    if run.step > max(1, len(found[1].campaign.steps)):
        reason = f"the campaign has no step {run.step} any more"
        return _settle(engine, run_id, RunState.DONE, reason, now)
    if only_fills_pool(found[1].campaign) and run.kind != POOL:
        reason = "the campaign only fills its pool, which goes by itself"
        return _settle(engine, run_id, RunState.DONE, reason, now)
    subject = _subject(engine, run, store, *found, now)
    if reason := (
        unread(engine, store, subject.goods_named.values())
        or unanswered(engine, store, subject.revision, now)
    ):
        return _settle(engine, run_id, RunState.PLANNING, reason, now, not_before=later)
    clear_unfinished(engine, run_id)
    plan_id, read = freeze_audience(engine, subject, now)
    selection = read.selection
    proposal = propose(engine, subject, read, now=now, per_minute=per_minute)
    plan = (plan_id, proposal)
    if selection.count == 0 and not subject.pool_codes:
        reason = _no_pool(subject) if subject.makes_pool else _nobody(selection)
        return _settle(engine, run_id, RunState.DONE, reason, now, plan=plan)
    if proposal.refusals:
        reason = "; ".join(verdict.text for verdict in proposal.refusals)
        return _settle(engine, run_id, RunState.REFUSED, reason, now, plan=plan)
    return _settle(engine, run_id, RunState.WAITING, _void(engine, subject, plan), now, plan=plan)


def _subject(
    engine: Engine,
    run: sa.Row[Any],
    store: sa.Row[Any],
    revision_id: int,
    revision: Revision,
    now: datetime,
) -> Subject:
    """The run with what happened to whom, if it is about an event, and how many codes it makes, if it fills a pool."""
    entry: sa.Row[Any] | None = None
    pool_codes = 0
    with reading(engine) as connection:
        if run.entry_id is not None:
            entry = connection.execute(sa.select(entries).where(entries.c.id == run.entry_id)).one()
    if run.kind == POOL:
        pool_codes = lacking(engine, run.store_id, revision, now=now)
    return Subject(
        run_id=run.id,
        slot_key=run.slot_key,
        slot_at=run.slot_at,
        store=store,
        revision_id=revision_id,
        revision=revision,
        kind=run.kind,
        step=run.step,
        only=entry.customer_id if entry is not None else None,
        happened=say_happened(revision.campaign.when.on, entry.facts, store.currency)
        if entry is not None
        else "",
        facts=entry.facts if entry is not None else None,
        pool_codes=pool_codes,
    )


def _void(engine: Engine, subject: Subject, plan: tuple[int, Proposal]) -> str:
    """Whose approval of this run is void, and what changed since; empty when nobody had approved it."""
    plan_id, proposal = plan
    with reading(engine) as connection:
        since = since_approved(
            connection,
            store_id=subject.store.id,
            revision=subject.revision,
            proposal=proposal,
            run_id=subject.run_id,
            plan_id=plan_id,
        )
    if since is None or not since.same_run:
        return ""
    return f"{since.person}'s approval is void: {in_short(since.said())}"


def _no_pool(subject: Subject) -> str:
    """Why a pool run makes nothing."""
    return "the pool is full" if subject.campaign.codes.pool else "the campaign has no pool any more"


def _nobody(selection: Selection) -> str:
    """Why a run has no recipients, as far as one reason says it."""
    reasons = list(selection.excluded)
    return reasons[0] if selection.matched == 1 and reasons else "nobody is in the audience"


def _settle(
    engine: Engine,
    run_id: int,
    state: RunState,
    reason: str,
    now: datetime,
    *,
    plan: tuple[int, Proposal] | None = None,
    not_before: datetime | None = None,
) -> RunState:
    """Put the plan in force and move the run on, unless somebody else has moved it meanwhile."""
    final = {RunState.REFUSED, RunState.DONE}
    values: dict[str, Any] = {"state": state, "reason": reason, "not_before": not_before, "changed_at": now}
    values["finished_at"] = now if state in final else None
    with writing(engine) as connection:
        if plan is not None:
            plan_id, proposal = plan
            values["plan_id"] = plan_id
            _finish_plan(connection, plan_id, proposal)
        still = (runs.c.id == run_id, runs.c.state == RunState.PLANNING)
        changed = connection.execute(sa.update(runs).where(*still).values(values)).rowcount
        if changed != 1:
            connection.rollback()
            return RunState(connection.scalars(sa.select(runs.c.state).where(runs.c.id == run_id)).one())
        if plan is not None:
            body = {
                "digest": plan[1].digest,
                "codes": plan[1].code_count,
                "worst_case": plan[1].exposure.worst_case,
            }
            audit.record(
                connection, at=now, actor="loop", action="plan.made", subject=f"run {run_id}", body=body
            )
    return state


def _finish_plan(connection: Connection, plan_id: int, proposal: Proposal) -> None:
    connection.execute(
        sa.update(plans)
        .where(plans.c.id == plan_id)
        .values(
            digest=proposal.digest,
            body=proposal.to_json(),
            audience_count=proposal.audience.count,
            code_count=proposal.code_count,
            worst_case=proposal.exposure.worst_case,
            expected=proposal.exposure.expected,
        )
    )
