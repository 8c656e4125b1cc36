"""Every recipient gets a code row before the store hears of any: unique in the store's whole ledger.

A code for each recipient is the rule; a pool's codes are for nobody yet, and a shared one is for all.

Crash points: between pieces. A restart looks at what has no standing code and draws for that only, which also draws the
replacement where a code turned out to be somebody else's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.proposal import StoredPlan
from tillroll.campaign.states import CodeState
from tillroll.campaign.validity import validity
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.plans import load_plan, load_revision
from tillroll.ledger.pools import POOL
from tillroll.ledger.tables import codes, recipients, stores
from tillroll.mint.draw import draw_codes, shuffled
from tillroll.mint.shared import reserve_shared

_PIECE = 5_000


def reserve(engine: Engine, *, run: sa.Row[Any], now: datetime) -> None:
    """Draw the codes that the run's plan wants and that aren't there yet, a piece at a time."""
    with reading(engine) as connection:
        plan = load_plan(connection, run.id)
        if plan is None or plan.proposal.code_count == 0:
            return
        revision = load_revision(connection, plan.revision_id)
    shared = revision.as_run(step=run.step).codes.shared
    if shared is not None:
        reserve_shared(engine, run=run, shared=shared, row=_row(run, shared, now))
    elif run.kind == POOL:
        _reserve_for_nobody(engine, run, plan, revision, now)
    else:
        _reserve_for_each(engine, run, plan, revision, now)


def _reserve_for_each(
    engine: Engine, run: sa.Row[Any], plan: StoredPlan, revision: Revision, now: datetime
) -> None:
    with reading(engine) as connection:
        spans = _spans(connection, run, revision)
    after = 0
    while True:
        with reading(engine) as connection:
            lacking = _without_code(connection, plan.plan_id, after)
        if not lacking:
            if after == 0:
                return
            after = 0  # once more from the start: a drawn code that existed already was passed over
            continue
        drawn = _drawn(revision, run, len(lacking))
        theirs = {row.id: {"arm": row.arm, "value": row.value, **spans[row.arm]} for row in lacking}
        rows = [
            _row(run, code, now, recipient_id=one, **theirs[one])
            for one, code in zip(shuffled(list(theirs)), drawn, strict=True)
        ]
        with writing(engine) as connection:
            insert_new(connection, codes, rows)
        after = lacking[-1].id


def _reserve_for_nobody(
    engine: Engine, run: sa.Row[Any], plan: StoredPlan, revision: Revision, now: datetime
) -> None:
    while True:
        with reading(engine) as connection:
            standing = (codes.c.run_id == run.id, codes.c.state != CodeState.CLASHED)
            there = int(connection.scalar(sa.select(sa.func.count()).where(*standing)) or 0)
        lacking = min(plan.proposal.code_count - there, _PIECE)
        if lacking <= 0:
            return
        rows = [_row(run, code, now) for code in _drawn(revision, run, lacking)]
        with writing(engine) as connection:
            insert_new(connection, codes, rows)


def _drawn(revision: Revision, run: sa.Row[Any], count: int) -> list[str]:
    campaign = revision.as_run(step=run.step)
    return draw_codes(count, code_format=revision.format_of(campaign), prefix=campaign.codes.prefix)


def _row(
    run: sa.Row[Any],
    code: str,
    now: datetime,
    *,
    recipient_id: int | None = None,
    **of_arm: Any,
) -> dict[str, Any]:
    return {
        "store_id": run.store_id,
        "run_id": run.id,
        "recipient_id": recipient_id,
        "code": code,
        "state": CodeState.RESERVED,
        "arm": "",
        "value": None,
        "valid_from": None,
        "valid_until": None,
        "reserved_at": now,
        "changed_at": now,
        **of_arm,
    }


def _spans(connection: Connection, run: sa.Row[Any], revision: Revision) -> dict[str, dict[str, Any]]:
    """When the codes of each arm work, where several are compared and that isn't when the run's do."""
    if len(revision.arms) == 1:
        return {arm: {} for arm in revision.arms}
    zone = connection.scalars(sa.select(stores.c.timezone).where(stores.c.id == run.store_id)).one()
    found: dict[str, dict[str, Any]] = {}
    for arm in revision.arms:
        start, end = validity(revision.offer(step=run.step, arm=arm).valid, ZoneInfo(zone), run.valid_from)
        same = (start, end) == (run.valid_from, run.valid_until)
        found[arm] = {} if same else {"valid_from": start, "valid_until": end}
    return found


def _without_code(connection: Connection, plan_id: int, after: int) -> list[sa.Row[Any]]:
    standing = sa.exists().where(codes.c.recipient_id == recipients.c.id, codes.c.state != CodeState.CLASHED)
    query = (
        sa.select(recipients.c.id, recipients.c.arm, recipients.c.value)
        .where(recipients.c.plan_id == plan_id, recipients.c.id > after, ~standing)
        .order_by(recipients.c.id)
        .limit(_PIECE)
    )
    return list(connection.execute(query))
