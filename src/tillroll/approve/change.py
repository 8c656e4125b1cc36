"""A person's word on codes that are in the store: pause, resume, extend, revoke. The loop carries it out.

The word, its audit row and the change are one transaction. What makes codes work again, or for longer, takes as many approvers as
their plans took (`agree.py`). What lets money be spent that no run holds any more is held against
the budgets; the store's row is held meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.agree import Matter, agree, people_needed, since_last_stop
from tillroll.approve.budgets import over_again
from tillroll.approve.decide import MAY_DECIDE, Person
from tillroll.campaign.states import ChangeKind, RunState
from tillroll.errors import Conflict, NotAllowed, Refused
from tillroll.ledger import audit
from tillroll.ledger.agreements import Agreed
from tillroll.ledger.changes import Scope, add_change
from tillroll.ledger.engine import take_turn, writing
from tillroll.ledger.exposure import holds_money
from tillroll.ledger.given import works_until
from tillroll.ledger.meant import about_to, meant
from tillroll.ledger.plans import load_revision
from tillroll.ledger.runs import move_run
from tillroll.ledger.tables import campaigns, codes, plans, runs

ASKED = {
    ChangeKind.PAUSE: "codes.paused",
    ChangeKind.RESUME: "codes.resumed",
    ChangeKind.EXTEND: "codes.extended",
    ChangeKind.REVOKE: "codes.revoked",
}
"""What a person may ask for, and how the audit calls it."""

_RAISES = frozenset({ChangeKind.RESUME, ChangeKind.EXTEND})


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a change would do as things stand."""

    codes: int
    runs: int
    earliest: datetime | None  # when the first of them stops working now, and the last
    latest: datetime | None
    raises: Decimal | None  # what it lets be spent that no run holds now; None: without bound
    people: int  # how many different approvers it takes
    against: tuple[str, ...]  # why it can't be asked for now


def preview(
    connection: Connection,
    scope: Scope,
    kind: ChangeKind,
    *,
    now: datetime,
    valid_until: datetime | None = None,
) -> Preview:
    """How many codes a change is for, and what stands against it."""
    query = meant(connection, scope, kind, now=now, until=valid_until)
    figures = query.with_only_columns(
        sa.func.count().label("n"),
        sa.func.count(sa.distinct(codes.c.run_id)).label("runs"),
        sa.func.min(works_until()).label("earliest"),
        sa.func.max(works_until()).label("latest"),
    )
    row = connection.execute(figures).one()
    raised, rise = raised_by(connection, scope, kind, now=now, until=valid_until)
    count = row.n + about_to(connection, scope, kind)
    return Preview(
        codes=count,
        runs=row.runs,
        earliest=row.earliest,
        latest=row.latest,
        raises=rise if raised else Decimal(0),
        people=people_needed(connection, scope) if kind in _RAISES else 1,
        against=_against(connection, scope, kind, count, raised, rise, valid_until, now),
    )


def ask(
    engine: Engine,
    *,
    scope: Scope,
    kind: ChangeKind,
    person: Person,
    note: str,
    now: datetime,
    valid_until: datetime | None = None,
) -> int | Agreed:
    """Have codes changed; the change's number, or who has agreed so far, if it takes more people.

    `Refused` lists every reason against it.
    """
    if valid_until is not None:
        valid_until = valid_until.replace(microsecond=0)  # the store keeps whole seconds
    with writing(engine) as connection:
        needed_role(person, f"{kind} the codes of {scope}")
        take_turn(connection, scope.store_id)
        found = preview(connection, scope, kind, now=now, valid_until=valid_until)
        if found.against:
            raise Refused(f"The codes of {scope} can't be changed so: {'; '.join(found.against)}.")
        matter = Matter(
            scope=scope,
            kind=kind,
            since=since_last_stop(connection, scope),
            needed=found.people,
            valid_until=valid_until,
        )
        if (waits := agree(connection, matter, person=person, note=note, now=now)) is not None:
            return waits
        if kind is ChangeKind.EXTEND and valid_until is not None:
            _extend_runs(connection, scope, valid_until, now)
        change_id = add_change(
            connection, scope, kind, person=person.email, note=note, now=now, valid_until=valid_until
        )
        body: dict[str, Any] = {"change": change_id, "codes": found.codes, "note": note}
        if valid_until is not None:
            body["valid_until"] = valid_until
        subject = str(scope)
        audit.record(connection, at=now, actor=person.email, action=ASKED[kind], subject=subject, body=body)
    return change_id


