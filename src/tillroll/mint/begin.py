"""The last check before codes are made, and the start: from here on the run follows its frozen plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import POLICY, Goods
from tillroll.campaign.states import RunState
from tillroll.campaign.timing.validity import validity
from tillroll.ledger import audit
from tillroll.ledger.engine import writing
from tillroll.ledger.given import earlier_code
from tillroll.ledger.plans import Recount, load_plan, load_revision, recounted
from tillroll.ledger.prices import prices_digest
from tillroll.ledger.runs import load_run, move_run
from tillroll.ledger.tables import approvals, campaigns, categories, products, stores
from tillroll.mint.decide import reasons_not_to_begin


def begin(engine: Engine, *, run_id: int, now: datetime, recount: Recount | None = None) -> RunState:
    """Move an approved run to minting if what was approved still stands, else back to planning. Harmless to repeat.

    `recount`: its recipients, counted to the end before (without it they are counted now). What was counted can't change
    (`ledger/plans.py`), and which plan it was is held against the run's in the transaction that begins it.
    """
    recount = recount or recounted(engine, run_id)
    with writing(engine) as connection:
        run, plan = load_run(connection, run_id), load_plan(connection, run_id)
        counted = recount.plan.plan_id if recount.plan is not None else None
        if run.state != RunState.APPROVED or plan is None or plan.plan_id != counted:
            return RunState(run.state)
        revision_now = connection.scalar(
            sa.select(campaigns.c.revision_id).where(
                campaigns.c.store_id == run.store_id, campaigns.c.name == run.campaign
            )
        )
        revision = load_revision(connection, plan.revision_id)
        agreed = sa.select(approvals.c.person, approvals.c.digest).where(
            approvals.c.plan_id == plan.plan_id, approvals.c.decision == "approve"
        )
        against = reasons_not_to_begin(
            plan=plan,
            digest_now=plan.digest if recount.agrees(connection, plan) else "another",
            revision_now=revision_now,
            approvals=[(row.person, row.digest) for row in connection.execute(agreed)],
            policy=POLICY,
            goods=_changed(connection, run.store_id, plan.proposal.all_goods),
        )
        if against:
            reason = "; ".join(against)
            move_run(
                connection,
                run_id,
                was={RunState.APPROVED},
                to=RunState.PLANNING,
                now=now,
                reason=reason,
                plan_id=None,
            )
            body: dict[str, Any] = {"reasons": list(against), "digest": plan.digest}
            audit.record(
                connection, at=now, actor="loop", action="plan.sent_back", subject=f"run {run_id}", body=body
            )
            return RunState.PLANNING
        zone = connection.scalars(sa.select(stores.c.timezone).where(stores.c.id == run.store_id)).one()
        ahead = revision.campaign.codes.ahead is not None and run.slot_at > now
        launch_at = run.slot_at if ahead else None
        start, end = _validity(connection, run, revision, ZoneInfo(zone), launch_at or now)
        move_run(
            connection,
            run_id,
            was={RunState.APPROVED},
            to=RunState.MINTING,
            now=now,
            valid_from=start,
            valid_until=end,
            launch_at=launch_at,
        )
        body = {"digest": plan.digest, "valid_from": start, "valid_until": end}
        audit.record(
            connection, at=now, actor="loop", action="mint.begun", subject=f"run {run_id}", body=body
        )
    return RunState.MINTING


def _validity(
    connection: Connection, run: sa.Row[Any], revision: Revision, zone: ZoneInfo, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """When the codes that the run's e-mails show work, whatever the arm; none for an e-mail without one.

    Where an arm's codes work from now on, the start is now: `reserve.py` works out the arms' own times from it.
    """
    steps = revision.campaign.steps
    every = (revision.as_run(step=run.step, arm=arm).offer for arm in revision.arms)
    if spans := [validity(one.valid, zone, now) for one in every if one is not None]:
        start = min(from_ if len(spans) == 1 else max(from_, now) for from_, _ in spans)
        return start.replace(microsecond=0), max(until for _, until in spans)
    code = earlier_code(connection, run) if steps and steps[run.step - 1].same_code else None
    return (code.valid_from, code.valid_until) if code is not None else (None, None)


def _together(goods: Sequence[Goods]) -> Goods:
    """What the offers of all arms are on."""
    named = {one.product_id: one for each in goods for one in each.products}
    shelves = {one.category_id: one for each in goods for one in each.categories}
    return Goods(products=tuple(named.values()), categories=tuple(shelves.values()))


def _changed(connection: Connection, store_id: int, every: Sequence[Goods]) -> list[str]:
    """What the store says otherwise by now of the goods that the offers name; empty: nothing."""
    found, goods = [], _together(every)
    if gone := _gone(connection, store_id, goods):
        found.append(f"no longer in the store: {', '.join(gone)}")
    if barred := _barred(connection, store_id, goods):
        found.append(f"the store no longer allows discounts on {', '.join(barred)}")
    found += _repriced(connection, store_id, goods)
    for one in (
        every if not found else ()
    ):  # what a price digest alone tells: variations, and what is in categories
        if one.prices and prices_digest(connection, store_id, one) != one.prices:
            found.append(f"prices of {one.named} are others now, or other products are in it")
    return found


def _gone(connection: Connection, store_id: int, goods: Goods) -> list[str]:
    """Goods of the offer that the mirror of the store no longer has: the store would drop the limit without a word."""
    left = _left(connection, products.c.product_id, store_id, [one.product_id for one in goods.products])
    lost = [one.name or one.sku for one in goods.products if one.product_id not in left]
    left = _left(
        connection, categories.c.category_id, store_id, [one.category_id for one in goods.categories]
    )
    return lost + [one.path for one in goods.categories if one.category_id not in left]


def _left(connection: Connection, key: sa.Column[Any], store_id: int, ids: list[int]) -> set[int]:
    query = sa.select(key).where(key.table.c.store_id == store_id, key.in_(ids))
    return set(connection.scalars(query))


def _barred(connection: Connection, store_id: int, goods: Goods) -> list[str]:
    """Products of the offer that nothing may be taken off any more."""
    ids = [one.product_id for one in goods.products]
    query = sa.select(products.c.name).where(
        products.c.store_id == store_id,
        products.c.product_id.in_(ids),
        products.c.discounts_allowed.is_(sa.false()),
    )
    return list(connection.scalars(query.order_by(products.c.product_id))) if ids else []


def _repriced(connection: Connection, store_id: int, goods: Goods) -> list[str]:
    """Products of the offer that cost something else now than when the plan was made, as sentences' ends."""
    approved = {one.product_id: one for one in goods.products if one.price}
    query = sa.select(products.c.product_id, products.c.price).where(
        products.c.store_id == store_id, products.c.product_id.in_(approved)
    )
    found = []
    for row in connection.execute(query.order_by(products.c.product_id)) if approved else ():
        one = approved[row.product_id]
        if row.price != Decimal(one.price):
            found.append(f"{one.name or one.sku} costs {row.price.normalize():f} now, not {one.price}")
    return found
