"""Codes made ahead: how many of a campaign's pool are left to hand out, and a run to fill it up when there are too few.

Crash points: the run is one row with a unique key; whoever looks twice, or two who look at once, write it once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Campaign, Revision
from tillroll.campaign.states import CODE_OPEN, RUN_OPEN, RunState
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.pools import POOL, Terms, pools_with, to_hand_out
from tillroll.ledger.tables import codes, runs
from tillroll.plan.catalog import find_goods
from tillroll.plan.record import active_campaigns

_REST = timedelta(days=1)
"""After somebody said no to filling a pool, so long before they are asked again."""

_UNDER_WAY = RUN_OPEN - {RunState.TRACKING}
_SAID_NO = (RunState.REJECTED, RunState.REFUSED, RunState.EXPIRED, RunState.HALTED)


def only_fills_pool(campaign: Campaign) -> bool:
    """Whether a campaign sends nothing: its codes are taken by hand, or by another program."""
    return campaign.codes.pool is not None and campaign.message is None and not campaign.steps


def fill_pools(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Write a run for every active campaign's pool that has run low; returns how many."""
    with reading(engine) as connection:
        pooled = [one for one in active_campaigns(connection, store_id) if one.revision.campaign.codes.pool]
    return sum(
        _fill_up(engine, store_id, one.name, now)
        for one in pooled
        if _runs_low(engine, store_id, one.revision, now)
    )


def _fill_up(engine: Engine, store_id: int, name: str, now: datetime) -> bool:
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
        return insert_if_new(connection, runs, row)


def lacking(engine: Engine, store_id: int, revision: Revision, *, now: datetime) -> int:
    """How many codes a run makes that fills the campaign's pool up."""
    pool = revision.campaign.codes.pool
    return max(0, pool.size - _left(engine, store_id, revision, now)) if pool is not None else 0


def filling(connection: Connection, store_id: int, name: str) -> int | None:
    """The run that fills the campaign's pool up now, if there is one."""
    of_pool = (runs.c.store_id == store_id, runs.c.campaign == name, runs.c.kind == POOL)
    found: int | None = connection.scalar(sa.select(runs.c.id).where(*of_pool, runs.c.state.in_(_UNDER_WAY)))
    return found


def _runs_low(engine: Engine, store_id: int, revision: Revision, now: datetime) -> bool:
    pool = revision.campaign.codes.pool
    if pool is None:
        return False
    with reading(engine) as connection:
        of_pool = (runs.c.store_id == store_id, runs.c.campaign == revision.name, runs.c.kind == POOL)
        said_no = sa.exists().where(*of_pool, runs.c.state.in_(_SAID_NO), runs.c.changed_at > now - _REST)
        if filling(connection, store_id, revision.name) or connection.scalar(sa.select(said_no)):
            return False
    left = _left(engine, store_id, revision, now)
    return left < pool.low_water or left == 0


def _left(engine: Engine, store_id: int, revision: Revision, now: datetime) -> int:
    """Codes that can be handed out on the terms of now, and those on their way into the store."""
    offer = revision.campaign.offer
    if offer is None:
        return 0
    found = find_goods(engine, store_id, offer.applies_to)
    terms = Terms(offer=offer, goods=found.goods if found is not None else None)
    with reading(engine) as connection:
        pools = pools_with(connection, store_id, revision.name, terms, now)
        coming = (codes.c.run_id.in_(pools), codes.c.state.in_(CODE_OPEN))
        ready = sa.and_(*to_hand_out(pools))
        either = sa.select(sa.func.count()).where(sa.or_(ready, sa.and_(*coming)))
        return int(connection.scalar(either) or 0)
