"""Which lanes are due, asked of the ledger by one cheap question for all stores; and what a lane writes down when it has looked.

A lane says itself when it wants to be looked at again. What is written for its store meanwhile (a run by hand, an approval, a
webhook, a new token) wakes it earlier. A lane that nothing waits for costs one look a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import EntryState, RunState
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.tables import changes, entries, events, lanes, runs, stores
from tillroll.plan.slots import next_slot

IDLE = timedelta(minutes=1)  # the longest that a lane is left alone: so often the store is asked what changed
LONG = timedelta(
    seconds=15
)  # a look that took longer than a slice should: the store hangs, or there is trouble

_MOVING = (
    RunState.PLANNING,
    RunState.APPROVED,
    RunState.MINTING,
    RunState.SENDING,
    RunState.TRACKING,
)


@dataclass(frozen=True, kw_only=True)
class Due:
    """A lane that wants a look."""

    store_id: int
    slow: bool  # its last look took long: it must not take the place of those that go well


def due_lanes(connection: Connection, now: datetime) -> list[Due]:
    """The lanes that are due, those that have waited longest first."""
    woken = sa.or_(
        sa.exists().where(runs.c.store_id == stores.c.id, runs.c.changed_at > lanes.c.looked_at),
        sa.exists().where(changes.c.store_id == stores.c.id, changes.c.changed_at > lanes.c.looked_at),
        sa.exists().where(events.c.store_id == stores.c.id, events.c.received_at > lanes.c.looked_at),
        sa.exists().where(changes.c.store_id == stores.c.id, changes.c.created_at > lanes.c.looked_at),
    )
    query = (
        sa.select(stores.c.id, lanes.c.slow)
        .outerjoin(lanes, lanes.c.store_id == stores.c.id)
        .where(sa.or_(lanes.c.due_at.is_(None), lanes.c.due_at <= now, woken))
        .order_by(lanes.c.due_at.is_not(None), lanes.c.due_at, stores.c.id)
    )
    return [Due(store_id=row.id, slow=bool(row.slow)) for row in connection.execute(query)]


def looked(
    engine: Engine,
    *,
    store_id: int,
    began: datetime,
    ended: datetime,
    next_at: datetime | None,
    polled_at: datetime | None,
    trouble: bool = False,
) -> None:
    """Write down a look that has ended, and when the lane is due again: at `next_at`, or when the next thing is."""
    with reading(engine) as connection:
        due_at = _next(connection, store_id, ended) if next_at is None else next_at
    row = {
        "store_id": store_id,
        "due_at": due_at,
        "looked_at": began,
        "polled_at": polled_at,
        "slow": trouble or ended - began > LONG,
    }
    with writing(engine) as connection:
        upsert(connection, lanes, [row])


def last_look(connection: Connection, store_id: int) -> tuple[datetime | None, bool]:
    """When the store was last asked what changed, by whichever process, and whether its last look took long."""
    query = sa.select(lanes.c.polled_at, lanes.c.slow).where(lanes.c.store_id == store_id)
    row = connection.execute(query).first()
    return (None, False) if row is None else (row.polled_at, row.slow)


def _next(connection: Connection, store_id: int, now: datetime) -> datetime:
    """When the first thing that is known to come, comes: a slot, a step, the end of a wait."""
    until = now + IDLE
    steps = sa.select(sa.func.min(entries.c.due_at)).where(
        entries.c.store_id == store_id, entries.c.state == EntryState.WAITING, entries.c.due_at > now
    )
    waits = sa.select(sa.func.min(runs.c.not_before)).where(
        runs.c.store_id == store_id, runs.c.state.in_(_MOVING), runs.c.not_before > now
    )
    known = (connection.scalar(steps), connection.scalar(waits), next_slot(connection, store_id, now, until))
    return min([until, *(moment for moment in known if moment is not None)])
