"""End runs that events have overtaken: nobody needs to approve, or to get, a reminder of a cart that was bought.

A run that has not begun ends. Of one whose e-mail waits, for the morning or for its sender, the e-mail is held.

Crash points: none between: each run ends in one transaction, together with its entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import NO_SALE, ItemKind, MessageState, RunState, Stage
from tillroll.flows.ends import leave, why_flow_ends
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import FaultyItem, resting_items
from tillroll.ledger.queries.runs import move_run
from tillroll.ledger.records import Entry
from tillroll.ledger.tables import carts, entries, messages, orders, redemptions, runs
from tillroll.plan.record.revisions import current_revision

_NOT_BEGUN = (RunState.PLANNING, RunState.WAITING, RunState.APPROVED)


@dataclass(frozen=True, kw_only=True)
class _Suspect:
    """A run that may have been overtaken."""

    run_id: int
    step: int
    entry_id: int
    state: RunState


def end_overtaken(engine: Engine, *, store_id: int, now: datetime) -> int:
    """End the runs of flows that have been overtaken; return how many. One query finds the few runs to look at closely."""
    where = (
        runs.c.store_id == store_id,
        sa.or_(runs.c.state.in_(_NOT_BEGUN), sa.and_(runs.c.state == RunState.SENDING, _waits_to_be_sent())),
        entries.c.id == runs.c.entry_id,
        sa.or_(_customer_has_ordered(), _cart_is_over(), _order_is_undone(), _code_was_used()),
    )
    query = sa.select(runs.c.id.label("run_id"), runs.c.step, runs.c.entry_id, runs.c.state).where(*where)
    with reading(engine) as connection:
        suspects = [_Suspect(**row._mapping) for row in connection.execute(query)]
        resting = resting_items(connection, store_id, ItemKind.RUN, now=now)
    ended = 0
    for suspect in suspects:
        name = str(suspect.run_id)
        item = FaultyItem(store_id=store_id, kind=ItemKind.RUN, name=name, run_id=suspect.run_id)
        if name not in resting:
            with contained(engine, item, stage=Stage.STEPS, now=now):
                ended += _end_if_overtaken(engine, suspect, now)
    return ended


def _end_if_overtaken(engine: Engine, suspect: _Suspect, now: datetime) -> bool:
    """End a run and its entry if the flow ends before the run's step; return whether it did."""
    with writing(engine) as connection:
        query = sa.select(entries).where(entries.c.id == suspect.entry_id)
        entry = Entry.from_row(connection.execute(query).one())
        current = current_revision(connection, entry.store_id, entry.campaign)
        if current is None:
            return False
        _, revision = current
        reason = why_flow_ends(connection, entry, revision, suspect.step, now)
        if reason and suspect.state == RunState.SENDING:
            return _hold_e_mails(connection, suspect.run_id, reason, now)
        if not reason or not move_run(
            connection, suspect.run_id, was=_NOT_BEGUN, to=RunState.DONE, now=now, reason=reason
        ):
            return False
        leave(connection, entry, now, reason)
    return True


def _hold_e_mails(connection: Connection, run_id: int, reason: str, now: datetime) -> bool:
    """Hold the e-mails of a run that have not left; return whether there were any."""
    held = {"state": MessageState.HELD, "reason": reason, "not_before": None, "changed_at": now}
    waiting = (messages.c.run_id == run_id, messages.c.state == MessageState.READY)
    if not connection.execute(sa.update(messages).where(*waiting).values(held)).rowcount:
        return False
    connection.execute(
        sa.update(runs).where(runs.c.id == run_id).values(not_before=None)
    )  # it has nothing to wait for
    return True


def _waits_to_be_sent() -> sa.ColumnElement[bool]:
    return sa.exists().where(messages.c.run_id == runs.c.id, messages.c.state == MessageState.READY)


def _customer_has_ordered() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        orders.c.store_id == entries.c.store_id,
        orders.c.customer_id == entries.c.customer_id,
        orders.c.created_at > entries.c.happened_at,
    )


def _cart_is_over() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        carts.c.store_id == entries.c.store_id,
        carts.c.cart_id == entries.c.facts["cart"]["id"].as_string(),
        sa.or_(carts.c.hidden.is_(sa.true()), carts.c.recovered_order.is_not(None)),
    )


def _order_is_undone() -> sa.ColumnElement[bool]:
    """Return the condition that the order of an entry is no sale any more, or gone."""
    id_ = entries.c.facts["order"]["id"].as_string()
    counts = sa.exists().where(
        orders.c.store_id == entries.c.store_id,
        orders.c.order_id == id_,
        orders.c.payment_status.not_in(NO_SALE),
    )
    return sa.and_(id_.is_not(None), ~counts)


def _code_was_used() -> sa.ColumnElement[bool]:
    earlier = runs.alias("earlier")
    return (
        sa.select(redemptions.c.code_id)
        .join(messages, messages.c.code_id == redemptions.c.code_id)
        .join(earlier, earlier.c.id == messages.c.run_id)
        .where(earlier.c.entry_id == entries.c.id)
        .correlate(entries)
        .exists()
    )
