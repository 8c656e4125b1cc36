"""`stops: {stock_below}`: a campaign stops promoting goods of which little is left, wherever its runs stand.

Crash points: none between: each run is one transaction, and one that was stopped is not looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.frozen.proposal import Goods, Level, Proposal, Verdict
from tillroll.campaign.states import MessageState, RunState
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.plans import load_revision
from tillroll.ledger.runs import move_run, put_off
from tillroll.ledger.tables import messages, plans, products, runs, variations

_NOT_BEGUN = (RunState.WAITING, RunState.APPROVED)
_ON_ITS_WAY = (RunState.MINTING, RunState.SENDING)
_LOOK_AGAIN = timedelta(hours=1)


def stock_verdicts(
    engine: Engine, store_id: int, goods: Iterable[Goods | None], below: int | None
) -> tuple[Verdict, ...]:
    """Whether there is enough of what an offer names; nothing for a campaign without `stops:`."""
    if below is None:
        return ()
    with reading(engine) as connection:
        little = short_of(connection, store_id, [one for one in goods if one is not None], below)
    level = Level.REFUSE if little else Level.PASS
    return (
        Verdict(
            rule="stock_below",
            level=level,
            measured=", ".join(little) or "enough",
            limit=str(below),
            text=_say(little, below) if little else "",
        ),
    )


def short_of(connection: Connection, store_id: int, goods: Iterable[Goods], below: int) -> list[str]:
    """What there are fewer pieces of, with how many; what is without limit never runs short."""
    named = {one.product_id: one for each in goods for one in each.products}
    stock = {
        row.product_id: row
        for row in _stock(connection, products, store_id, products.c.product_id.in_(named))
    }
    sorts = {one.by_variation for one in named.values() if one.by_variation}
    of_sort = {row.sku: row for row in _stock(connection, variations, store_id, variations.c.sku.in_(sorts))}
    found = []
    for product_id, one in sorted(named.items()):
        row = of_sort.get(one.by_variation) or stock.get(product_id)
        if row is None:
            continue  # gone from the store: that is told when minting begins
        left = 0 if not row.in_stock else row.quantity
        if left is not None and left < below:
            found.append(f"{one.name or one.sku} ({left} left)")
    return found


def _stock(
    connection: Connection, table: sa.Table, store_id: int, which: sa.ColumnElement[bool]
) -> Iterable[sa.Row[Any]]:
    columns = (table.c.product_id, table.c.sku, table.c.in_stock, table.c.quantity)
    return connection.execute(sa.select(*columns).where(table.c.store_id == store_id, which))


def stop_short(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Stop the runs whose goods have run short since they were planned; returns how many.

    One that hasn't begun goes back to planning, which refuses it with the reason. One that has is halted: what is live stays
    live, e-mails that haven't left are held. Reminders wait for stock.
    """
    states = (*_NOT_BEGUN, *_ON_ITS_WAY, RunState.TRACKING)
    of_store = (runs.c.store_id == store_id, runs.c.state.in_(states))
    with reading(engine) as connection:
        used = connection.scalars(
            sa.select(plans.c.revision_id)
            .join(runs, runs.c.plan_id == plans.c.id)
            .where(*of_store)
            .distinct()
        ).all()
        limits = {
            one: stops.stock_below
            for one in used
            if (stops := load_revision(connection, one).campaign.stops) is not None
        }
        if not limits:
            return 0
        rows = connection.execute(
            sa.select(runs.c.id, runs.c.state, plans.c.revision_id, plans.c.body)
            .join(plans, runs.c.plan_id == plans.c.id)
            .where(
                *of_store,
                plans.c.revision_id.in_(limits),
                sa.or_(
                    runs.c.state != RunState.TRACKING,
                    runs.c.not_before.is_(None),
                    runs.c.not_before <= now,
                ),
            )
        ).all()
        short = [
            (row, _say(little, limits[row.revision_id]))
            for row in rows
            if (
                little := short_of(
                    connection, store_id, Proposal.from_json(row.body).all_goods, limits[row.revision_id]
                )
            )
        ]
    for row, reason in short:
        with writing(engine) as connection:
            _stop(connection, row.id, RunState(row.state), reason, now)
    return len(short)


def _stop(connection: Connection, run_id: int, state: RunState, reason: str, now: datetime) -> None:
    if state is RunState.TRACKING:
        put_off(connection, run_id, until=now + _LOOK_AGAIN, reason=f"its reminders wait: {reason}")
        return
    if state in _NOT_BEGUN:
        action, to, also = "plan.sent_back", RunState.PLANNING, {"plan_id": None}
    else:
        action, to, also = "run.halted", RunState.HALTED, {}
    if not move_run(connection, run_id, was={state}, to=to, now=now, reason=reason, **also):
        return
    if to is RunState.HALTED:
        connection.execute(
            sa.update(messages)
            .where(messages.c.run_id == run_id, messages.c.state == MessageState.READY)
            .values(state=MessageState.HELD, reason=reason, not_before=None, changed_at=now)
        )
    body = {"reasons": [reason]}
    audit.record(connection, at=now, actor="loop", action=action, subject=f"run {run_id}", body=body)


def _say(little: list[str], below: int) -> str:
    return f"stops at fewer than {below} pieces: {', '.join(little)}"
