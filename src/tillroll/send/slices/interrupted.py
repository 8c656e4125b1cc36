"""Settling the messages of senders that died before they could record what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.models import IfUnknown
from tillroll.campaign.states import ItemKind, MessageKind, MessageState, Stage, WireState
from tillroll.ledger.engine import reading
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.faults.rows import is_set_aside
from tillroll.ledger.locks.store_lock import store_lock
from tillroll.ledger.records import Run
from tillroll.ledger.tables import messages
from tillroll.send.context import SendContext
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.lease import is_left_over
from tillroll.send.outcomes import message_item, record, write_claimed
from tillroll.send.transport import Delivery


def settle_interrupted(context: SendContext, run: Run, kind: MessageKind, *, if_unknown: IfUnknown) -> None:
    """Settle the messages of a run that were claimed by senders that died. Only the holder of the store's lock may call this.

    PostgreSQL releases a lock when its connection breaks, though the sender lives: it has some time to record what it knows.
    """
    if context.database.was_away_lately:
        return
    with reading(context.engine) as connection:
        left_over = (*are_leaving(run, kind), is_left_over(context, context.clock.now()))
        query = sa.select(messages.c.owner).where(*left_over).distinct()
        owners = sorted(connection.scalars(query))
    for owner in owners:
        if owner == 0:  # claimed by an earlier holder of the store's lock, which we hold now
            _settle_claimed(context, run, kind, owner, if_unknown)
            continue
        with store_lock(context.engine, owner, name="sender") as is_gone:
            if is_gone:
                _settle_claimed(context, run, kind, owner, if_unknown)


def are_leaving(run: Run, kind: MessageKind) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions for messages that are claimed and may be leaving right now; not those that are set aside."""
    return (
        messages.c.run_id == run.id,
        messages.c.kind == kind.value,
        messages.c.state == MessageState.SENDING,
        ~is_set_aside(ItemKind.MESSAGE, run.store_id, messages.c.id),
    )


def _settle_claimed(
    context: SendContext, run: Run, kind: MessageKind, owner: int, if_unknown: IfUnknown
) -> None:
    """Settle an owner's claimed messages: by the transport's log, or else by the mark of those that were about to leave.

    Those that another transport had claimed, before the installation was given this one, are in no log of this one.
    """
    now, name = context.clock.now(), context.transport.name
    with reading(context.engine) as connection:
        where = (*are_leaving(run, kind), messages.c.owner == owner, is_left_over(context, now))
        columns = (messages.c.id, messages.c.message_key, messages.c.sending_at, messages.c.wire)
        query = sa.select(*columns, messages.c.transport).where(*where)
        rows: list[sa.Row[Any]] = list(connection.execute(query))
    ours = [row for row in rows if row.transport == name]
    delivered = context.transport.delivered([row.message_key for row in ours])
    if delivered is None:
        _settle_by_mark(context, run, rows, owner, if_unknown)
        return
    _settle_by_mark(context, run, [row for row in rows if row.transport != name], owner, if_unknown)

    def write_found(connection: Connection, some: Sequence[sa.Row[Any]]) -> None:
        for row in some:
            has_left = row.message_key in delivered
            state = MessageState.SENT if has_left else MessageState.READY
            also = {"sent_at": now} if has_left else {}
            write_claimed(connection, row.id, (owner, row.sending_at), state, now, reason="", **also)

    write_pieces(
        context.engine,
        ours,
        write_found,
        name=lambda row: message_item(run, row.id),
        stage=Stage.SEND,
        now=now,
    )


def _settle_by_mark(
    context: SendContext, run: Run, rows: Sequence[sa.Row[Any]], owner: int, if_unknown: IfUnknown
) -> None:
    """A message that was about to leave is unknown. One that waited for its turn has not left: that was no attempt."""
    outcomes = [
        Delivery(message_id=row.id, outcome=DeliveryOutcome.UNTRIED)
        if row.wire == WireState.WAITING
        else Delivery(
            message_id=row.id,
            outcome=DeliveryOutcome.UNKNOWN,
            reason="the process died while it was being sent",
        )
        for row in rows
    ]
    claimed_at = {row.id: row.sending_at for row in rows}
    record(context, run, outcomes, claimed_at, if_unknown=if_unknown, owner=owner)
