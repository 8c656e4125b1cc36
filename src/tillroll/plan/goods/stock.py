"""Stop runs whose goods are nearly sold out (`stops: {stock_below}`): send back, halt, or let reminders wait, by the run's state.

No crash points: each run is stopped in one transaction of its own. A run that was stopped is not looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.frozen.proposal import Goods, Proposal, Verdict, VerdictLevel
from tillroll.campaign.states import ItemKind, MessageState, RunState, Stage
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import concerns_everybody, contained
from tillroll.ledger.faults.rows import resting_items
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.queries.runs import defer_run, move_run, run_item
from tillroll.ledger.records import Run
from tillroll.ledger.tables import messages, plans, products, runs, variations

_NOT_BEGUN = (RunState.WAITING, RunState.APPROVED)
_UNDER_WAY = (RunState.MINTING, RunState.SENDING)
_CHECK_AGAIN_AFTER = timedelta(hours=1)


def stock_verdicts(
    engine: Engine, store_id: int, goods: Iterable[Goods | None], below: int | None
) -> tuple[Verdict, ...]:
    """Check whether there is enough of what the offers name; no verdict for a campaign without `stops:`."""
    if below is None:
        return ()
    with reading(engine) as connection:
        short = products_short(connection, store_id, [each for each in goods if each is not None], below)
    level = VerdictLevel.REFUSE if short else VerdictLevel.PASS
    return (
        Verdict(
            rule="stock_below",
            level=level,
            measured=", ".join(short) or "enough",
            limit=str(below),
            text=_say(short, below) if short else "",
        ),
    )


def products_short(connection: Connection, store_id: int, goods: Iterable[Goods], below: int) -> list[str]:
    """Return the named products with fewer than `below` pieces left, each with its quantity. Uncounted stock is never short."""
    named = {product.product_id: product for each in goods for product in each.products}
    stock = {
        row.product_id: row
        for row in _stock(connection, products, store_id, products.c.product_id.in_(named))
    }
    skus = {product.by_variation for product in named.values() if product.by_variation}
    of_variations = {
        row.sku: row for row in _stock(connection, variations, store_id, variations.c.sku.in_(skus))
    }
    short = []
    for product_id, product in sorted(named.items()):
        row = of_variations.get(product.by_variation) or stock.get(product_id)
        if row is None:
            continue  # gone from the store: minting refuses it when it begins
        left = 0 if not row.in_stock else row.quantity
        if left is not None and left < below:
            short.append(f"{product.name or product.sku} ({left} left)")
    return short


@dataclass(frozen=True, kw_only=True)
class _Stock:
    """How much there is of a product or a variation."""

    product_id: int
    sku: str
    in_stock: bool
    quantity: int | None  # None: uncounted


def _stock(
    connection: Connection, table: sa.Table, store_id: int, which: sa.ColumnElement[bool]
) -> list[_Stock]:
    columns = (table.c.product_id, table.c.sku, table.c.in_stock, table.c.quantity)
    rows = connection.execute(sa.select(*columns).where(table.c.store_id == store_id, which))
    return [_Stock(**row._mapping) for row in rows]


def stop_runs_short_of_stock(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Stop the runs whose goods have run short since they were planned; return how many.

    A run that has not begun goes back to planning, which refuses it with the reason. A run that has begun is halted: live codes
    stay live, and unsent e-mails are held. Reminders wait for stock.
    """
    states = (*_NOT_BEGUN, *_UNDER_WAY, RunState.TRACKING)
    of_store = (runs.c.store_id == store_id, runs.c.state.in_(states))
    with reading(engine) as connection:
        revision_ids = connection.scalars(
            sa.select(plans.c.revision_id)
            .join(runs, runs.c.plan_id == plans.c.id)
            .where(*of_store)
            .distinct()
        ).all()
        limits = _limits(connection, revision_ids)
        if not limits:
            return 0
        rows = connection.execute(
            sa.select(runs, plans.c.revision_id, plans.c.body)
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
        resting = resting_items(connection, store_id, ItemKind.RUN, now=now)
    stopped = 0
    for row in rows:
        run = Run.from_row(row)
        if str(run.id) not in resting:
            with contained(engine, run_item(run), stage=Stage.STEPS, now=now):
                stopped += _stop_if_short(engine, run, row.body, limits[row.revision_id], now)
    return stopped


def _limits(connection: Connection, revision_ids: Iterable[int]) -> dict[int, int]:
    """Return below how many pieces runs stop, by revision. A revision that can't be read is left out: its runs say so."""
    limits = {}
    for revision_id in revision_ids:
        try:
            stops = load_revision(connection, revision_id).campaign.stops
        except Exception as fault:
            if concerns_everybody(fault):
                raise
            continue
        if stops is not None:
            limits[revision_id] = stops.stock_below
    return limits


def _stop_if_short(engine: Engine, run: Run, body: Any, below: int, now: datetime) -> bool:
    """Stop one run if its goods have run short. Returns whether they have."""
    with reading(engine) as connection:
        short = products_short(connection, run.store_id, Proposal.from_json(body).all_goods, below)
    if short:
        with writing(engine) as connection:
            _stop(connection, run.id, run.state, _say(short, below), now)
    return bool(short)


def _stop(connection: Connection, run_id: int, state: RunState, reason: str, now: datetime) -> None:
    """Send a run back to planning, halt it, or postpone its reminders, depending on its state."""
    if state is RunState.TRACKING:
        defer_run(connection, run_id, until=now + _CHECK_AGAIN_AFTER, reason=f"its reminders wait: {reason}")
        return
    if state in _NOT_BEGUN:
        action, to, columns = "plan.sent_back", RunState.PLANNING, {"plan_id": None}
    else:
        action, to, columns = "run.halted", RunState.HALTED, {}
    if not move_run(connection, run_id, was={state}, to=to, now=now, reason=reason, **columns):
        return
    if to is RunState.HALTED:
        connection.execute(
            sa.update(messages)
            .where(messages.c.run_id == run_id, messages.c.state == MessageState.READY)
            .values(state=MessageState.HELD, reason=reason, not_before=None, changed_at=now)
        )
    body = {"reasons": [reason]}
    audit.record(connection, at=now, actor="loop", action=action, subject=f"run {run_id}", body=body)


def _say(short: list[str], below: int) -> str:
    return f"stops at fewer than {below} piece{'' if below == 1 else 's'}: {', '.join(short)}"
