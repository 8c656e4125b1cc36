"""Sending a run's messages: claim some, hand them over, record what became of them, and repeat until the slice ends.

Crash points, by name:

- *claimed*: some rows say `sending`, nothing left yet.
- *handed over*: all or some left, the rows still say `sending`.

Afterwards the holder of the store's lock asks the transport (the outbox knows what it took). If the transport can't tell, the
mark of each row does (`wire.py`): only the one message that was about to leave is unknown, and the campaign's `if_unknown`
decides about it.

Several senders may work at once (`share.py`): each claimed row names its owner, and the holder of the store's lock settles the
rows of senders that died.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from tillroll.campaign.states import ItemKind, MessageKind, MessageState, RunState
from tillroll.ledger import audit
from tillroll.ledger.counting.read import message_states_of_run
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.rows import is_set_aside
from tillroll.ledger.queries.runs import load_run, move_run
from tillroll.ledger.records import Run
from tillroll.ledger.sender.days import note_past_days
from tillroll.ledger.tables import messages
from tillroll.ledger.tables.types import UtcDateTime
from tillroll.send.context import SendContext, Sending, open_sending
from tillroll.send.hand_over import hand_over
from tillroll.send.hold import Hold, give_probe_back, hold, load_hold, release, take_probe
from tillroll.send.lease import Lease
from tillroll.send.slices.claim import Claimed, claim
from tillroll.send.slices.interrupted import are_leaving, settle_interrupted
from tillroll.send.slices.places import free_places
from tillroll.send.slices.prepare import prepare
from tillroll.send.slices.quiet import opens_at
from tillroll.send.wire import Wire

_WAIT_FOR_OTHERS = timedelta(seconds=2)  # before the other senders' progress is checked again


def send_slice(context: SendContext, *, run_id: int, until: datetime) -> datetime | None:
    """Send a run's messages until all are settled, they must wait, or the slice ends.

    Returns when to continue, or None when the run has left `sending`. The caller holds the store's lock.
    """
    with reading(context.engine) as connection:
        run = load_run(connection, run_id)
        if run.state != RunState.SENDING:
            return None
        sending = open_sending(connection, context, run, MessageKind.OFFER)
    if not prepare(sending, now=context.clock.now(), until=until).looked_at_all:
        return context.clock.now()
    next_at = send_ready(sending, until=until)
    return _finish(context, run) if next_at is None else next_at


def send_ready(sending: Sending, *, until: datetime) -> datetime | None:
    """Send the messages that are ready. Returns when to continue, or None when none is due now."""
    context = sending.context
    if context.owner == 0:
        if_unknown = sending.message.send.if_unknown
        settle_interrupted(context, sending.run, sending.kind, if_unknown=if_unknown)
    began = context.clock.now()
    if (opens := opens_at(sending, began)) > began:
        return opens
    if sending.revision.guardrails.ramp_up is not None:
        note_past_days(context.engine, context.transport.name, began)
    batch = max(1, context.transport.batch // 2)  # with a slow mail server few e-mails are built in vain
    while True:
        now = context.clock.now()
        if (day := sending.quiet.days_end(now)) > now:
            return day
        held = _load_hold(context)
        if held is not None and not take_probe(context.engine, held, now=now):
            return max(held.probe_at, now + _WAIT_FOR_OTHERS)
        with reading(context.engine) as connection:
            free = free_places(connection, sending, now, 1 if held is not None else batch)
        claimed = claim(sending, now, free.count, until) if free.count > 0 else None
        if held is not None and (claimed is None or not claimed.emails):
            give_probe_back(context.engine, held)
        if claimed is None:
            return free.next_at
        if not claimed.looked_at:
            return None
        if _send_claimed(sending, claimed, until, held) or context.clock.now() >= until:
            return context.clock.now()
        batch = min(context.transport.batch, 2 * batch)


def _load_hold(context: SendContext) -> Hold | None:
    with reading(context.engine) as connection:
        return load_hold(connection, context.transport.name)


def _send_claimed(sending: Sending, claimed: Claimed, until: datetime, held: Hold | None) -> bool:
    """Hand claimed messages over, and give back those that may not leave any more. Returns whether the slice is over.

    `held`: the transport was in trouble, and one message shows whether it still is. Raises what the database failed with
    meanwhile, once the outcomes are written.
    """
    context, run = sending.context, sending.run
    lease = Lease(context, run, claimed.emails, claimed_at=claimed.at, until=until)
    if_unknown = sending.message.send.if_unknown
    wire = Wire(context, run, lease, if_unknown=if_unknown, is_probe=held is not None)
    try:
        hand_over(context, run, claimed.emails, wire)
    finally:
        wire.settle()
    now, trouble = context.clock.now(), wire.trouble
    if trouble is not None and trouble.trouble is not None:
        name = context.transport.name
        hold(
            context.engine,
            transport=name,
            trouble=trouble.trouble,
            answer=trouble.reason,
            now=now,
            wait=trouble.wait,
        )
        return False  # the next look finds the hold
    if held is not None and wire.was_answered:
        release(context.engine, held, now=now)
    return wire.has_ended


def _finish(context: SendContext, run: Run) -> datetime | None:
    """Move the run to `tracking` if no message is open; otherwise return when the earliest may be tried again."""
    now, run_id = context.clock.now(), run.id
    with writing(context.engine) as connection:
        where = (
            messages.c.run_id == run_id,
            messages.c.state == MessageState.READY,
            ~is_set_aside(ItemKind.MESSAGE, run.store_id, messages.c.id),
        )
        ready_at = sa.func.coalesce(messages.c.not_before, messages.c.changed_at)
        next_ready_at: datetime | None = connection.scalar(
            sa.select(sa.func.min(ready_at, type_=UtcDateTime())).where(*where)
        )
        if next_ready_at is not None:
            return max(next_ready_at, now)
        leaving = are_leaving(run, MessageKind.OFFER)
        if connection.scalar(sa.select(sa.exists().where(*leaving))):
            return now + _WAIT_FOR_OTHERS
        if move_run(connection, run_id, was={RunState.SENDING}, to=RunState.TRACKING, now=now):
            body = {state.value: count for state, count in message_states_of_run(connection, run_id).items()}
            audit.record(
                connection, at=now, actor="loop", action="send.done", subject=f"run {run_id}", body=body
            )
    return None
