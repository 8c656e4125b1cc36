"""Requesting a change to codes that are in the store: pause, resume, extend or revoke. The loop carries it out.

The decision, its audit row and the change are one transaction. Codes that work again, or for longer, need as many approvers as
their plans needed (`agree.py`), and their exposure is checked against the budgets. The transaction holds the store's row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.agree import AgreementTopic, approvers_needed, last_stop_of, record_agreement
from tillroll.approve.budgets import limits_exceeded_again
from tillroll.approve.decide import Person
from tillroll.campaign.states import ChangeKind, RunState
from tillroll.errors import Conflict, NotAllowed, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import lock_store_row, writing
from tillroll.ledger.queries.agreements import PendingAgreement
from tillroll.ledger.queries.changes import Scope, add_change
from tillroll.ledger.queries.exposure import holds_money
from tillroll.ledger.queries.given import works_until
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.queries.runs import move_run
from tillroll.ledger.queries.select_codes import count_not_yet_turned, select_codes
from tillroll.ledger.tables import campaigns, codes, plans, runs

AUDIT_ACTIONS = {
    ChangeKind.PAUSE: "codes.paused",
    ChangeKind.RESUME: "codes.resumed",
    ChangeKind.EXTEND: "codes.extended",
    ChangeKind.REVOKE: "codes.revoked",
}
"""The changes that a person may request, and what the audit calls them."""

_RAISES = frozenset({ChangeKind.RESUME, ChangeKind.EXTEND})


@dataclass(frozen=True, kw_only=True)
class ChangePreview:
    """What a change would do if it were requested now."""

    codes: int
    runs: int
    earliest: datetime | None  # when the first of the codes expires now
    latest: datetime | None  # when the last of them does
    raises: Decimal | None  # the exposure it adds, which no run holds now; None: unlimited
    people: int  # how many different approvers it takes
    against: tuple[str, ...]  # why it can't be requested now


def preview_change(
    connection: Connection,
    scope: Scope,
    kind: ChangeKind,
    *,
    now: datetime,
    valid_until: datetime | None = None,
) -> ChangePreview:
    """Return how many codes a change is for, and the reasons against it."""
    query = select_codes(connection, scope, kind, now=now, until=valid_until)
    figures = query.with_only_columns(
        sa.func.count().label("n"),
        sa.func.count(sa.distinct(codes.c.run_id)).label("runs"),
        sa.func.min(works_until()).label("earliest"),
        sa.func.max(works_until()).label("latest"),
    )
    row = connection.execute(figures).one()
    raised, rise = released_exposure(connection, scope, kind, now=now, until=valid_until)
    count = row.n + count_not_yet_turned(connection, scope, kind)
    return ChangePreview(
        codes=count,
        runs=row.runs,
        earliest=row.earliest,
        latest=row.latest,
        raises=rise if raised else Decimal(0),
        people=approvers_needed(connection, scope) if kind in _RAISES else 1,
        against=_against(connection, scope, kind, count, raised, rise, valid_until, now),
    )


def request_change(
    engine: Engine,
    *,
    scope: Scope,
    kind: ChangeKind,
    person: Person,
    note: str,
    now: datetime,
    valid_until: datetime | None = None,
) -> int | PendingAgreement:
    """Request a change. Returns its number, or the pending agreement while approvers are missing.

    Raises `Refused` with every reason against it.
    """
    if valid_until is not None:
        valid_until = valid_until.replace(microsecond=0)  # the store keeps whole seconds
    with writing(engine) as connection:
        require_may_decide(person, scope.store_id, f"{kind} the codes of {scope}")
        lock_store_row(connection, scope.store_id)
        effect = preview_change(connection, scope, kind, now=now, valid_until=valid_until)
        if effect.against:
            raise Refused(f"Can't {kind} the codes of {scope}: {'; '.join(effect.against)}.")
        topic = AgreementTopic(
            scope=scope,
            kind=kind,
            since=last_stop_of(connection, scope),
            needed=effect.people,
            valid_until=valid_until,
        )
        pending = record_agreement(connection, topic, person=person, note=note, now=now)
        if pending is not None:
            return pending
        if kind is ChangeKind.EXTEND and valid_until is not None:
            _extend_runs(connection, scope, valid_until, now)
        change_id = add_change(
            connection, scope, kind, person=person.email, note=note, now=now, valid_until=valid_until
        )
        body: dict[str, Any] = {"change": change_id, "codes": effect.codes, "note": note}
        if valid_until is not None:
            body["valid_until"] = valid_until
        subject = scope.key
        audit.record(
            connection, at=now, actor=person.email, action=AUDIT_ACTIONS[kind], subject=subject, body=body
        )
    return change_id


def require_may_decide(person: Person, store_id: int, what: str) -> None:
    """Raise `NotAllowed` unless the person may decide in a store. `what` completes the sentence: pause the codes of run 5."""
    if not person.may_decide(store_id):
        raise NotAllowed(
            f"{person.email} has no approver role for this store, so can't {what}.",
            hint="Ask somebody with the approver role for it.",
        )


def refuse_if_exceeded(exceeded: tuple[str, ...], what: str) -> None:
    """Raise `Refused` if limits would be exceeded."""
    if exceeded:
        raise Refused(
            f"{what[:1].upper()}{what[1:]}: {'; '.join(exceeded)}.",
            hint="Halt something else first, or raise the budget in the campaign's file or the guardrails.",
        )


def released_exposure(
    connection: Connection,
    scope: Scope,
    kind: ChangeKind,
    *,
    now: datetime,
    until: datetime | None = None,
    also: Sequence[int] = (),
) -> tuple[bool, Decimal | None]:
    """Return whether runs that hold no exposure now would hold some again, and how much (None: unlimited).

    `also` are runs that go on, whether they have such codes or not.
    """
    if kind not in _RAISES:
        return False, Decimal(0)
    codes_of = select_codes(connection, scope, kind, now=now, until=until).with_only_columns(codes.c.run_id)
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
    reasons = []
    if kind is ChangeKind.EXTEND and (valid_until is None or valid_until <= now):
        return ("the new expiry must be in the future",)
    minting = sa.select(runs.c.id).where(*scope.runs, runs.c.state == RunState.MINTING).order_by(runs.c.id)
    if making := list(connection.scalars(minting.limit(3))):
        named = ", ".join(f"run {run_id}" for run_id in making)
        reasons.append(f"{named} still makes codes: wait until it has, or halt it")
    if not count:
        reasons.append(f"there is no code to {kind}")
    if raised:
        where = (campaigns.c.store_id == scope.store_id, campaigns.c.name == scope.campaign)
        row = connection.execute(sa.select(campaigns).where(*where)).first()
        if row is not None and row.halted_at is not None:
            reasons.append("the campaign is halted: restart it")
        if row is not None and row.revision_id is not None:
            revision = load_revision(connection, row.revision_id)
            reasons += limits_exceeded_again(connection, scope.store_id, rise, revision, now)
    return tuple(reasons)


def _extend_runs(connection: Connection, scope: Scope, valid_until: datetime, now: datetime) -> None:
    """Track the runs of these codes until the new expiry, those too that had ended."""
    codes_of = select_codes(connection, scope, ChangeKind.EXTEND, now=now, until=valid_until)
    ids = list(connection.scalars(codes_of.with_only_columns(codes.c.run_id).distinct()))
    for start in range(0, len(ids), 500):
        of_them = runs.c.id.in_(ids[start : start + 500])
        later = sa.or_(runs.c.extended_until.is_(None), runs.c.extended_until < valid_until)
        connection.execute(sa.update(runs).where(of_them, later).values(extended_until=valid_until))
        ended = sa.select(runs.c.id).where(of_them, runs.c.state == RunState.DONE)
        for run_id in connection.scalars(ended).all():
            if not move_run(connection, run_id, was={RunState.DONE}, to=RunState.TRACKING, now=now):
                raise Conflict(f"Run {run_id} has changed meanwhile; look again.")
