"""Halting and restarting a run, or a whole campaign. Sending stops with the decision; the loop pauses the codes after it.

The decision, its audit row, the runs' states and the change of their codes are one transaction, which holds the store's row, so
that two decisions at once can't exceed a budget together. Halting takes one person; a run that had begun is restarted by as many
different approvers as its plan took (`agree.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.agree import AgreementTopic, approvers_needed, record_agreement
from tillroll.approve.budgets import limits_exceeded_again
from tillroll.approve.change import refuse_if_exceeded, released_exposure, require_may_decide
from tillroll.approve.decide import Person
from tillroll.campaign.states import (
    CODE_IN_STORE,
    RUN_BEGUN,
    RUN_FINAL,
    RUN_OPEN,
    ChangeKind,
    CodeState,
    RunState,
)
from tillroll.errors import Conflict, NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import lock_store_row, writing
from tillroll.ledger.queries.agreements import PendingAgreement
from tillroll.ledger.queries.changes import Scope, add_change
from tillroll.ledger.queries.entries import note_inactive
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.queries.runs import load_run, move_run
from tillroll.ledger.queries.select_codes import how_many, select_codes
from tillroll.ledger.records import CampaignRecord, Run
from tillroll.ledger.tables import campaigns, codes, revisions, runs

COMPLAINTS = Person(email="the limit on complaints", roles=frozenset())
"""Halts campaigns in place of a person."""

_BACK_TO = {
    RunState.MINTING: RunState.MINTING,
    RunState.SENDING: RunState.MINTING,  # it is sending again once its codes are switched on
    RunState.TRACKING: RunState.TRACKING,
}
"""The state of a restarted run by the state it was halted in. A run that hadn't begun is planned and approved anew."""


def halt(engine: Engine, *, run_id: int, person: Person, note: str, now: datetime) -> None:
    """Halt a run that hasn't ended: no more codes are made or e-mails sent, and its codes are paused. Raises `Conflict`."""
    with writing(engine) as connection:
        run = load_run(connection, run_id)
        require_may_decide(person, run.store_id, f"halt run {run_id}")
        if run.state in RUN_FINAL:
            raise Conflict(f"Run {run_id} is {run.state} already.")
        if not _halt(connection, run, person, note, now):
            raise Conflict(f"Run {run_id} has changed meanwhile; look again.")
        _pause(
            connection, Scope(store_id=run.store_id, campaign=run.campaign, run_id=run_id), person, note, now
        )


def halt_campaign(
    engine: Engine, *, store_id: int, campaign: str, person: Person, note: str, now: datetime
) -> list[int]:
    """Halt a campaign: its open runs are halted, it begins no new ones, and its codes are paused. Returns the halted runs."""
    with writing(engine) as connection:
        require_may_decide(person, store_id, f"halt campaign {campaign!r}")
        row = _campaign(connection, store_id, campaign)
        if row.halted_at is not None:
            raise Conflict(f"Campaign {campaign!r} is halted already, by {row.halted_by}.")
        halted = _halt_campaign(connection, row, person, note, now)
        _pause(connection, Scope(store_id=store_id, campaign=campaign), person, note, now)
    return halted


def hold_campaign(
    engine: Engine,
    *,
    store_id: int,
    campaign: str,
    note: str,
    now: datetime,
    also: Callable[[Connection], None] | None = None,
) -> bool:
    """Halt a campaign because too many readers complain, until a person restarts it. Returns whether it wasn't halted already.

    Its codes go on working: the people who have them did nothing. `also` writes something in the same transaction, if it is new.
    """
    with writing(engine) as connection:
        row = _campaign(connection, store_id, campaign)
        if row.halted_at is not None:
            return False
        _halt_campaign(connection, row, COMPLAINTS, note, now)
        if also is not None:
            also(connection)
    return True


def _halt_campaign(
    connection: Connection, row: CampaignRecord, person: Person, note: str, now: datetime
) -> list[int]:
    """Halt a campaign with its open runs. Returns these."""
    halting = {"halted_at": now, "halted_by": person.email}
    connection.execute(sa.update(campaigns).where(campaigns.c.id == row.id).values(halting))
    of_campaign = (runs.c.store_id == row.store_id, runs.c.campaign == row.name)
    open_ = runs.c.state.in_(sorted(RUN_OPEN))
    rows = connection.execute(sa.select(runs).where(*of_campaign, open_).order_by(runs.c.id))
    open_runs = [Run.from_row(each) for each in rows]
    halted = [run.id for run in open_runs if _halt(connection, run, person, note, now)]
    body, subject = {"note": note, "runs": halted}, f"campaign {row.name}"
    audit.record(connection, at=now, actor=person.email, action="campaign.halted", subject=subject, body=body)
    note_inactive(connection, store_id=row.store_id, campaign=row.name, reason="the campaign is halted")
    return halted


