"""One slice of work on a store's open changes: gather, post, poll, finish. The caller holds the store's lock.

A change continues where it stopped, in whichever process; the most urgent change is worked on first (`decide.py`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from tillroll.batches.runner import poll, push
from tillroll.campaign.states import CHANGE_OPEN, PART_OPEN, ChangeState, ItemKind, PartState, Stage
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import FaultyItem, is_resting
from tillroll.ledger.queries.changes import parts_by_state, scope_of
from tillroll.ledger.records import Change
from tillroll.ledger.tables import change_parts, changes, stores
from tillroll.mint.changes.batch_job import ChangeJob, batch_session
from tillroll.mint.changes.decide import NEEDS_ORDERS, POSTPONED, urgency
from tillroll.mint.changes.gather import gather
from tillroll.mint.context import MintContext

log = structlog.get_logger("tillroll.mint")

_SOON = timedelta(seconds=1)
"""When to look again for codes that are not in the store yet, or that another change has posted."""


def change_slice(context: MintContext, *, until: datetime, quiet: bool = False) -> datetime | None:
    """Work once on each of the store's open changes, without waiting.

    Returns when to continue, or None if no change is open. `quiet`: nothing else waits, so changes that can be postponed are
    worked on too. A change that needs the orders is left alone until they are read (`has_change_waiting_for_orders`).
    """
    waits = []
    for change in open_changes(context):
        if change.kind in POSTPONED and not quiet:
            continue
        item = FaultyItem(
            store_id=context.store_id,
            kind=ItemKind.CHANGE,
            name=str(change.id),
            run_id=change.run_id,
            campaign=change.campaign,
        )
        now = context.clock.now()
        with contained(context.engine, item, stage=Stage.CHANGE, now=now, raised=(Refused,)):
            waits.append(_work_on(context, change, until))
    return min((moment for moment in waits if moment is not None), default=None)


def _work_on(context: MintContext, change: Change, until: datetime) -> datetime | None:
    """Work once on one change. Returns when to continue, or None if it is done or waits for the orders."""
    if change.state == ChangeState.GATHERING:
        if not _has_its_orders(context, change):
            return None
        gather(context, change, until=until)
    session, job = batch_session(context), ChangeJob(context=context, change=change)
    sent = push(session, job)
    next_poll = poll(session, job)
    if _finish(context, change):
        return None
    return _next_at(context, change, context.clock.now() if sent else next_poll)


def open_changes(context: MintContext) -> list[Change]:
    """Return the changes that are not done, the most urgent first; not those that rest after a fault."""
    where = (changes.c.store_id == context.store_id, changes.c.state.in_(sorted(CHANGE_OPEN)))
    resting = is_resting(ItemKind.CHANGE, context.store_id, changes.c.id, now=context.clock.now())
    query = sa.select(changes).where(*where, ~resting).order_by(changes.c.id)
    with reading(context.engine) as connection:
        in_order = [Change.from_row(row) for row in connection.execute(query)]
    return sorted(in_order, key=lambda change: urgency(change.kind))


def has_change_waiting_for_orders(context: MintContext) -> bool:
    """Return whether a change waits for the store's orders to be read."""
    return any(
        change.state == ChangeState.GATHERING and not _has_its_orders(context, change)
        for change in open_changes(context)
    )


def _has_its_orders(context: MintContext, change: Change) -> bool:
    """Return whether the change needs no orders, or the orders were read since it was asked for: used codes are skipped."""
    if change.kind not in NEEDS_ORDERS:
        return True
    with reading(context.engine) as connection:
        read_at = connection.scalar(sa.select(stores.c.orders_at).where(stores.c.id == context.store_id))
    return read_at is not None and read_at >= change.created_at


def _next_at(context: MintContext, change: Change, next_poll: datetime | None) -> datetime:
    """Return when there is more to do for a change that is not done."""
    if next_poll is not None:
        return next_poll
    where = (change_parts.c.change_id == change.id, change_parts.c.state == PartState.WANTED)
    with reading(context.engine) as connection:
        next_try = connection.scalar(sa.select(sa.func.min(change_parts.c.not_before)).where(*where))
    now = context.clock.now()
    return max(next_try, now) if next_try is not None else now + _SOON


def _finish(context: MintContext, change: Change) -> bool:
    """End a change if all of its codes have an outcome. Returns whether it ended."""
    with writing(context.engine) as connection:
        open_parts = sa.exists().where(
            change_parts.c.change_id == change.id, change_parts.c.state.in_(sorted(PART_OPEN))
        )
        now = context.clock.now()
        ended = connection.execute(
            sa.update(changes)
            .where(changes.c.id == change.id, changes.c.state == ChangeState.WORKING, ~open_parts)
            .values(state=ChangeState.DONE, changed_at=now, finished_at=now)
        )
        if ended.rowcount != 1:
            return False
        parts = parts_by_state(connection, [change.id]).get(change.id, {})
        body = {"kind": change.kind, **{state.value: n for state, n in sorted(parts.items())}}
        subject = scope_of(change).key
        audit.record(connection, at=now, actor="loop", action="change.done", subject=subject, body=body)
    counted = {state.value: n for state, n in parts.items()}
    log.info("change.done", change=change.id, kind=change.kind, campaign=change.campaign, **counted)
    return True
