"""Recording the codes of a change, a piece at a time, before the store hears of any.

Crash points: between pieces. After a restart the codes that are not yet recorded are found again. A piece is one transaction: its
rows, the new states of its codes, and the end of the parts of earlier changes that it overtakes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import ChangeKind, ChangeState, CodeState, PartState, RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.changes import add_parts, scope_of
from tillroll.ledger.queries.select_codes import is_covered, select_codes
from tillroll.ledger.records import Change
from tillroll.ledger.tables import change_parts, changes, codes, runs
from tillroll.mint.changes.decide import IMMEDIATE_STATES, OVERTAKES, action_of, kinds_that_overtake
from tillroll.mint.context import MintContext

_PIECE = 5_000
_FEW = 500  # ids in one statement


def gather(context: MintContext, change: Change, *, until: datetime) -> bool:
    """Record the codes that a change is for, until a deadline. Returns whether all of them are recorded."""
    while context.clock.now() < until:
        if not _gather_piece(context, change):
            return _start_working(context, change)
    return False


def _gather_piece(context: MintContext, change: Change) -> bool:
    """Record the next codes. Returns whether there were any."""
    kind, now = change.kind, context.clock.now()
    recorded = sa.exists().where(change_parts.c.change_id == change.id, change_parts.c.code_id == codes.c.id)
    with writing(context.engine) as connection:
        query = select_codes(
            connection, scope_of(change), kind, now=change.created_at, until=change.valid_until
        ).where(~recorded, ~_is_covered_by_later_change(change))
        rows = list(connection.execute(query.order_by(codes.c.id).limit(_PIECE)))
        add_parts(connection, change.id, rows, action=action_of(kind), now=now)
        for start in range(0, len(rows), _FEW):
            ids = [row.id for row in rows[start : start + _FEW]]
            _overtake(connection, change, ids, now)
            if kind in IMMEDIATE_STATES:
                values = {"state": IMMEDIATE_STATES[kind], "changed_at": now}
                connection.execute(sa.update(codes).where(codes.c.id.in_(ids)).values(values))
    return bool(rows)


def _is_covered_by_later_change(change: Change) -> sa.ColumnElement[bool]:
    """Return the condition that a later change, which makes this one pointless, is for a code: this one leaves it alone."""
    later = kinds_that_overtake(change.kind)
    return is_covered(later, changes.c.id > change.id) if later else sa.false()


def _overtake(connection: Connection, change: Change, ids: Sequence[int], now: datetime) -> None:
    """Skip the parts of earlier changes for these codes that this change makes pointless and that are not yet posted."""
    earlier = sa.select(changes.c.id).where(
        changes.c.kind.in_(sorted(OVERTAKES.get(change.kind, ()))), changes.c.id < change.id
    )
    pointless = (
        change_parts.c.code_id.in_(ids),
        change_parts.c.state == PartState.WANTED,
        change_parts.c.change_id.in_(earlier),
    )
    if change.kind is ChangeKind.RESUME:
        never_posted = (change_parts.c.attempts == 0, change_parts.c.was == CodeState.LIVE)
        still_on = sa.select(change_parts.c.code_id).where(*pointless, *never_posted)
        _resume_without_call(connection, change, list(connection.scalars(still_on)), now)
    values = {"state": PartState.PASSED, "reason": f"change {change.id} came after it", "changed_at": now}
    connection.execute(sa.update(change_parts).where(*pointless).values(values))


def _resume_without_call(connection: Connection, change: Change, ids: Sequence[int], now: datetime) -> None:
    """Make codes live again that are still on in the store, since their pause was never posted."""
    parts = (change_parts.c.change_id == change.id, change_parts.c.code_id.in_(ids))
    values = {"state": PartState.PASSED, "reason": "it was never switched off", "changed_at": now}
    connection.execute(sa.update(change_parts).where(*parts).values(values))
    paused = (codes.c.id.in_(ids), codes.c.state == CodeState.PAUSED)
    connection.execute(sa.update(codes).where(*paused).values(state=CodeState.LIVE, changed_at=now))


def _start_working(context: MintContext, change: Change) -> bool:
    """Move a change on to `working`, unless codes in its scope are still on their way into the store."""
    with writing(context.engine) as connection:
        scope = scope_of(change).runs
        coming = sa.select(codes.c.id).join(runs, runs.c.id == codes.c.run_id).where(*scope)
        of_halted = coming.where(codes.c.state == CodeState.POSTING, runs.c.state == RunState.HALTED)
        if connection.execute(of_halted.limit(1)).first() is not None:
            return False
        connection.execute(
            sa.update(changes)
            .where(changes.c.id == change.id, changes.c.state == ChangeState.GATHERING)
            .values(state=ChangeState.WORKING, changed_at=context.clock.now())
        )
    return True
