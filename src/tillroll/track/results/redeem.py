"""Redemptions: which order used which code, found in the mirror's orders; and the end of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import ItemKind, RunState, Stage
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.queries.changes import ADOPTED
from tillroll.ledger.queries.predicates import has_not_clashed, is_order_of_use
from tillroll.ledger.queries.runs import move_run, run_item, runs_in
from tillroll.ledger.tables import codes, orders, redemptions
from tillroll.ledger.tables.types import UtcDateTime
from tillroll.track.decide import has_run_ended, is_sale
from tillroll.track.results.leaks.review import review_findings
from tillroll.track.results.sums import move_sums, uses_of
from tillroll.track.results.told import teller_of
from tillroll.track.results.undone import doubt_codes

_PIECE = 1_000  # orders whose uses are recorded in one transaction


@dataclass(frozen=True, kw_only=True)
class SeenOrder:
    """An order that names a code of ours now, or was recorded as a use of one."""

    order_id: str
    seen_at: datetime
    code_id: int | None  # None: it names no code of ours any more
    run_id: int | None
    total: Decimal
    discount: Decimal
    payment_status: str
    customer_id: int | None
    email: str
    created_at: datetime | None

    @property
    def counts(self) -> bool:
        """Whether it is a sale with a code of ours."""
        return self.code_id is not None and is_sale(self.payment_status)


def mark_redemptions(engine: Engine, *, store_id: int, seen_since: datetime) -> int:
    """Record which codes the orders seen since a moment used, and take back what they used before and don't any more.

    An order may have been cancelled, or name another code or none. Returns how many uses are new. Safe to repeat.
    """
    new, last = 0, None
    while piece := _seen_orders(engine, store_id, seen_since, after=last):
        new += _mark_piece(engine, store_id, piece, now=seen_since)
        last = piece[-1]
    return new


def _seen_orders(
    engine: Engine, store_id: int, seen_since: datetime, *, after: SeenOrder | None
) -> list[SeenOrder]:
    """Return the next orders that matter, by when they were seen."""
    of_code = (
        codes.c.store_id == orders.c.store_id,
        codes.c.code == sa.func.upper(orders.c.coupon_code),
        has_not_clashed(),
    )
    columns = (orders.c.order_id, orders.c.seen_at, orders.c.total, orders.c.coupon_discount)
    query = (
        sa.select(*columns, orders.c.payment_status, orders.c.customer_id, orders.c.email)
        .add_columns(orders.c.created_at, codes.c.run_id)
        .add_columns(codes.c.id.label("code_id"))
        .select_from(orders)
        .outerjoin(codes, sa.and_(*of_code))
        .outerjoin(redemptions, is_order_of_use())
        .where(orders.c.store_id == store_id, orders.c.seen_at >= seen_since)
        .where(sa.or_(codes.c.id.is_not(None), redemptions.c.id.is_not(None)))
        .order_by(orders.c.seen_at, orders.c.order_id)
        .limit(_PIECE)
    )
    if after is not None:
        place = sa.tuple_(orders.c.seen_at, orders.c.order_id)
        query = query.where(place > sa.tuple_(sa.literal(after.seen_at, UtcDateTime()), after.order_id))
    with reading(engine) as connection:
        return [
            SeenOrder(
                order_id=row.order_id,
                seen_at=row.seen_at,
                code_id=row.code_id,
                run_id=row.run_id,
                total=row.total,
                discount=row.coupon_discount,
                payment_status=row.payment_status,
                customer_id=row.customer_id,
                email=row.email,
                created_at=row.created_at,
            )
            for row in connection.execute(query)
        ]


def _mark_piece(engine: Engine, store_id: int, piece: Sequence[SeenOrder], *, now: datetime) -> int:
    """Record the uses of some orders, and move the sums in the same transaction. Returns how many uses are new."""
    new: dict[str, bool] = {}

    def write(connection: Connection, some: Sequence[SeenOrder]) -> None:
        numbers = [order.order_id for order in some]
        before = uses_of(connection, store_id, numbers)
        used = _used_codes(connection, store_id, numbers)
        for order in some:
            new[order.order_id] = _record(connection, store_id, order, was=used.get(order.order_id), now=now)
        move_sums(connection, store_id, gone=before, come=uses_of(connection, store_id, numbers))

    failed = write_pieces(
        engine,
        piece,
        write,
        name=lambda order: FaultyItem(
            store_id=store_id, kind=ItemKind.ROW, name=f"orders {order.order_id}", run_id=order.run_id
        ),
        stage=Stage.RESULTS,
        now=now,
    )
    for order, _ in failed:
        new.pop(order.order_id, None)
    return sum(new.values())


def _used_codes(connection: Connection, store_id: int, order_ids: Sequence[str]) -> dict[str, int]:
    """Return the codes that some orders are recorded to have used."""
    query = sa.select(redemptions.c.order_id, redemptions.c.code_id)
    where = (redemptions.c.store_id == store_id, redemptions.c.order_id.in_(order_ids))
    return {row.order_id: row.code_id for row in connection.execute(query.where(*where))}


def _record(
    connection: Connection, store_id: int, order: SeenOrder, *, was: int | None, now: datetime
) -> bool:
    """Record what an order is now: a use of one of our codes, or none. Returns whether the use is new.

    `was` is the code that it is recorded to have used. If it no longer counts for that one, the store is asked whether that
    code works again.
    """
    same_order = (redemptions.c.store_id == store_id, redemptions.c.order_id == order.order_id)
    stays = order.counts and was == order.code_id
    given_up = {code_id for code_id in (was, None if order.counts else order.code_id) if code_id is not None}
    if not stays and given_up:
        review_findings(connection, store_id, [order.order_id])
        connection.execute(sa.delete(redemptions).where(*same_order))
        doubt_codes(connection, codes.c.id.in_(given_up))
    if not order.counts or order.code_id is None:
        return False
    bought_at = order.created_at or now
    teller = teller_of(
        connection,
        store_id,
        code_id=order.code_id,
        customer_id=order.customer_id,
        email=order.email,
        bought_at=bought_at,
    )
    values = {
        "told_run_id": teller.run_id if teller else None,
        "told_arm": teller.arm if teller else "",
        "order_total": order.total,
        "discount": order.discount,
        "payment_status": order.payment_status,
        "at": bought_at,
    }
    if stays:
        connection.execute(sa.update(redemptions).where(*same_order).values(values))
        return False
    keys = {
        "store_id": store_id,
        "run_id": order.run_id,
        "code_id": order.code_id,
        "order_id": order.order_id,
    }
    return insert_if_new(connection, redemptions, {**keys, **values})


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
