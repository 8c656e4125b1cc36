"""Which order used which code: redemptions, worked out from the mirror's orders, and the end of runs."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign.states import RunState
from tillroll.ledger import audit
from tillroll.ledger.changes import ADOPTED
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.runs import move_run, runs_in
from tillroll.ledger.tables import codes, orders, redemptions
from tillroll.track.decide import counts, run_is_over


def mark_redemptions(engine: Engine, *, store_id: int, seen_since: datetime) -> int:
    """Record the orders read since a moment that used a code of ours; returns how many are new. Harmless to repeat."""
    code = sa.func.upper(orders.c.coupon_code)
    query = (
        sa.select(orders, codes.c.id.label("code_id"), codes.c.run_id)
        .join(codes, sa.and_(codes.c.store_id == orders.c.store_id, codes.c.code == code))
        .where(orders.c.store_id == store_id, orders.c.seen_at >= seen_since, orders.c.coupon_code != "")
    )
    with reading(engine) as connection:
        found = list(connection.execute(query))
    new = 0
    with writing(engine) as connection:
        for row in found:
            same = (redemptions.c.store_id == store_id, redemptions.c.order_id == row.order_id)
            if not counts(row.payment_status):
                connection.execute(sa.delete(redemptions).where(*same))
                continue
            values = {
                "order_total": row.total,
                "discount": row.coupon_discount,
                "payment_status": row.payment_status,
                "at": row.created_at or seen_since,
            }
            keys = {
                "store_id": store_id,
                "run_id": row.run_id,
                "code_id": row.code_id,
                "order_id": row.order_id,
            }
            if insert_if_new(connection, redemptions, {**keys, **values}):
                new += 1
            else:
                connection.execute(sa.update(redemptions).where(*same).values(values))
    return new


def end_runs(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Close the runs whose codes have expired for good; returns how many."""
    with reading(engine) as connection:
        over = [
            run.id
            for run in runs_in(connection, store_id, {RunState.TRACKING})
            if run.kind != ADOPTED
            and run_is_over(run.extended_until or run.valid_until or run.changed_at, now)
        ]
    for run_id in over:
        with writing(engine) as connection:
            if move_run(connection, run_id, was={RunState.TRACKING}, to=RunState.DONE, now=now):
                audit.record(
                    connection, at=now, actor="loop", action="run.done", subject=f"run {run_id}", body={}
                )
    return len(over)
