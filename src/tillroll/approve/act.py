"""Approving and rejecting plans: the decision, its audit row and the run's next state are one transaction.

The transaction holds the store's row, so that two approvals at once can't exceed a budget together. The audience is counted
before: for a million recipients that takes seconds, and they can't change after (`ledger/queries/plans.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.budgets import limits_exceeded_by_run
from tillroll.approve.decide import (
    OwnPlans,
    Person,
    has_quorum,
    is_within_policy,
    reasons_against,
)
from tillroll.approve.people import people_behind
from tillroll.campaign.frozen.proposal import POLICY, StoredPlan
from tillroll.campaign.states import ItemKind, RunState, Stage
from tillroll.errors import Conflict, NotAllowed, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import lock_store_row, reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import resting_items
from tillroll.ledger.queries.plans import Recount, load_plan, load_revision, recount_plan
from tillroll.ledger.queries.runs import load_run, move_run, run_item, runs_in
from tillroll.ledger.records import Run
from tillroll.ledger.tables import approvals


def approve(
    engine: Engine,
    *,
    run_id: int,
    digest: str,
    person: Person,
    note: str,
    now: datetime,
    own_plans: OwnPlans = OwnPlans.AUTO,
) -> RunState:
    """Record that a person approves one digest. Returns the run's state: approved once enough people have.

    `own_plans`: whether somebody who asked for the run may be its only approver.
    Raises `Refused` with every reason against it.
    """
    recount = recount_plan(engine, run_id)
    with writing(engine) as connection:
        run = load_run(connection, run_id)
        lock_store_row(connection, run.store_id)
        plan = _plan_to_decide(connection, run_id)
        approved_by = _approved_by(connection, plan.plan_id)
        state = RunState(load_run(connection, run_id).state)
        against = reasons_against(
            person=person,
            store_id=run.store_id,
            digest=digest,
            plan=plan,
            state=state,
            approved_by=approved_by,
            asked_by=people_behind(connection, run, plan, own_plans),
            now=now,
        )
        if not against and not recount.agrees(connection, plan):
            against = ("the audience in the ledger no longer fits the plan's digest",)
        revision = load_revision(connection, plan.revision_id)
        against = against or limits_exceeded_by_run(connection, run.store_id, plan, revision, now)
        if against:
            raise _refusal(person, run, against)
        _record(connection, run_id, plan, "approve", person.email, note, now)
        if not has_quorum([*approved_by, person.email], plan.proposal.approvers):
            return RunState.WAITING
        _move(connection, run_id, RunState.APPROVED, now)
        return RunState.APPROVED


def reject(engine: Engine, *, run_id: int, digest: str, person: Person, note: str, now: datetime) -> None:
    """Record that a person rejects one digest, which ends the run. Raises `Refused` with every reason against it."""
    with writing(engine) as connection:
        plan = _plan_to_decide(connection, run_id)
        run = load_run(connection, run_id)
        against = reasons_against(
            person=person,
            store_id=run.store_id,
            digest=digest,
            plan=plan,
            state=run.state,
            approved_by=(),
            now=now,
        )
        if against:
            raise _refusal(person, run, against)
        if not note.strip():
            raise Refused(
                f"A note is required when rejecting run {run_id}: the campaign's author reads it.",
                hint="Say in the note what to change.",
            )
        connection.execute(  # a person who approved it before may change their mind
            sa.delete(approvals).where(
                approvals.c.plan_id == plan.plan_id, approvals.c.person == person.email
            )
        )
        _record(connection, run_id, plan, "reject", person.email, note, now)
        _move(connection, run_id, RunState.REJECTED, now, reason=note)


def settle_waiting_runs(
    engine: Engine,
    *,
    store_id: int,
    now: datetime,
    counting: dict[int, Recount] | None = None,
    finished: Callable[[], bool] = lambda: False,
) -> int:
    """Approve the plans that their campaign's policy allows, and end those that waited too long. Returns how many.

    `counting` keeps, by run, the recounts that are not done when the time is up (`finished`); the next call continues them.
    """
    counting = {} if counting is None else counting
    with reading(engine) as connection:
        waiting = runs_in(connection, store_id, {RunState.WAITING})
        resting = resting_items(connection, store_id, ItemKind.RUN, now=now)
    for run_id in counting.keys() - {run.id for run in waiting}:
        del counting[run_id]
    settled = 0
    for run in waiting:
        if str(run.id) not in resting:
            with contained(engine, run_item(run), stage=Stage.APPROVE, now=now):
                settled += _settle_run(engine, store_id, run.id, now, counting, finished)
    return settled


def _settle_run(
    engine: Engine,
    store_id: int,
    run_id: int,
    now: datetime,
    counting: dict[int, Recount],
    finished: Callable[[], bool],
) -> bool:
    with reading(engine) as connection:  # most runs just go on waiting, and need no write lock
        plan = load_plan(connection, run_id)
        if plan is None:
            return False
        expired = now >= plan.expires_at
        if not expired and not _may_go(connection, store_id, plan, now):
            return False
    recount = None if expired else counting.pop(run_id, None) or Recount(engine, run_id)
    if recount is not None and not recount.step(finished):
        counting[run_id] = recount
        return False
    with writing(engine) as connection:
        run = load_run(connection, run_id)
        lock_store_row(connection, run.store_id)
        if run.state != RunState.WAITING or run.plan_id != plan.plan_id:
            return False
        if expired:
            _move(connection, run_id, RunState.EXPIRED, now, reason="nobody decided in time")
            audit.record(
                connection,
                at=now,
                actor=POLICY,
                action="plan.expired",
                subject=f"run {run_id}",
                body={},
                way=audit.Way.POLICY,
            )
            return True
        if not _may_go(connection, run.store_id, plan, now):
            return False
        if recount is None or not recount.agrees(connection, plan):
            return False
        _record(connection, run_id, plan, "approve", POLICY, "within the campaign's auto_when", now)
        _move(connection, run_id, RunState.APPROVED, now)
        return True


def _may_go(connection: Connection, store_id: int, plan: StoredPlan, now: datetime) -> bool:
    """Return whether the campaign's policy allows it, as far as that is known without counting the audience."""
    revision = load_revision(connection, plan.revision_id)
    if not is_within_policy(plan, revision.campaign.approval) or _approved_by(connection, plan.plan_id):
        return False
    # with a budget exceeded, a person sees the reason when they try to approve it
    return not limits_exceeded_by_run(connection, store_id, plan, revision, now)


