"""Which stores are due for a turn, and how a turn that has ended is recorded.

One cheap query answers for all stores. A turn says when its store is due again. A row that is written for a store meanwhile (a
run by hand, an approval, a webhook, a new token) makes it due at once. A store without any work costs one turn a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import EntryState, RunState, SignUpState
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.faults.rows import next_try
from tillroll.ledger.tables import changes, consent_pushes, entries, events, lanes, runs, sign_ups, stores
from tillroll.plan.due.slots import next_slot

IDLE = timedelta(minutes=1)
"""The longest time between two turns of a store: how often it is asked what changed."""

_SLOW_TURN = timedelta(seconds=15)
"""A turn that took longer than this had a store that hangs or fails."""

_ACTIVE = (
    RunState.PLANNING,
    RunState.APPROVED,
    RunState.MINTING,
    RunState.SENDING,
    RunState.TRACKING,
)


@dataclass(frozen=True, kw_only=True)
class DueStore:
    """A store that is due for a turn."""

    store_id: int
    slow: bool  # its last turn took long or failed: it belongs in the slow pool


def due_stores(connection: Connection, now: datetime) -> list[DueStore]:
    """Return the stores that are due, the longest overdue first."""
    woken = sa.or_(
        sa.exists().where(runs.c.store_id == stores.c.id, runs.c.changed_at > lanes.c.looked_at),
        sa.exists().where(changes.c.store_id == stores.c.id, changes.c.changed_at > lanes.c.looked_at),
        sa.exists().where(events.c.store_id == stores.c.id, events.c.received_at > lanes.c.looked_at),
        sa.exists().where(changes.c.store_id == stores.c.id, changes.c.created_at > lanes.c.looked_at),
        sa.exists().where(
            sign_ups.c.store_id == stores.c.id,
            sign_ups.c.state.in_((SignUpState.ASKED, SignUpState.AGREED)),
            sign_ups.c.changed_at > lanes.c.looked_at,
        ),
        sa.exists().where(
            consent_pushes.c.store_id == stores.c.id, consent_pushes.c.asked_at > lanes.c.looked_at
        ),
    )
    query = (
        sa.select(stores.c.id, lanes.c.slow)
        .outerjoin(lanes, lanes.c.store_id == stores.c.id)
        .where(sa.or_(lanes.c.due_at.is_(None), lanes.c.due_at <= now, woken))
        .order_by(lanes.c.due_at.is_not(None), lanes.c.due_at, stores.c.id)
    )
    return [DueStore(store_id=row.id, slow=bool(row.slow)) for row in connection.execute(query)]


def record_turn(
    engine: Engine,
    *,
    store_id: int,
    began: datetime,
    ended: datetime,
    next_at: datetime | None,
    polled_at: datetime | None,
    trouble: bool = False,
) -> None:
    """Record a turn that has ended. The store is due again at `next_at`; if that is None, when its next work is.

    What waits for the morning doesn't keep the store from being asked what changed; only trouble of its own lets it rest longer.
    """
    if next_at is None:
        with reading(engine) as connection:
            due_at = _next_due_at(connection, store_id, ended)
    else:
        due_at = next_at if trouble else min(next_at, ended + IDLE)
    row = {
        "store_id": store_id,
        "due_at": due_at,
        "looked_at": began,
        "polled_at": polled_at,
        "slow": trouble or ended - began > _SLOW_TURN,
    }
    with writing(engine) as connection:
        upsert(connection, lanes, [row])


def last_turn(connection: Connection, store_id: int) -> tuple[datetime | None, bool]:
    """Return when any process last asked the store what changed, and whether its last turn was slow."""
    query = sa.select(lanes.c.polled_at, lanes.c.slow).where(lanes.c.store_id == store_id)
    row = connection.execute(query).first()
    return (None, False) if row is None else (row.polled_at, row.slow)


def _next_due_at(connection: Connection, store_id: int, now: datetime) -> datetime:
    """Return when the next known work comes: a slot, a flow's step, the end of a wait or of a pause after a fault.

    `IDLE` from now at the latest.
    """
    until = now + IDLE
    steps = sa.select(sa.func.min(entries.c.due_at)).where(
        entries.c.store_id == store_id, entries.c.state == EntryState.WAITING, entries.c.due_at > now
    )
    waits = sa.select(sa.func.min(runs.c.not_before)).where(
        runs.c.store_id == store_id, runs.c.state.in_(_ACTIVE), runs.c.not_before > now
    )
    known = (connection.scalar(steps), connection.scalar(waits), next_try(connection, store_id, after=now))
    times = (*known, next_slot(connection, store_id, now, until))
    return min([until, *(time for time in times if time is not None)])
