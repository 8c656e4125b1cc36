"""Stopping, and taking up again: a run, or a whole campaign. Sending stops with the decision; the codes are paused after it.

What may be decided, its audit row, the runs' states and the change of their codes are one transaction; the store's row is held
meanwhile, so that two decisions at once can't pass a budget together. Stopping takes one person; what had begun goes on only with
as many different approvers as its plan took (`agree.py`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.agree import Matter, agree, people_needed
from tillroll.approve.budgets import over_again
from tillroll.approve.change import needed_role, raised_by, refuse_over
from tillroll.approve.decide import Person
from tillroll.campaign.states import (
    CODE_IN_STORE,
    RUN_BEGUN,
    RUN_FINAL,
    RUN_OPEN,
    ChangeKind,
    CodeState,
    EntryState,
    RunState,
)
from tillroll.errors import Conflict, NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.agreements import Agreed
from tillroll.ledger.changes import Scope, add_change
from tillroll.ledger.engine import take_turn, writing
from tillroll.ledger.meant import how_many, meant
from tillroll.ledger.plans import load_revision
from tillroll.ledger.runs import load_run, move_run
from tillroll.ledger.tables import campaigns, codes, entries, revisions, runs

_BACK_TO = {
    RunState.MINTING: RunState.MINTING,
    RunState.SENDING: RunState.MINTING,  # it goes on to sending when its codes are on again
    RunState.TRACKING: RunState.TRACKING,
}
"""Where a run goes on, by where it was halted; one that hadn't begun is planned and approved anew."""


def halt(engine: Engine, *, run_id: int, person: Person, note: str, now: datetime) -> None:
    """Stop a run that hasn't ended: nothing more is made or sent, and its codes are paused."""
    with writing(engine) as connection:
        run = load_run(connection, run_id)
        needed_role(person, f"halt run {run_id}")
        if run.state in RUN_FINAL:
            raise Conflict(f"Run {run_id} is {run.state} already.")
        if not _halt(connection, run, person, note, now):
            raise Conflict(f"Run {run_id} has moved on; look again.")
        _pause(
            connection, Scope(store_id=run.store_id, campaign=run.campaign, run_id=run_id), person, note, now
        )


def halt_campaign(
    engine: Engine, *, store_id: int, campaign: str, person: Person, note: str, now: datetime
) -> list[int]:
    """Stop a campaign: its open runs are halted, it makes no new ones, and its codes are paused. The runs that were halted."""
    with writing(engine) as connection:
        needed_role(person, f"halt campaign {campaign!r}")
        row = _campaign(connection, store_id, campaign)
        if row.halted_at is not None:
            raise Conflict(f"Campaign {campaign!r} is halted already, by {row.halted_by}.")
        connection.execute(
            sa.update(campaigns).where(campaigns.c.id == row.id).values(halted_at=now, halted_by=person.email)
        )
        of_it = sa.select(runs).where(runs.c.store_id == store_id, runs.c.campaign == campaign)
        found = connection.execute(of_it.where(runs.c.state.in_(sorted(RUN_OPEN))).order_by(runs.c.id)).all()
        stopped = [run.id for run in found if _halt(connection, run, person, note, now)]
        body = {"note": note, "runs": stopped}
        subject = f"campaign {campaign}"
        audit.record(
            connection, at=now, actor=person.email, action="campaign.halted", subject=subject, body=body
        )
        _tell_entries(connection, store_id, campaign, "the campaign is halted")
        _pause(connection, Scope(store_id=store_id, campaign=campaign), person, note, now)
    return stopped


def _tell_entries(connection: Connection, store_id: int, campaign: str, reason: str) -> None:
    """Who waits for a step is told why it doesn't come; nobody is lost."""
    waiting = (entries.c.store_id == store_id, entries.c.state == EntryState.WAITING)
    connection.execute(
        sa.update(entries).where(*waiting, entries.c.campaign == campaign).values(reason=reason)
    )