def needed_role(person: Person, what: str) -> None:
    """`NotAllowed` unless the person may decide."""
    if not person.roles & MAY_DECIDE:
        raise NotAllowed(
            f"{person.email} has no approver role, so can't {what}.",
            hint="Ask somebody with the approver role.",
        )


def refuse_over(over: tuple[str, ...], what: str) -> None:
    """`Refused` when a budget would be passed."""
    if over:
        raise Refused(
            f"{what[:1].upper()}{what[1:]}: {'; '.join(over)}.",
            hint="Halt something else first, or raise the budget in the campaign's file or the guardrails.",
        )


def raised_by(
    connection: Connection,
    scope: Scope,
    kind: ChangeKind,
    *,
    now: datetime,
    until: datetime | None = None,
    also: Sequence[int] = (),
) -> tuple[bool, Decimal | None]:
    """Whether runs that hold no money now would hold some again, and how much (None: without bound).

    `also`: runs that go on, whether they have such codes or not.
    """
    if kind not in _RAISES:
        return False, Decimal(0)
    codes_of = meant(connection, scope, kind, now=now, until=until).with_only_columns(codes.c.run_id)
    query = (
        sa.select(plans.c.worst_case)
        .join(runs, runs.c.plan_id == plans.c.id)
        .where(sa.or_(runs.c.id.in_(codes_of), runs.c.id.in_(also)), ~holds_money(now))
    )
    amounts = list(connection.scalars(query))
    unbounded = any(amount is None for amount in amounts)
    return bool(amounts), None if unbounded else sum(amounts, Decimal(0))


def _against(
    connection: Connection,
    scope: Scope,
    kind: ChangeKind,
    count: int,
    raised: bool,
    rise: Decimal | None,
    valid_until: datetime | None,
    now: datetime,
) -> tuple[str, ...]:
    found = []
    if kind is ChangeKind.EXTEND and (valid_until is None or valid_until <= now):
        return ("the new end must be in the future",)
    minting = sa.select(runs.c.id).where(*scope.runs, runs.c.state == RunState.MINTING).order_by(runs.c.id)
    if making := list(connection.scalars(minting.limit(3))):
        named = ", ".join(f"run {one}" for one in making)
        found.append(f"{named} still makes codes: wait until it has, or halt it")
    if not count:
        found.append(f"there is no code to {kind}")
    if raised:
        where = (campaigns.c.store_id == scope.store_id, campaigns.c.name == scope.campaign)
        row = connection.execute(sa.select(campaigns).where(*where)).first()
        if row is not None and row.halted_at is not None:
            found.append("the campaign is halted: restart it")
        if row is not None and row.revision_id is not None:
            revision = load_revision(connection, row.revision_id)
            found += over_again(connection, scope.store_id, rise, revision, now)
    return tuple(found)


def _extend_runs(connection: Connection, scope: Scope, valid_until: datetime, now: datetime) -> None:
    """Runs with such codes are watched until then; one that had ended is watched again."""
    codes_of = meant(connection, scope, ChangeKind.EXTEND, now=now, until=valid_until)
    ids = list(connection.scalars(codes_of.with_only_columns(codes.c.run_id).distinct()))
    for start in range(0, len(ids), 500):
        of_them = runs.c.id.in_(ids[start : start + 500])
        later = sa.or_(runs.c.extended_until.is_(None), runs.c.extended_until < valid_until)
        connection.execute(sa.update(runs).where(of_them, later).values(extended_until=valid_until))
        ended = sa.select(runs.c.id).where(of_them, runs.c.state == RunState.DONE)
        for run_id in connection.scalars(ended).all():
            if not move_run(connection, run_id, was={RunState.DONE}, to=RunState.TRACKING, now=now):
                raise Conflict(f"Run {run_id} has moved on; look again.")
