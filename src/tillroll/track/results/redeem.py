"""Redemptions: which order used which code, found in the mirror's orders; and the end of runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import ItemKind, RunState, Stage
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.queries.changes import ADOPTED
from tillroll.ledger.queries.runs import move_run, run_item, runs_in
from tillroll.ledger.tables import codes, orders, redemptions
from tillroll.track.decide import has_run_ended, is_sale
from tillroll.track.results.sums import move_sums, uses_of
from tillroll.track.results.told import teller_of
from tillroll.track.results.undone import doubt_codes


def mark_redemptions(engine: Engine, *, store_id: int, seen_since: datetime) -> int:
    """Record the orders seen since a moment that used one of our codes. Returns how many are new. Safe to repeat."""
    code = sa.func.upper(orders.c.coupon_code)
    query = (
        sa.select(orders, codes.c.id.label("code_id"), codes.c.run_id)
        .join(codes, sa.and_(codes.c.store_id == orders.c.store_id, codes.c.code == code))
        .where(orders.c.store_id == store_id, orders.c.seen_at >= seen_since, orders.c.coupon_code != "")
    )
    with reading(engine) as connection:
        rows = list(connection.execute(query))  # rows, not records: a slice may read thousands of orders
    new: dict[tuple[str, int], bool] = {}

    def write(connection: Connection, some: Sequence[sa.Row[Any]]) -> None:  # of many thousands of rows
        numbers = [row.order_id for row in some]
        before = uses_of(connection, store_id, numbers)
        for row in some:
            new[row.order_id, row.code_id] = _record(connection, store_id, row, seen_since)
        move_sums(connection, store_id, gone=before, come=uses_of(connection, store_id, numbers))

    failed = write_pieces(
        engine,
        rows,
        write,
        name=lambda row: FaultyItem(
            store_id=store_id, kind=ItemKind.ROW, name=f"orders {row.order_id}", run_id=row.run_id
        ),
        stage=Stage.RESULTS,
        now=seen_since,
    )
    for row, _ in failed:
        new.pop((row.order_id, row.code_id), None)
    return sum(new.values())


def _record(connection: Connection, store_id: int, row: sa.Row[Any], seen_since: datetime) -> bool:
    """Record what an order with one of our codes is now: a use of it, or none. Returns whether the use is new."""
    same_order = (redemptions.c.store_id == store_id, redemptions.c.order_id == row.order_id)
    if not is_sale(row.payment_status):
        connection.execute(sa.delete(redemptions).where(*same_order))
        doubt_codes(connection, codes.c.id == row.code_id)
        return False
    teller = teller_of(
        connection, store_id, code_id=row.code_id, customer_id=row.customer_id, email=row.email
    )
    values = {
        "told_run_id": teller.run_id if teller else None,
        "told_arm": teller.arm if teller else "",
        "order_total": row.total,
        "discount": row.coupon_discount,
        "payment_status": row.payment_status,
        "at": row.created_at or seen_since,
    }
    keys = {"store_id": store_id, "run_id": row.run_id, "code_id": row.code_id, "order_id": row.order_id}
    is_new = insert_if_new(connection, redemptions, {**keys, **values})
    if not is_new:
        connection.execute(sa.update(redemptions).where(*same_order).values(values))
    return is_new


def end_runs(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Move the runs whose codes expired long enough ago to `done`. Returns how many."""
    with reading(engine) as connection:
        ended = [
            run
            for run in runs_in(connection, store_id, {RunState.TRACKING})
            if run.kind != ADOPTED
            and has_run_ended(run.extended_until or run.valid_until or run.changed_at, now)
        ]
    done = 0
    for run in ended:
        boundary = contained(engine, run_item(run), stage=Stage.RESULTS, now=now)
        with boundary, writing(engine) as connection:
            if move_run(connection, run.id, was={RunState.TRACKING}, to=RunState.DONE, now=now):
                subject = f"run {run.id}"
                audit.record(connection, at=now, actor="loop", action="run.done", subject=subject, body={})
                done += 1
    return done
