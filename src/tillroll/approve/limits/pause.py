"""Pausing the codes of a campaign that has reached a limit. The loop asks for it once; a person decides how to go on.

The decision, its audit row, the change of the codes and the notices are one transaction, so a process that dies decides again
from the start, or finds it done. The change machinery then tells the store (`mint/changes/`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.limits.decide import LimitStep, next_step
from tillroll.campaign.states import CHANGE_OPEN, ChangeKind, CodeState, RunState
from tillroll.ledger import audit
from tillroll.ledger.engine import lock_store_row, reading, writing
from tillroll.ledger.limits.kept import KeptLimit, list_limits, note_limit
from tillroll.ledger.queries.changes import Scope, add_change
from tillroll.ledger.tables import change_parts, changes, codes, runs

BY_LOOP = "loop"

Measure = Callable[[Connection, KeptLimit], Decimal]
"""Return the figure that a limit bounds."""

Tell = Callable[[Connection, KeptLimit, LimitStep], None]
"""Keep notices about a limit, in the transaction of what is done about it."""


def watch_limit(
    engine: Engine, *, store_id: int, limit: KeptLimit, measure: Measure, tell: Tell, now: datetime
) -> LimitStep:
    """Compare a limit with its figure and do what is due. Returns what was done.

    Asked at every turn, so it reads first: mostly nothing has changed, and then nobody's writing is waited for.
    """
    with reading(engine) as connection:
        figure = measure(connection, limit)
    if next_step(limit, figure) is LimitStep.NONE and figure == limit.figure:
        return LimitStep.NONE
    with writing(engine) as connection:
        lock_store_row(connection, store_id)
        present = list_limits(connection, store_id, kind=limit.kind, campaign=limit.campaign)
        if not present:
            return LimitStep.NONE
        limit, figure = present[0], measure(connection, present[0])
        step = next_step(limit, figure)
        if step is LimitStep.NONE and figure == limit.figure:
            return step
        note_limit(connection, store_id, limit, figure=figure)
        match step:
            case LimitStep.WARN:
                note_limit(connection, store_id, limit, warned_for=limit.bar)
            case LimitStep.PAUSE:
                values = {"warned_for": limit.bar, "paused_for": limit.bar, "paused_at": now}
                change_id = _pause(connection, store_id, limit, figure, now)
                note_limit(connection, store_id, limit, **values, change_id=change_id, resumed_at=None)
            case LimitStep.STAY:
                _pause_newer_codes(connection, store_id, limit, figure, now)
            case LimitStep.REARM:
                values = {"paused_for": None, "paused_at": None, "change_id": None, "resumed_at": None}
                note_limit(connection, store_id, limit, **values)
        if step in {LimitStep.WARN, LimitStep.PAUSE}:
            (told,) = list_limits(connection, store_id, kind=limit.kind, campaign=limit.campaign)
            tell(connection, told, step)
    return step


def _pause(connection: Connection, store_id: int, limit: KeptLimit, figure: Decimal, now: datetime) -> int:
    """Request the pause of all the campaign's codes that work, and of those that are on their way into the store."""
    scope = Scope(store_id=store_id, campaign=limit.campaign)
    note = f"its {limit.kind.value} limit is reached"
    change_id = add_change(connection, scope, ChangeKind.PAUSE, person=BY_LOOP, note=note, now=now)
    body = {"change": change_id, "limit": limit.kind.value, "bar": str(limit.bar), "figure": str(figure)}
    audit.record(
        connection,
        at=now,
        actor=BY_LOOP,
        action="codes.paused",
        subject=scope.key,
        body={**body, "note": note},
    )
    return change_id


def _pause_newer_codes(
    connection: Connection, store_id: int, limit: KeptLimit, figure: Decimal, now: datetime
) -> None:
    """Pause codes that were made since the pause, unless a person had the codes work again."""
    if limit.resumed_at is not None or limit.change_id is None or limit.paused_at is None:
        return
    since = (
        changes.c.store_id == store_id,
        changes.c.campaign == limit.campaign,
        changes.c.id > limit.change_id,
    )
    if connection.scalar(sa.select(sa.exists().where(*since, changes.c.kind == ChangeKind.RESUME))):
        note_limit(connection, store_id, limit, resumed_at=now)
    elif _has_newer_codes(connection, store_id, limit, limit.change_id, limit.paused_at):
        change_id = _pause(connection, store_id, limit, figure, now)
        note_limit(connection, store_id, limit, change_id=change_id)


def _has_newer_codes(
    connection: Connection, store_id: int, limit: KeptLimit, change_id: int, paused_at: datetime
) -> bool:
    """Return whether a run that went on since has live codes that no pause has taken up. Not while a pause is gathering them."""
    pausing = (changes.c.id == change_id, changes.c.state.in_(sorted(CHANGE_OPEN)))
    if connection.scalar(sa.select(sa.exists().where(*pausing))):
        return False
    went_on = sa.or_(
        runs.c.state == RunState.MINTING, runs.c.changed_at >= paused_at, runs.c.launch_at >= paused_at
    )
    taken_up = sa.exists().where(change_parts.c.code_id == codes.c.id, change_parts.c.change_id == change_id)
    query = (
        sa.select(codes.c.id)
        .join(runs, runs.c.id == codes.c.run_id)
        .where(runs.c.store_id == store_id, runs.c.campaign == limit.campaign, went_on)
        .where(codes.c.state == CodeState.LIVE, ~taken_up)
    )
    return connection.execute(query.limit(1)).first() is not None
