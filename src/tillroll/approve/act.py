"""Carrying a decision out: the approval row, the audit row and the run's next state in one transaction.

Whoever decides holds the store's row meanwhile, so two approvals at once can't pass a budget together. The audience is counted
before that: of a million it takes seconds, and what was counted can't change (`ledger/plans.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.budgets import over_by_run
from tillroll.approve.decide import (
    MAY_DECIDE,
    Person,
    goes_by_policy,
    quorum_reached,
    reasons_against,
)
from tillroll.campaign.frozen.proposal import POLICY, StoredPlan
from tillroll.campaign.states import RunState
from tillroll.errors import Conflict, NotAllowed, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, take_turn, writing
from tillroll.ledger.plans import Recount, load_plan, load_revision, recounted
from tillroll.ledger.runs import load_run, move_run, runs_in
from tillroll.ledger.tables import approvals


def approve(
    engine: Engine, *, run_id: int, digest: str, person: Person, note: str, now: datetime
) -> RunState:
    """Record a person's agreement to one digest; with the quorum the run is approved. `Refused` lists every reason against."""
    recount = recounted(engine, run_id)
    with writing(engine) as connection:
        run = load_run(connection, run_id)
        take_turn(connection, run.store_id)
        plan = _plan_to_decide(connection, run_id)
        agreed = _approved_by(connection, plan.plan_id)
        state = RunState(load_run(connection, run_id).state)
        against = reasons_against(
            person=person, digest=digest, plan=plan, state=state, approved_by=agreed, now=now
        )
        if not against and not recount.agrees(connection, plan):
            against = ("the audience in the ledger no longer fits the plan's digest",)
        revision = load_revision(connection, plan.revision_id)
        against = against or over_by_run(connection, run.store_id, plan, revision, now)
        if against:
            raise _refusal(person, run_id, against)
        _record(connection, run_id, plan, "approve", person.email, note, now)
        if not quorum_reached([*agreed, person.email], plan.proposal.approvers):
            return RunState.WAITING
        _move(connection, run_id, RunState.APPROVED, now)
        return RunState.APPROVED


def reject(engine: Engine, *, run_id: int, digest: str, person: Person, note: str, now: datetime) -> None:
    """Record a person's no; it ends the run."""
    with writing(engine) as connection:
        plan = _plan_to_decide(connection, run_id)
        state = RunState(load_run(connection, run_id).state)
        against = reasons_against(
            person=person, digest=digest, plan=plan, state=state, approved_by=(), now=now
        )
        if against:
            raise _refusal(person, run_id, against)
        if not note.strip():
            raise Refused(
                f"A no to run {run_id} needs a reason: whoever wrote the campaign reads it.",
                hint="Say in the note what should be another way.",
            )
        connection.execute(  # a person who agreed before may change their mind
            sa.delete(approvals).where(
                approvals.c.plan_id == plan.plan_id, approvals.c.person == person.email
            )
        )
        _record(connection, run_id, plan, "reject", person.email, note, now)
        _move(connection, run_id, RunState.REJECTED, now, reason=note)


def settle_waiting(
    engine: Engine,
    *,
    store_id: int,
    now: datetime,
    counting: dict[int, Recount] | None = None,
    over: Callable[[], bool] = lambda: False,
) -> int:
    """What needs no person: let plans within their campaign's bounds go, and end those that waited too long.

    `counting`: keeps the recounts that aren't done when the slice is `over`, by their runs; the next call goes on with them.
    """
    counting = {} if counting is None else counting
    with reading(engine) as connection:
        waiting = [run.id for run in runs_in(connection, store_id, {RunState.WAITING})]
    for gone in counting.keys() - set(waiting):
        del counting[gone]
    return sum(_settle_one(engine, store_id, run_id, now, counting, over) for run_id in waiting)


def _settle_one(
    engine: Engine,
    store_id: int,
    run_id: int,
    now: datetime,
    counting: dict[int, Recount],
    over: Callable[[], bool],
) -> bool:
    with reading(engine) as connection:  # most waiting runs just wait: don't take the write lock for them
        plan = load_plan(connection, run_id)
        if plan is None:
            return False
        expired = now >= plan.expires_at
        if not expired and not _may_go(connection, store_id, plan, now):
            return False
    recount = None if expired else counting.pop(run_id, None) or Recount(engine, run_id)
    if recount is not None and not recount.step(over):
        counting[run_id] = recount
        return False
    with writing(engine) as connection:
        run = load_run(connection, run_id)
        take_turn(connection, run.store_id)
        if run.state != RunState.WAITING or run.plan_id != plan.plan_id:
            return False
        if expired:
            _move(connection, run_id, RunState.EXPIRED, now, reason="nobody decided in time")
            audit.record(
                connection, at=now, actor=POLICY, action="plan.expired", subject=f"run {run_id}", body={}
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
    """Whether the campaign's policy agrees, as far as that can be told without counting the audience."""
    revision = load_revision(connection, plan.revision_id)
    if not goes_by_policy(plan, revision.campaign.approval) or _approved_by(connection, plan.plan_id):
        return False
    # over a budget: a person sees the reason when trying to approve it
    return not over_by_run(connection, store_id, plan, revision, now)


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


def _refusal(person: Person, run_id: int, against: tuple[str, ...]) -> Refused:
    text = f"Run {run_id} can't be decided on: {'; '.join(against)}."
    if not person.roles & MAY_DECIDE:
        return NotAllowed(text, hint="Ask somebody with the approver role.")
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
    audit.record(connection, at=now, actor=person, action=action, subject=f"run {run_id}", body=body)


def _move(connection: Connection, run_id: int, to: RunState, now: datetime, reason: str = "") -> None:
    if not move_run(connection, run_id, was={RunState.WAITING}, to=to, now=now, reason=reason):
        raise Conflict(f"Run {run_id} has moved on; look again.")