def _plan_to_decide(connection: Connection, run_id: int) -> StoredPlan:
    plan = load_plan(connection, run_id)
    if plan is None:
        raise Conflict(
            f"Run {run_id} has no plan to decide on.", hint="Wait until it is planned, then look again."
        )
    return plan


def _approved_by(connection: Connection, plan_id: int) -> list[str]:
    query = sa.select(approvals.c.person).where(
        approvals.c.plan_id == plan_id, approvals.c.decision == "approve"
    )
    return list(connection.scalars(query))


def _refusal(person: Person, run: Run, against: tuple[str, ...]) -> Refused:
    text = f"Run {run.id} can't be decided on: {'; '.join(against)}."
    if not person.may_decide(run.store_id):
        return NotAllowed(text, hint="Ask somebody with the approver role for this store.")
    return Refused(text, hint="Look at the run's page again and decide on what it shows now.")


def _record(
    connection: Connection,
    run_id: int,
    plan: StoredPlan,
    decision: str,
    person: str,
    note: str,
    now: datetime,
) -> None:
    connection.execute(
        sa.insert(approvals).values(
            run_id=run_id,
            plan_id=plan.plan_id,
            digest=plan.digest,
            decision=decision,
            person=person,
            note=note,
            at=now,
        )
    )
    action = {"approve": "plan.approved", "reject": "plan.rejected"}[decision]
    body = {"digest": plan.digest, "note": note}
    way = audit.Way.POLICY if person == POLICY else None
    subject = f"run {run_id}"
    audit.record(connection, at=now, actor=person, action=action, subject=subject, body=body, way=way)


def _move(connection: Connection, run_id: int, to: RunState, now: datetime, reason: str = "") -> None:
    if not move_run(connection, run_id, was={RunState.WAITING}, to=to, now=now, reason=reason):
        raise Conflict(f"Run {run_id} has changed meanwhile; look again.")
