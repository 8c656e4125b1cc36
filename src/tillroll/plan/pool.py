"""Codes made ahead: how many of a campaign's pool are left to hand out, and a run to fill it up when there are too few.

Crash points: the run is one row with a unique key; whoever looks twice, or two who look at once, write it once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.states import CODE_OPEN, RUN_OPEN, RunState
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.pools import LEAST_LEFT, POOL, to_hand_out
from tillroll.ledger.tables import codes, runs
from tillroll.plan.record import active_campaigns

_REST = timedelta(days=1)
"""After somebody said no to filling a pool, so long before they are asked again."""

_UNDER_WAY = RUN_OPEN - {RunState.TRACKING}
_SAID_NO = (RunState.REJECTED, RunState.REFUSED, RunState.EXPIRED, RunState.HALTED)


def fill_pools(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Write a run for every active campaign's pool that has run low; returns how many."""
    made = 0
    with reading(engine) as connection:
        pooled = [one for one in active_campaigns(connection, store_id) if one.revision.campaign.codes.pool]
        wanting = [one.name for one in pooled if _runs_low(connection, store_id, one.revision, now)]
    for name in wanting:
        with writing(engine) as connection:
            where = (runs.c.store_id == store_id, runs.c.campaign == name, runs.c.kind == POOL)
            number = int(connection.scalar(sa.select(sa.func.count()).where(*where)) or 0) + 1
            row = {
                "store_id": store_id,
                "campaign": name,
                "slot_key": f"pool {number}",
                "slot_at": now,
                "state": RunState.PLANNING,
                "kind": POOL,
                "started_by": "pool",
                "created_at": now,
                "changed_at": now,
            }
            made += insert_if_new(connection, runs, row)
    return made


def lacking(connection: Connection, store_id: int, revision: Revision, *, now: datetime) -> int:
    """How many codes a run makes that fills the campaign's pool up."""
    pool = revision.campaign.codes.pool
    return max(0, pool.size - _left(connection, store_id, revision.name, now)) if pool is not None else 0


def _runs_low(connection: Connection, store_id: int, revision: Revision, now: datetime) -> bool:
    pool = revision.campaign.codes.pool
    if pool is None:
        return False
    of_pool = (runs.c.store_id == store_id, runs.c.campaign == revision.name, runs.c.kind == POOL)
    under_way = sa.exists().where(*of_pool, runs.c.state.in_(_UNDER_WAY))
    said_no = sa.exists().where(*of_pool, runs.c.state.in_(_SAID_NO), runs.c.changed_at > now - _REST)
    if connection.scalar(sa.select(sa.or_(under_way, said_no))):
        return False
    left = _left(connection, store_id, revision.name, now)
    return left < pool.low_water or left == 0


def _left(connection: Connection, store_id: int, name: str, now: datetime) -> int:
    """Codes that can be handed out, and those on their way into the store."""
    ready = to_hand_out(store_id, name, now)
    coming = (
        codes.c.recipient_id.is_(None),
        codes.c.state.in_(CODE_OPEN),
        runs.c.valid_until > now + LEAST_LEFT,
    )
    query = sa.select(sa.func.count()).select_from(codes.join(runs, runs.c.id == codes.c.run_id))
    of_pool = (runs.c.store_id == store_id, runs.c.campaign == name, runs.c.kind == POOL)
    found = connection.scalar(query.where(*ready)) or 0
    return int(found) + int(connection.scalar(query.where(*of_pool, *coming)) or 0)
