"""Pools of codes made ahead: how many codes are left to hand out, and a run that refills a pool when there are too few.

Crash points: the run is one row with a unique key, so repeated or simultaneous looks write it once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Campaign, Revision
from tillroll.campaign.states import CODE_OPEN, RUN_OPEN, RunState, Stage
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.queries.pools import POOL, Terms, may_be_handed_out, pools_with_terms
from tillroll.ledger.queries.predicates import is_imported
from tillroll.ledger.tables import codes, runs
from tillroll.plan.goods.catalog import find_goods
from tillroll.plan.record.revisions import campaign_item, readable_campaigns

_PAUSE_AFTER_NO = timedelta(days=1)
"""How long after a refill was rejected until the next one is proposed."""

_FILLING = RUN_OPEN - {RunState.TRACKING}
_TURNED_DOWN = (RunState.REJECTED, RunState.REFUSED, RunState.EXPIRED, RunState.HALTED)


def only_fills_pool(campaign: Campaign) -> bool:
    """Return whether a campaign sends nothing, and its codes are handed out by hand or by other software."""
    return campaign.codes.pool is not None and campaign.message is None and not campaign.steps


def fill_pools(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Write a run for the pool of every active campaign that has run low; return how many."""
    added = 0
    for active in readable_campaigns(engine, store_id, stage=Stage.POOLS, now=now):
        with contained(engine, campaign_item(store_id, active.name), stage=Stage.POOLS, now=now):
            if active.revision.campaign.codes.pool and _is_low(engine, store_id, active.revision, now):
                added += _add_refill(engine, store_id, active.name, now)
    return added


def _add_refill(engine: Engine, store_id: int, name: str, now: datetime) -> bool:
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


def codes_lacking(engine: Engine, store_id: int, revision: Revision, *, now: datetime) -> int:
    """Return how many codes a run makes that refills the campaign's pool."""
    pool = revision.campaign.codes.pool
    return max(0, pool.size - _left(engine, store_id, revision, now)) if pool is not None else 0


def codes_imported(connection: Connection, run_id: int) -> int:
    """Return how many codes were imported for a run that fills a pool."""
    query = sa.select(sa.func.count()).where(codes.c.run_id == run_id, is_imported())
    return int(connection.scalar(query) or 0)


def run_filling_pool(connection: Connection, store_id: int, name: str) -> int | None:
    """Return the run that is refilling the campaign's pool now, if any."""
    of_pool = (runs.c.store_id == store_id, runs.c.campaign == name, runs.c.kind == POOL)
    run_id: int | None = connection.scalar(sa.select(runs.c.id).where(*of_pool, runs.c.state.in_(_FILLING)))
    return run_id


def _is_low(engine: Engine, store_id: int, revision: Revision, now: datetime) -> bool:
    pool = revision.campaign.codes.pool
    if pool is None:
        return False
    with reading(engine) as connection:
        of_pool = (runs.c.store_id == store_id, runs.c.campaign == revision.name, runs.c.kind == POOL)
        turned_down = sa.exists().where(
            *of_pool, runs.c.state.in_(_TURNED_DOWN), runs.c.changed_at > now - _PAUSE_AFTER_NO
        )
        if run_filling_pool(connection, store_id, revision.name) or connection.scalar(sa.select(turned_down)):
            return False
        was_filled = sa.exists().where(codes.c.run_id.in_(sa.select(runs.c.id).where(*of_pool)))
        if pool.low_water == 0 and connection.scalar(sa.select(was_filled)):
            return False  # there are never fewer than none: it is filled once
    left = _left(engine, store_id, revision, now)
    return left < pool.low_water or left == 0


def _left(engine: Engine, store_id: int, revision: Revision, now: datetime) -> int:
    """Return how many codes can be handed out on the current terms, including those on their way into the store."""
    offer = revision.campaign.offer
    if offer is None:
        return 0
    match = find_goods(engine, store_id, offer.applies_to)
    terms = Terms(offer=offer, goods=match.goods if match is not None else None)
    with reading(engine) as connection:
        pools = pools_with_terms(connection, store_id, revision.name, terms, now)
        on_the_way = (codes.c.run_id.in_(pools), codes.c.state.in_(CODE_OPEN))
        ready = sa.and_(*may_be_handed_out(pools, now))
        count = sa.select(sa.func.count()).where(sa.or_(ready, sa.and_(*on_the_way)))
        return int(connection.scalar(count) or 0)
