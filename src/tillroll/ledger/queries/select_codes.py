"""The codes that a change is for: those that are in the store, are valid and are not used up, depending on its kind."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.models import Uses
from tillroll.campaign.states import CODE_IN_STORE, ChangeKind, ChangeState, CodeCause, CodeState, StoreUse
from tillroll.ledger.queries.changes import Scope
from tillroll.ledger.queries.given import works_until
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.queries.predicates import is_under_change
from tillroll.ledger.tables import change_parts, changes, codes, plans, redemptions, runs


def select_codes(
    connection: Connection, scope: Scope, kind: ChangeKind, *, now: datetime, until: datetime | None = None
) -> sa.Select[Any]:
    """Return a query for the id and state of the codes that a change of this kind is for now, over `codes` and `runs`.

    `until` is the new expiry of an extension, and for clearing the moment before which codes must have expired.
    """
    query = sa.select(codes.c.id, codes.c.state).join(runs, runs.c.id == codes.c.run_id).where(*scope.codes)
    in_store = codes.c.state.in_(sorted(CODE_IN_STORE))
    works = sa.or_(works_until().is_(None), works_until() > now)
    match kind:
        case ChangeKind.PAUSE:
            return query.where(works, sa.or_(codes.c.state == CodeState.LIVE, _being_switched_on()))
        case ChangeKind.RESUME:
            paused = sa.and_(codes.c.state == CodeState.PAUSED, codes.c.cause != CodeCause.LEFT_OVER)
            return query.where(works, paused, ~_not_launched(), ~is_spent(connection, scope))
        case ChangeKind.LAUNCH:
            made_on = sa.and_(runs.c.launch_at.is_not(None), in_store)
            return query.where(sa.or_(codes.c.state == CodeState.PAUSED, made_on))
        case ChangeKind.EXTEND:
            shorter = works_until() < until if until is not None else sa.false()
            return query.where(in_store, shorter, ~is_spent(connection, scope))
        case ChangeKind.REVOKE:
            return query.where(works, in_store, ~is_spent(connection, scope))
        case ChangeKind.CLEAR:
            return query.where(in_store, works_until() < until if until is not None else sa.false())
        case ChangeKind.PUT_RIGHT | ChangeKind.RECYCLE:
            return query.where(sa.false())  # their codes are chosen one by one


def _being_switched_on() -> sa.ColumnElement[bool]:
    """Return whether an open change is switching a paused code on, so that a pause must come after it."""
    on = (ChangeKind.RESUME, ChangeKind.LAUNCH, ChangeKind.PUT_RIGHT)
    return sa.and_(
        codes.c.state == CodeState.PAUSED,
        is_under_change(changes.c.id == change_parts.c.change_id, changes.c.kind.in_(on)),
    )


def is_covered(kinds: Collection[ChangeKind], *more: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return whether a code is in the scope of a change of these kinds, with or without a part of it. Over `runs`."""
    whole = sa.and_(
        changes.c.run_id.is_(None),
        changes.c.store_id == runs.c.store_id,
        changes.c.campaign == runs.c.campaign,
    )
    its = sa.or_(changes.c.run_id == runs.c.id, whole)
    return sa.exists().where(its, changes.c.kind.in_(sorted(kinds)), *more)


def count_not_yet_turned(connection: Connection, scope: Scope, kind: ChangeKind) -> int:
    """Count the codes that a pause or resume is also for: an earlier change will turn them the other way, but has not yet."""
    turned = {
        ChangeKind.PAUSE: (CodeState.PAUSED, (ChangeKind.RESUME, ChangeKind.LAUNCH)),
        ChangeKind.RESUME: (CodeState.LIVE, (ChangeKind.PAUSE,)),
    }
    if kind not in turned:
        return 0
    state, kinds = turned[kind]
    gathering = is_covered(kinds, changes.c.state == ChangeState.GATHERING)
    query = sa.select(codes.c.id).join(runs, runs.c.id == codes.c.run_id).where(*scope.runs)
    return how_many(connection, query.where(codes.c.state == state, gathering))


def _not_launched() -> sa.ColumnElement[bool]:
    """Return whether a code was made before its launch and is not launched: only the launch switches it on. Over `runs`."""
    launched = sa.exists().where(
        changes.c.run_id == runs.c.id,
        changes.c.kind == ChangeKind.LAUNCH,
        changes.c.state == ChangeState.DONE,
    )
    return sa.and_(runs.c.launch_at.is_not(None), ~launched)


def is_spent(connection: Connection, scope: Scope) -> sa.ColumnElement[bool]:
    """Return whether a code was used and works only once, or is used up by the store's word. Over `codes` and `runs`."""
    used = sa.exists().where(redemptions.c.code_id == codes.c.id)
    again: list[sa.ColumnElement[bool]] = [
        sa.and_(codes.c.terms.is_not(None), codes.c.terms["uses_limit"].as_string() != "SINGLE")
    ]
    made = sa.select(plans.c.revision_id, runs.c.step).join(runs, runs.c.plan_id == plans.c.id)
    whole = Scope(
        store_id=scope.store_id, campaign=scope.campaign
    )  # a run's codes may be of another's making
    for row in connection.execute(made.where(*whole.runs).distinct()).all():
        revision = load_revision(connection, row.revision_id)
        offers = {arm: revision.as_run(step=row.step, arm=arm).offer for arm in ("", *revision.arms)}
        arms = [arm for arm, offer in offers.items() if offer is not None and offer.uses is not Uses.SINGLE]
        if arms:
            of_it = sa.select(plans.c.id).where(plans.c.revision_id == row.revision_id)
            again.append(sa.and_(runs.c.plan_id.in_(of_it), runs.c.step == row.step, codes.c.arm.in_(arms)))
    return sa.or_(codes.c.store_use == StoreUse.USED_UP, sa.and_(used, ~sa.or_(*again)))


def how_many(connection: Connection, query: sa.Select[Any]) -> int:
    """Count the rows of a query."""
    return int(connection.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0)