def _campaign(connection: Connection, store_id: int, name: str) -> sa.Row[Any]:
    where = (campaigns.c.store_id == store_id, campaigns.c.name == name)
    row = connection.execute(sa.select(campaigns).where(*where)).first()
    if row is None:
        raise NotFound(
            f"There is no campaign {name!r}.", hint="`tillroll status` lists the campaigns the loop knows."
        )
    return row


def _halt(connection: Connection, run: sa.Row[Any], person: Person, note: str, now: datetime) -> bool:
    reason = note or f"halted by {person.email}"
    also = {"halted_in": run.state}
    was = {RunState(run.state)}
    if not move_run(connection, run.id, was=was, to=RunState.HALTED, now=now, reason=reason, **also):
        return False
    subject, body = f"run {run.id}", {"note": note}
    audit.record(connection, at=now, actor=person.email, action="run.halted", subject=subject, body=body)
    return True


def _pause(connection: Connection, scope: Scope, person: Person, note: str, now: datetime) -> None:
    """Have the codes paused, those that are on their way into the store too, if there are any."""
    coming = sa.select(codes.c.id).join(runs, runs.c.id == codes.c.run_id).where(*scope.runs)
    coming = coming.where(codes.c.state == CodeState.POSTING).limit(1)
    if how_many(connection, meant(connection, scope, ChangeKind.PAUSE, now=now)) or how_many(
        connection, coming
    ):
        add_change(connection, scope, ChangeKind.PAUSE, person=person.email, note=note, now=now)


def restart(engine: Engine, *, run_id: int, person: Person, note: str, now: datetime) -> RunState | Agreed:
    """Take a halted run up where it was; its paused codes are switched on first. Held against the budgets anew.

    Who has agreed so far, if it takes more people.
    """
    with writing(engine) as connection:
        needed_role(person, f"restart run {run_id}")
        run = load_run(connection, run_id)
        take_turn(connection, run.store_id)
        if _campaign(connection, run.store_id, run.campaign).halted_at is not None:
            raise Conflict(
                f"The whole campaign {run.campaign!r} is halted.",
                hint=f"Run: tillroll restart {run.campaign}",
            )
        scope = Scope(store_id=run.store_id, campaign=run.campaign, run_id=run_id)
        _may_go_on(run, now)
        _hold_against_budgets(connection, scope, [run], now)
        if (waits := _agree(connection, scope, [run], run.finished_at, person, note, now)) is not None:
            return waits
        state = _restart(connection, run, person, note, now)
        _resume(connection, scope, person, note, now)
    return state


def restart_campaign(
    engine: Engine, *, store_id: int, campaign: str, person: Person, note: str, now: datetime
) -> list[int] | Agreed:
    """Let a halted campaign go on: the runs that the halt stopped are taken up, and its paused codes are switched on.

    Slots that came while it was halted are let pass. Returns the runs that were taken up, or who has agreed so far.
    """
    with writing(engine) as connection:
        needed_role(person, f"restart campaign {campaign!r}")
        take_turn(connection, store_id)
        row = _campaign(connection, store_id, campaign)
        if row.halted_at is None:
            raise Conflict(f"Campaign {campaign!r} isn't halted.")
        of_it = (runs.c.store_id == store_id, runs.c.campaign == campaign, runs.c.state == RunState.HALTED)
        by_it = (runs.c.finished_at == row.halted_at, runs.c.halted_in != "")
        found = list(connection.execute(sa.select(runs).where(*of_it, *by_it).order_by(runs.c.id)))
        found = [run for run in found if not _over(run, now)]
        scope = Scope(store_id=store_id, campaign=campaign)
        _hold_against_budgets(connection, scope, found, now)
        if (waits := _agree(connection, scope, found, row.halted_at, person, note, now)) is not None:
            return waits
        values = {"halted_at": None, "halted_by": "", "considered_until": now}
        connection.execute(sa.update(campaigns).where(campaigns.c.id == row.id).values(values))
        _tell_entries(connection, store_id, campaign, "")
        for run in found:
            _restart(connection, run, person, note, now)
        body = {"note": note, "runs": [run.id for run in found]}
        subject = f"campaign {campaign}"
        audit.record(
            connection, at=now, actor=person.email, action="campaign.restarted", subject=subject, body=body
        )
        _resume(connection, scope, person, note, now)
    return [run.id for run in found]


