"""The steps of customers who entered a campaign: a due step becomes a run, and the entry moves on to its next step.

Crash points: none between: the run and the entry's next step are one transaction, and a step's run has a unique key.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.states import EntryState, ItemKind, RunState, Stage
from tillroll.campaign.text.units import spell_duration
from tillroll.flows.ends import FlowCart, cart_of, leave, move_entry, why_flow_ends
from tillroll.flows.finders.finder import cart_facts
from tillroll.flows.finders.keys import step_slot
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import FaultyItem, is_resting
from tillroll.ledger.records import Entry
from tillroll.ledger.tables import entries, runs
from tillroll.plan.record.revisions import readable_campaigns

_MOST = 500  # entries of one look


def take_steps(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Make runs of the steps that are due; return how many. Entries of a campaign that is not active wait."""
    due = (entries.c.store_id == store_id, entries.c.state == EntryState.WAITING, entries.c.due_at <= now)
    with reading(engine) as connection:
        if not connection.scalar(sa.select(sa.exists().where(*due))):
            return 0
    active = readable_campaigns(engine, store_id, stage=Stage.STEPS, now=now)
    revisions = {each.name: each.revision for each in active}
    resting = is_resting(ItemKind.ENTRY, store_id, entries.c.id, now=now)
    query = sa.select(entries).where(*due, entries.c.campaign.in_(revisions), ~resting)
    with reading(engine) as connection:
        due_entries = connection.execute(query.order_by(entries.c.due_at).limit(_MOST)).all()
    made = 0
    for row in due_entries:
        item = FaultyItem(store_id=store_id, kind=ItemKind.ENTRY, name=str(row.id), campaign=row.campaign)
        boundary = contained(engine, item, stage=Stage.STEPS, now=now)
        with boundary, writing(engine) as connection:
            made += _take_step(connection, Entry.from_row(row), revisions[row.campaign], now)
    return made


def _take_step(connection: Connection, entry: Entry, revision: Revision, now: datetime) -> bool:
    """Take an entry's due step, end its flow, or postpone it; return whether the step became a run."""
    if entry.step > max(1, len(revision.campaign.steps)):
        leave(connection, entry, now, "the campaign has fewer steps now")
        return False
    cart = cart_of(connection, entry)
    if reason := why_flow_ends(connection, entry, revision, entry.step, now):
        leave(connection, entry, now, reason)
        return False
    if cart is not None and entry.step == 1 and _was_touched(cart, entry):
        _wait_again(connection, entry, cart, revision, now)
        return False
    assert entry.due_at is not None  # noqa: S101 - the query asks for entries that are due
    is_late = now - entry.due_at > revision.campaign.when.within
    if not move_entry(connection, entry, now, **_next_step(entry, entry.due_at, revision)):
        return False
    return _add_run(connection, entry, revision, is_late=is_late, now=now) and not is_late


def _was_touched(cart: FlowCart, entry: Entry) -> bool:
    """Return whether the customer came back to the cart, so that it is not abandoned until they leave it again."""
    return cart.updated_at is not None and cart.updated_at > entry.happened_at


def _wait_again(
    connection: Connection, entry: Entry, cart: FlowCart, revision: Revision, now: datetime
) -> None:
    """Let an entry wait for its first step again, from the cart's last change on."""
    assert cart.updated_at is not None  # noqa: S101 - only a cart that was changed comes here
    campaign = revision.campaign
    wait = campaign.steps[0].wait if campaign.steps else None
    due_at = cart.updated_at + (wait if wait is not None else campaign.when.delay)
    facts = {**entry.facts, "cart": cart_facts(cart)}
    move_entry(connection, entry, now, due_at=due_at, happened_at=cart.updated_at, facts=facts)


def _next_step(entry: Entry, due_at: datetime, revision: Revision) -> dict[str, Any]:
    """Return the columns of the entry's next step, or of its end."""
    steps = revision.campaign.steps
    if entry.step >= len(steps):
        return {"state": EntryState.DONE, "due_at": None, "step": entry.step + 1}
    return {"step": entry.step + 1, "due_at": due_at + (steps[entry.step].wait or timedelta(0))}


def _add_run(
    connection: Connection, entry: Entry, revision: Revision, *, is_late: bool, now: datetime
) -> bool:
    """Write the run of an entry's step, skipped if it is late; return whether it is new."""
    within = spell_duration(revision.campaign.when.within)
    return insert_if_new(
        connection,
        runs,
        {
            "store_id": entry.store_id,
            "campaign": entry.campaign,
            "slot_key": step_slot(entry.key, entry.step) if revision.campaign.steps else entry.key,
            "slot_at": entry.due_at,
            "state": RunState.SKIPPED if is_late else RunState.PLANNING,
            "reason": f"missed by more than {within}" if is_late else "",
            "entry_id": entry.id,
            "step": entry.step,
            "started_by": "event",
            "created_at": now,
            "changed_at": now,
            "finished_at": now if is_late else None,
        },
    )
