"""Giving codes that reached nobody to the next run of their campaign instead of new ones, if the terms are the same.

Crash points: a piece is one transaction: the codes' new recipients, and the change that makes the coupons this run's (their name
and period; the offer is the same). The run moves on to sending once that is done and the codes are switched on.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.states import (
    ChangeKind,
    ChangeState,
    CodeCause,
    CodeState,
    PartState,
    RunState,
)
from tillroll.ledger import audit
from tillroll.ledger.bulk.rows import change_many
from tillroll.ledger.causes import code_cause
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.changes import Scope, add_change, add_parts
from tillroll.ledger.queries.plans import load_plan, load_revision
from tillroll.ledger.queries.pools import terms_of
from tillroll.ledger.queries.predicates import has_own_code, is_under_change, was_used
from tillroll.ledger.records import Run
from tillroll.ledger.tables import change_parts, changes, codes, recipients, runs

_PIECE = 500


def recycle_left_over(
    engine: Engine, *, run: Run, plan: StoredPlan, revision: Revision, now: datetime
) -> int:
    """Give codes that halted runs of the campaign left over to the run's first recipients. Returns how many."""
    if len(revision.arms) > 1 or plan.proposal.values is not None or run.launch_at is not None:
        return 0  # its codes have values or periods of their own, or are made ahead
    recycled = 0
    while True:
        with reading(engine) as connection:
            free = _left_over(connection, run, revision)
            lacking = _lacking(connection, plan.plan_id, len(free)) if free else []
        if not lacking:
            return recycled
        with writing(engine) as connection:
            recycled += _assign(connection, run, free[: len(lacking)], lacking, now)


def _left_over(connection: Connection, run: Run, revision: Revision) -> list[int]:
    """Return codes without a recipient that are paused and have the run's terms."""
    makers = (
        runs.c.store_id == run.store_id,
        runs.c.campaign == run.campaign,
        sa.or_(runs.c.state == RunState.HALTED, runs.c.id == run.id),
        runs.c.kind == "",
    )
    free = (
        codes.c.recipient_id.is_(None),
        codes.c.handed_at.is_(None),
        codes.c.state == CodeState.PAUSED,
        codes.c.cause == CodeCause.LEFT_OVER,
        codes.c.value.is_(None),
        codes.c.terms.is_(None),
        ~was_used(),
        ~is_under_change(),
    )
    any_free = sa.exists().where(codes.c.run_id == runs.c.id, *free)
    query = sa.select(runs).where(*makers, any_free).order_by(runs.c.id)
    with_free_codes = [Run.from_row(row) for row in connection.execute(query)]
    same = [maker.id for maker in with_free_codes if _has_same_terms(connection, maker, run, revision)]
    if not same:
        return []
    in_order = sa.select(codes.c.id).where(codes.c.run_id.in_(same), *free).order_by(codes.c.id)
    return list(connection.scalars(in_order.limit(_PIECE)))


def _has_same_terms(connection: Connection, maker: Run, run: Run, revision: Revision) -> bool:
    """Return whether another run's codes give the same offer as this run's, with the same prefix and format.

    The codes of a run with several arms never do.
    """
    plan = load_plan(connection, maker.id)
    theirs, ours = terms_of(connection, maker), terms_of(connection, run)
    if plan is None or theirs is None or ours is None or not theirs.same_as(ours):
        return False
    other = load_revision(connection, plan.revision_id)
    wanted, made = revision.as_run(step=run.step).codes, other.as_run(step=maker.step).codes
    return len(other.arms) == 1 and (wanted.prefix, wanted.format) == (made.prefix, made.format)


def _lacking(connection: Connection, plan_id: int, most: int) -> list[int]:
    """Return recipients who have no code, or only clashed ones."""
    query = sa.select(recipients.c.id).where(recipients.c.plan_id == plan_id, ~has_own_code())
    return list(connection.scalars(query.order_by(recipients.c.customer_id).limit(most)))


def _assign(connection: Connection, run: Run, free: list[int], lacking: list[int], now: datetime) -> int:
    """Give the free codes to the recipients and record the change that updates their coupons. Returns how many."""
    pairs = list(zip(free, lacking, strict=True))
    same = {
        "run_id": run.id,
        **code_cause(CodeCause.NONE),
        "valid_from": None,
        "valid_until": None,
        "changed_at": now,
    }
    unassigned = {"recipient_id": None, "state": CodeState.PAUSED}
    change_many(connection, codes, ["recipient_id"], pairs, same=same, where=unassigned)
    assigned = (codes.c.id.in_(free), codes.c.run_id == run.id)
    rows = list(connection.execute(sa.select(codes).where(*assigned)))
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
    add_parts(connection, change_id, rows, action="update", now=now)
    body = {"change": change_id, "codes": len(rows)}
    audit.record(connection, at=now, actor="loop", action="codes.taken_over", subject=scope.key, body=body)
    return len(rows)


def has_codes_to_switch_on(connection: Connection, run_id: int) -> bool:
    """Return whether recycled codes of the run are updated in the store, still switched off, and no launch has tried them yet."""
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
    off = (
        codes.c.run_id == run_id,
        codes.c.state == CodeState.PAUSED,
        codes.c.cause == CodeCause.NONE,
        done,
        ~tried,
    )
    return connection.execute(sa.select(codes.c.id).where(*off).limit(1)).first() is not None
