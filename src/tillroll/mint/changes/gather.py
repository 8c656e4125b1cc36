"""Writing a change's codes down, a piece at a time, before the store hears of any.

Crash points: between pieces. A restart looks for those that aren't written down yet. A piece is one transaction: its rows, what
the ledger says of its codes from then on, and the end of parts of earlier changes that it overtakes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import ChangeKind, ChangeState, CodeState, PartState, RunState
from tillroll.ledger.changes import add_parts, scope_of
from tillroll.ledger.engine import writing
from tillroll.ledger.meant import covered, meant
from tillroll.ledger.tables import change_parts, changes, codes, runs
from tillroll.mint.changes.decide import AT_ONCE, OVERTAKES, action_of
from tillroll.mint.parts import Mint

_PIECE = 5_000
_FEW = 500  # ids in one statement


def gather(mint: Mint, change: sa.Row[Any], *, until: datetime) -> bool:
    """Write down the codes that a change is for; whether all of them are known now."""
    while mint.clock.now() < until:
        if not _gather_piece(mint, change):
            return _all_known(mint, change)
    return False


def _gather_piece(mint: Mint, change: sa.Row[Any]) -> bool:
    """Write some down; whether there were any."""
    kind, now = ChangeKind(change.kind), mint.clock.now()
    there = sa.exists().where(change_parts.c.change_id == change.id, change_parts.c.code_id == codes.c.id)
    with writing(mint.engine) as connection:
        query = meant(
            connection, scope_of(change), kind, now=change.created_at, until=change.valid_until
        ).where(~there, ~_wanted_otherwise(change, kind))
        found = list(connection.execute(query.order_by(codes.c.id).limit(_PIECE)))
        add_parts(connection, change.id, found, action=action_of(kind), now=now)
        for start in range(0, len(found), _FEW):
            ids = [row.id for row in found[start : start + _FEW]]
            _overtake(connection, change, kind, ids, now)
            if kind in AT_ONCE:
                values = {"state": AT_ONCE[kind], "changed_at": now}
                connection.execute(sa.update(codes).where(codes.c.id.in_(ids)).values(values))
    return bool(found)


def _wanted_otherwise(change: sa.Row[Any], kind: ChangeKind) -> sa.ColumnElement[bool]:
    """Whether a later change wants something else of a code: it stays as it is for that one."""
    over = [other for other, kinds in OVERTAKES.items() if kind in kinds]
    return covered(over, changes.c.id > change.id) if over else sa.false()


def _overtake(
    connection: Connection, change: sa.Row[Any], kind: ChangeKind, ids: Sequence[int], now: datetime
) -> None:
    """Pass over what earlier changes want for these codes and the store hasn't heard of."""
    others = sa.select(changes.c.id).where(
        changes.c.kind.in_(sorted(OVERTAKES.get(kind, ()))), changes.c.id < change.id
    )
    open_ = (
        change_parts.c.code_id.in_(ids),
        change_parts.c.state == PartState.WANTED,
        change_parts.c.change_id.in_(others),
    )
    if kind is ChangeKind.RESUME:
        _never_paused(connection, change, list(connection.scalars(_untold(open_))), now)
    values = {"state": PartState.PASSED, "reason": f"change {change.id} came after it", "changed_at": now}
    connection.execute(sa.update(change_parts).where(*open_).values(values))


def _untold(open_: tuple[sa.ColumnElement[bool], ...]) -> sa.Select[Any]:
    """Codes that were on when their pause was asked for, and the store has never heard of it."""
    was_on = (change_parts.c.attempts == 0, change_parts.c.was == CodeState.LIVE)
    return sa.select(change_parts.c.code_id).where(*open_, *was_on)


def _never_paused(connection: Connection, change: sa.Row[Any], ids: Sequence[int], now: datetime) -> None:
    """Codes that are on in the store, since their pause never left: they are live again without a call."""
    mine = (change_parts.c.change_id == change.id, change_parts.c.code_id.in_(ids))
    values = {"state": PartState.PASSED, "reason": "it was never switched off", "changed_at": now}
    connection.execute(sa.update(change_parts).where(*mine).values(values))
    paused = (codes.c.id.in_(ids), codes.c.state == CodeState.PAUSED)
    connection.execute(sa.update(codes).where(*paused).values(state=CodeState.LIVE, changed_at=now))


def _all_known(mint: Mint, change: sa.Row[Any]) -> bool:
    """Whether no code of the scope is on its way into the store any more; then the change goes on to working."""
    with writing(mint.engine) as connection:
        scope = scope_of(change).runs
        coming = sa.select(codes.c.id).join(runs, runs.c.id == codes.c.run_id).where(*scope)
        halted = coming.where(codes.c.state == CodeState.POSTING, runs.c.state == RunState.HALTED)
        if connection.execute(halted.limit(1)).first() is not None:
            return False
        connection.execute(
            sa.update(changes)
            .where(changes.c.id == change.id, changes.c.state == ChangeState.GATHERING)
            .values(state=ChangeState.WORKING, changed_at=mint.clock.now())
        )
    return True
