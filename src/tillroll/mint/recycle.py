"""Codes that reached nobody are given to the next run of their campaign instead of new ones, on the same terms only.

Crash points: a piece is one transaction: whose the codes are, and the change that makes their coupons this run's (name and
time; the offer is the same). A run goes on to sending when that is done and they are switched on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.states import (
    LEFT_OVER,
    PART_OPEN,
    ChangeKind,
    ChangeState,
    CodeState,
    PartState,
    RunState,
)
from tillroll.ledger import audit
from tillroll.ledger.bulk import change_many
from tillroll.ledger.changes import Scope, add_change, add_parts
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.plans import load_plan, load_revision
from tillroll.ledger.pools import terms_of
from tillroll.ledger.tables import change_parts, changes, codes, recipients, redemptions, runs

_PIECE = 500


def take_left_over(
    engine: Engine, *, run: sa.Row[Any], plan: StoredPlan, revision: Revision, now: datetime
) -> int:
    """Give the run's first recipients codes that halted runs of its campaign left over; how many."""
    if len(revision.arms) > 1 or plan.proposal.values is not None or run.launch_at is not None:
        return 0  # their values and times differ, or they are made switched off until their hour
    taken = 0
    while True:
        with reading(engine) as connection:
            free = _left_over(connection, run, revision)
            lacking = _lacking(connection, plan.plan_id, len(free)) if free else []
        if not lacking:
            return taken
        with writing(engine) as connection:
            taken += _take(connection, run, free[: len(lacking)], lacking, now)


def _left_over(connection: Connection, run: sa.Row[Any], revision: Revision) -> list[int]:
    """Codes that are nobody's, paused, and made on the run's terms."""
    makers = (
        runs.c.store_id == run.store_id,
        runs.c.campaign == run.campaign,
        sa.or_(runs.c.state == RunState.HALTED, runs.c.id == run.id),
        runs.c.kind == "",
    )
    at_it = sa.exists().where(
        change_parts.c.code_id == codes.c.id, change_parts.c.state.in_(sorted(PART_OPEN))
    )
    free = (
        codes.c.recipient_id.is_(None),
        codes.c.handed_at.is_(None),
        codes.c.state == CodeState.PAUSED,
        codes.c.reason == LEFT_OVER,
        codes.c.value.is_(None),
        codes.c.terms.is_(None),
        ~sa.exists().where(redemptions.c.code_id == codes.c.id),
        ~at_it,
    )
    any_free = sa.exists().where(codes.c.run_id == runs.c.id, *free)
    found = connection.execute(sa.select(runs).where(*makers, any_free).order_by(runs.c.id)).all()
    same = [maker.id for maker in found if _same_terms(connection, maker, run, revision)]
    if not same:
        return []
    query = sa.select(codes.c.id).where(codes.c.run_id.in_(same), *free).order_by(codes.c.id)
    return list(connection.scalars(query.limit(_PIECE)))


def _same_terms(connection: Connection, maker: sa.Row[Any], run: sa.Row[Any], revision: Revision) -> bool:
    """Whether the codes of another run are as good as the run's own, and look like them."""
    plan = load_plan(connection, maker.id)
    theirs, ours = terms_of(connection, maker), terms_of(connection, run)
    if plan is None or theirs is None or ours is None or not theirs.same_as(ours):
        return False
    other = load_revision(connection, plan.revision_id)
    wanted, made = revision.as_run(step=run.step).codes, other.as_run(step=maker.step).codes
    return len(other.arms) == 1 and (wanted.prefix, wanted.format) == (made.prefix, made.format)


def _lacking(connection: Connection, plan_id: int, most: int) -> list[int]:
    """Recipients without a code that stands."""
    standing = sa.exists().where(codes.c.recipient_id == recipients.c.id, codes.c.state != CodeState.CLASHED)
    query = sa.select(recipients.c.id).where(recipients.c.plan_id == plan_id, ~standing)
    return list(connection.scalars(query.order_by(recipients.c.customer_id).limit(most)))


def _take(
    connection: Connection, run: sa.Row[Any], free: list[int], lacking: list[int], now: datetime
) -> int:
    pairs = list(zip(free, lacking, strict=True))
    same = {"run_id": run.id, "reason": "", "valid_from": None, "valid_until": None, "changed_at": now}
    nobodys = {"recipient_id": None, "state": CodeState.PAUSED}
    change_many(connection, codes, ["recipient_id"], pairs, same=same, where=nobodys)
    mine = (codes.c.id.in_(free), codes.c.run_id == run.id)
    found = list(connection.execute(sa.select(codes).where(*mine)))
    scope = Scope(store_id=run.store_id, campaign=run.campaign, run_id=run.id)
    change_id = add_change(
        connection,
        scope,
        ChangeKind.RECYCLE,
        person="loop",
        note="",
        now=now,
        state=ChangeState.WORKING,
    )
    add_parts(connection, change_id, found, action="update", now=now)
    body = {"change": change_id, "codes": len(found)}
    audit.record(connection, at=now, actor="loop", action="codes.taken_over", subject=str(scope), body=body)
    return len(found)


def to_switch_on(connection: Connection, run_id: int) -> bool:
    """Whether recycled codes of the run are this run's in the store by now, and still switched off."""
    done = sa.exists().where(
        change_parts.c.code_id == codes.c.id,
        change_parts.c.state == PartState.DONE,
        changes.c.id == change_parts.c.change_id,
        changes.c.run_id == run_id,
        changes.c.kind == ChangeKind.RECYCLE,
    )
    tried = sa.exists().where(
        change_parts.c.code_id == codes.c.id,
        changes.c.id == change_parts.c.change_id,
        changes.c.run_id == run_id,
        changes.c.kind == ChangeKind.LAUNCH,
    )
    off = (codes.c.run_id == run_id, codes.c.state == CodeState.PAUSED, codes.c.reason == "", done, ~tried)
    return connection.execute(sa.select(codes.c.id).where(*off).limit(1)).first() is not None