def _campaign(connection: Connection, store_id: int, name: str) -> CampaignRecord:
    where = (campaigns.c.store_id == store_id, campaigns.c.name == name)
    row = connection.execute(sa.select(campaigns).where(*where)).first()
    if row is None:
        raise NotFound(
            f"There is no campaign {name!r}.", hint="`tillroll status` lists the campaigns the loop knows."
        )
    return CampaignRecord.from_row(row)


def _halt(connection: Connection, run: Run, person: Person, note: str, now: datetime) -> bool:
    reason = note or f"halted by {person.email}"
    also = {"halted_in": run.state}
    was = {RunState(run.state)}
    if not move_run(connection, run.id, was=was, to=RunState.HALTED, now=now, reason=reason, **also):
        return False
    subject, body = f"run {run.id}", {"note": note}
    audit.record(connection, at=now, actor=person.email, action="run.halted", subject=subject, body=body)
    return True


def _pause(connection: Connection, scope: Scope, person: Person, note: str, now: datetime) -> None:
    """Request a pause of the codes, including those that are on their way into the store, if there are any."""
    coming = sa.select(codes.c.id).join(runs, runs.c.id == codes.c.run_id).where(*scope.runs)
    coming = coming.where(codes.c.state == CodeState.POSTING).limit(1)
    if how_many(connection, select_codes(connection, scope, ChangeKind.PAUSE, now=now)) or how_many(
        connection, coming
    ):
        add_change(connection, scope, ChangeKind.PAUSE, person=person.email, note=note, now=now)


def restart(
    engine: Engine, *, run_id: int, person: Person, note: str, now: datetime
) -> RunState | PendingAgreement:
    """Restart a halted run where it was; its paused codes are switched on first. Returns the run's new state.

    Returns the pending agreement while approvers are missing. Raises `Conflict` and `Refused`, the latter also for a budget.
    """
    with writing(engine) as connection:
        run = load_run(connection, run_id)
        require_may_decide(person, run.store_id, f"restart run {run_id}")
        lock_store_row(connection, run.store_id)
        if _campaign(connection, run.store_id, run.campaign).halted_at is not None:
            raise Conflict(
                f"The whole campaign {run.campaign!r} is halted.",
                hint=f"Run: tillroll restart {run.campaign}",
            )
        scope = Scope(store_id=run.store_id, campaign=run.campaign, run_id=run_id)
        _require_restartable(run, now)
        _check_budgets(connection, scope, [run], now)
        pending = _agree(connection, scope, [run], _halted_at(run), person, note, now)
        if pending is not None:
            return pending
        state = _restart(connection, run, person, note, now)
        _resume(connection, scope, person, note, now)
    return state


def restart_campaign(
    engine: Engine, *, store_id: int, campaign: str, person: Person, note: str, now: datetime
) -> list[int] | PendingAgreement:
    """Restart a halted campaign and the runs that were halted with it; its paused codes are switched on. Returns these runs.

    Slots that were due meanwhile are skipped. Returns the pending agreement while approvers are missing. Raises `Conflict` and
    `Refused`, also when a budget would be exceeded.
    """
    with writing(engine) as connection:
        require_may_decide(person, store_id, f"restart campaign {campaign!r}")
        lock_store_row(connection, store_id)
        row = _campaign(connection, store_id, campaign)
        if row.halted_at is None:
            raise Conflict(f"Campaign {campaign!r} isn't halted.")
        of_campaign = (runs.c.store_id == store_id, runs.c.campaign == campaign)
        with_it = (
            runs.c.state == RunState.HALTED,
            runs.c.finished_at == row.halted_at,
            runs.c.halted_in != "",
        )
        halted = connection.execute(sa.select(runs).where(*of_campaign, *with_it).order_by(runs.c.id))
        to_restart = [run for run in map(Run.from_row, halted) if not _have_codes_expired(run, now)]
        scope = Scope(store_id=store_id, campaign=campaign)
        _check_budgets(connection, scope, to_restart, now)
        pending = _agree(connection, scope, to_restart, row.halted_at, person, note, now)
        if pending is not None:
            return pending
        values = {"halted_at": None, "halted_by": "", "considered_until": now}
        connection.execute(sa.update(campaigns).where(campaigns.c.id == row.id).values(values))
        note_inactive(connection, store_id=store_id, campaign=campaign, reason="")
        for run in to_restart:
            _restart(connection, run, person, note, now)
        body = {"note": note, "runs": [run.id for run in to_restart]}
        subject = f"campaign {campaign}"
        audit.record(
            connection, at=now, actor=person.email, action="campaign.restarted", subject=subject, body=body
        )
        _resume(connection, scope, person, note, now)
    return [run.id for run in to_restart]