def _over(run: sa.Row[Any], now: datetime) -> bool:
    """Whether the time of a run's codes is over."""
    until = run.extended_until or run.valid_until
    return until is not None and until <= now


def _agree(
    connection: Connection,
    scope: Scope,
    found: list[sa.Row[Any]],
    halted_at: datetime,
    person: Person,
    note: str,
    now: datetime,
) -> Agreed | None:
    """A person's word that it goes on; None once there are enough. What hadn't begun is planned and approved anew anyway."""
    begun = [run.id for run in found if run.halted_in in RUN_BEGUN]
    needed = people_needed(connection, scope, begun)
    matter = Matter(scope=scope, kind="restart", since=f"halted {halted_at.isoformat()}", needed=needed)
    return agree(connection, matter, person=person, note=note, now=now)


def _may_go_on(run: sa.Row[Any], now: datetime) -> None:
    if run.state != RunState.HALTED:
        raise Conflict(f"Run {run.id} is {run.state}, not halted.")
    if not run.halted_in:
        raise Refused(
            f"Run {run.id} was ended for good: {run.reason}.", hint="Start another: tillroll run CAMPAIGN"
        )
    if _over(run, now):
        raise Refused(f"The codes of run {run.id} have expired.", hint="Start another: tillroll run CAMPAIGN")


def _restart(connection: Connection, run: sa.Row[Any], person: Person, note: str, now: datetime) -> RunState:
    to = _BACK_TO.get(RunState(run.halted_in), RunState.PLANNING)
    also = {"halted_in": ""} if to in RUN_BEGUN else {"halted_in": "", "plan_id": None}
    if not move_run(connection, run.id, was={RunState.HALTED}, to=to, now=now, **also):
        raise Conflict(f"Run {run.id} has moved on; look again.")
    subject, body = f"run {run.id}", {"note": note, "to": to.value}
    audit.record(connection, at=now, actor=person.email, action="run.restarted", subject=subject, body=body)
    return to


def _hold_against_budgets(
    connection: Connection, scope: Scope, found: list[sa.Row[Any]], now: datetime
) -> None:
    """`Refused` when the runs that go on, and the codes that work again, pass a budget."""
    begun = [run.id for run in found if run.halted_in in RUN_BEGUN]
    raised, rise = raised_by(connection, scope, ChangeKind.RESUME, now=now, also=begun)
    if not raised:
        return
    row = _campaign(connection, scope.store_id, scope.campaign)
    revision_id = row.revision_id or connection.scalar(
        sa.select(sa.func.max(revisions.c.id)).where(
            revisions.c.store_id == scope.store_id, revisions.c.campaign == scope.campaign
        )
    )
    if revision_id is not None:
        over = over_again(connection, scope.store_id, rise, load_revision(connection, revision_id), now)
        refuse_over(over, f"{scope} can't go on")


def _resume(connection: Connection, scope: Scope, person: Person, note: str, now: datetime) -> None:
    """Have the paused codes switched on, if there are any."""
    paused = sa.select(codes.c.id).join(runs, runs.c.id == codes.c.run_id).where(*scope.runs)
    paused = paused.where(codes.c.state.in_(sorted(CODE_IN_STORE - {CodeState.LIVE}))).limit(1)
    if how_many(connection, paused):
        add_change(connection, scope, ChangeKind.RESUME, person=person.email, note=note, now=now)
