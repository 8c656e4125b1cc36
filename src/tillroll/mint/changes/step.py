"""One slice of the changes that are open for a store: gather, post, poll, finish. The caller holds the store's lane.

A change goes on where it stood, whichever process carries it; the one that can't wait is worked on first (`decide.py`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from tillroll.campaign.states import CHANGE_OPEN, PART_OPEN, ChangeKind, ChangeState, PartState
from tillroll.chunks.carry import poll, push
from tillroll.ledger import audit
from tillroll.ledger.changes import parts_by_state, scope_of
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import change_parts, changes, stores
from tillroll.mint.changes.decide import LAST, NEEDS_ORDERS, urgency
from tillroll.mint.changes.errand import ChangeErrand, carrier_of
from tillroll.mint.changes.gather import gather
from tillroll.mint.parts import Mint

log = structlog.get_logger("tillroll.mint")

_SOON = timedelta(seconds=1)
"""Codes that aren't in the store yet, or that another change has on its way, are looked at again after that."""


def change_slice(mint: Mint, *, until: datetime, quiet: bool = False) -> datetime | None:
    """Work on the store's open changes once, and don't wait. When to go on, or None when none is open.

    `quiet`: nothing else waits, so what can wait for ever is worked on too. Changes that must know the orders are left alone
    until these were read (`wants_orders`).
    """
    carrier, waits = carrier_of(mint), []
    for change in open_changes(mint):
        if ChangeKind(change.kind) in LAST and not quiet:
            continue
        if change.state == ChangeState.GATHERING:
            if not _orders_are_read(mint, change):
                continue
            gather(mint, change, until=until)
        errand = ChangeErrand(mint=mint, change=change)
        sent = push(carrier, errand)
        next_poll = poll(carrier, errand)
        if _finish(mint, change):
            continue
        waits.append(_next(mint, change, mint.clock.now() if sent else next_poll))
    return min(waits, default=None)


def open_changes(mint: Mint) -> list[sa.Row[Any]]:
    """The changes that aren't done, the most urgent first."""
    where = (changes.c.store_id == mint.store_id, changes.c.state.in_(sorted(CHANGE_OPEN)))
    with reading(mint.engine) as connection:
        found = connection.execute(sa.select(changes).where(*where).order_by(changes.c.id)).all()
    return sorted(found, key=lambda change: urgency(ChangeKind(change.kind)))


def wants_orders(mint: Mint) -> bool:
    """Whether a change waits for the store's orders to be read."""
    return any(
        change.state == ChangeState.GATHERING and not _orders_are_read(mint, change)
        for change in open_changes(mint)
    )


def _orders_are_read(mint: Mint, change: sa.Row[Any]) -> bool:
    """Whether the orders were read since the change was asked for, if that matters to it: used codes are passed over."""
    if ChangeKind(change.kind) not in NEEDS_ORDERS:
        return True
    with reading(mint.engine) as connection:
        read_at = connection.scalar(sa.select(stores.c.orders_at).where(stores.c.id == mint.store_id))
    return read_at is not None and read_at >= change.created_at


def _next(mint: Mint, change: sa.Row[Any], next_poll: datetime | None) -> datetime:
    """When there is more to do for a change that isn't done."""
    if next_poll is not None:
        return next_poll
    where = (change_parts.c.change_id == change.id, change_parts.c.state == PartState.WANTED)
    with reading(mint.engine) as connection:
        next_try = connection.scalar(sa.select(sa.func.min(change_parts.c.not_before)).where(*where))
    now = mint.clock.now()
    return max(next_try, now) if next_try is not None else now + _SOON


def _finish(mint: Mint, change: sa.Row[Any]) -> bool:
    """End a change whose codes all have an outcome."""
    with writing(mint.engine) as connection:
        open_ = sa.exists().where(
            change_parts.c.change_id == change.id, change_parts.c.state.in_(sorted(PART_OPEN))
        )
        now = mint.clock.now()
        ended = connection.execute(
            sa.update(changes)
            .where(changes.c.id == change.id, changes.c.state == ChangeState.WORKING, ~open_)
            .values(state=ChangeState.DONE, changed_at=now, finished_at=now)
        )
        if ended.rowcount != 1:
            return False
        parts = parts_by_state(connection, [change.id]).get(change.id, {})
        body = {"kind": change.kind, **{state.value: n for state, n in sorted(parts.items())}}
        subject = str(scope_of(change))
        audit.record(connection, at=now, actor="loop", action="change.done", subject=subject, body=body)
    counted = {state.value: n for state, n in parts.items()}
    log.info("change.done", change=change.id, kind=change.kind, campaign=change.campaign, **counted)
    return True