def _halted_at(run: Run) -> datetime:
    """Return when a halted run was halted."""
    assert run.finished_at is not None  # noqa: S101 - written with the state
    return run.finished_at


def _have_codes_expired(run: Run, now: datetime) -> bool:
    """Return whether the codes of a run have all expired."""
    until = run.extended_until or run.valid_until
    return until is not None and until <= now


def _agree(
    connection: Connection,
    scope: Scope,
    to_restart: list[Run],
    halted_at: datetime,
    person: Person,
    note: str,
    now: datetime,
) -> PendingAgreement | None:
    """Record that a person agrees to a restart; None once enough people have. Runs that hadn't begun are approved anew anyway."""
    begun = [run.id for run in to_restart if run.halted_in in RUN_BEGUN]
    needed = approvers_needed(connection, scope, begun)
    since = f"halted {halted_at.isoformat()}"
    topic = AgreementTopic(scope=scope, kind="restart", since=since, needed=needed)
    return record_agreement(connection, topic, person=person, note=note, now=now)


def _require_restartable(run: Run, now: datetime) -> None:
    if run.state != RunState.HALTED:
        raise Conflict(f"Run {run.id} is {run.state}, not halted.")
    if not run.halted_in:
        raise Refused(
            f"Run {run.id} was ended for good: {run.reason}.", hint="Start another: tillroll run CAMPAIGN"
        )
    if _have_codes_expired(run, now):
        raise Refused(f"The codes of run {run.id} have expired.", hint="Start another: tillroll run CAMPAIGN")


def _restart(connection: Connection, run: Run, person: Person, note: str, now: datetime) -> RunState:
    to = _BACK_TO.get(RunState(run.halted_in), RunState.PLANNING)
    also = {"halted_in": ""} if to in RUN_BEGUN else {"halted_in": "", "plan_id": None}
    if not move_run(connection, run.id, was={RunState.HALTED}, to=to, now=now, **also):
        raise Conflict(f"Run {run.id} has changed meanwhile; look again.")
    subject, body = f"run {run.id}", {"note": note, "to": to.value}
    audit.record(connection, at=now, actor=person.email, action="run.restarted", subject=subject, body=body)
    return to


def _check_budgets(connection: Connection, scope: Scope, to_restart: list[Run], now: datetime) -> None:
    """Raise `Refused` if the restarted runs and the codes that work again would exceed a budget."""
    begun = [run.id for run in to_restart if run.halted_in in RUN_BEGUN]
    raised, rise = released_exposure(connection, scope, ChangeKind.RESUME, now=now, also=begun)
    if not raised:
        return
    row = _campaign(connection, scope.store_id, scope.campaign)
    revision_id = row.revision_id or connection.scalar(
        sa.select(sa.func.max(revisions.c.id)).where(
            revisions.c.store_id == scope.store_id, revisions.c.campaign == scope.campaign
        )
    )
    if revision_id is not None:
        exceeded = limits_exceeded_again(
            connection, scope.store_id, rise, load_revision(connection, revision_id), now
        )
        refuse_if_exceeded(exceeded, f"{scope} can't be restarted")


def _resume(connection: Connection, scope: Scope, person: Person, note: str, now: datetime) -> None:
    """Request that the paused codes are switched on, if there are any."""
    paused = sa.select(codes.c.id).join(runs, runs.c.id == codes.c.run_id).where(*scope.runs)
    paused = paused.where(codes.c.state.in_(sorted(CODE_IN_STORE - {CodeState.LIVE}))).limit(1)
    if how_many(connection, paused):
        add_change(connection, scope, ChangeKind.RESUME, person=person.email, note=note, now=now)
