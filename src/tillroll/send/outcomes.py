"""What became of messages: written by compare-and-set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.models import IfUnknown
from tillroll.campaign.states import ItemKind, MessageState, Stage, WireState
from tillroll.ledger.engine import writing
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.records import Run
from tillroll.ledger.tables import messages
from tillroll.send.context import SendContext
from tillroll.send.decide import DeliveryOutcome, next_state, pause_after
from tillroll.send.transport import Delivery

_Claim = tuple[int, datetime]  # whose it is, and when it was made or last confirmed


def write(
    connection: Connection, message_id: int, was: MessageState, to: MessageState, now: datetime, **also: Any
) -> bool:
    """Write a message's next state if it is still in the state it was seen in. Returns whether it was."""
    where = (messages.c.id == message_id, messages.c.state == was)
    return _write_where(connection, where, now, {"state": to, **also}) == 1


def write_claimed(
    connection: Connection, message_id: int, claimed_by: _Claim, to: MessageState, now: datetime, **also: Any
) -> None:
    """Write the outcome of a claimed message, if the claim still holds."""
    _write_where(connection, _claimed([message_id], claimed_by, to), now, {"state": to, **also})


def _claimed(
    message_ids: Sequence[int], claimed_by: _Claim, to: MessageState
) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions that a claim still holds: another sender may have settled it meanwhile.

    What a sender knows for good replaces what another wrote that took it for dead: "unknown", or "ready" to be sent again.
    """
    was = [MessageState.SENDING]
    if to in {MessageState.SENT, MessageState.FAILED}:
        was += [MessageState.UNKNOWN, MessageState.READY]
    owner, claimed_at = claimed_by
    return (
        messages.c.id.in_(message_ids),
        messages.c.state.in_(was),
        messages.c.owner == owner,
        messages.c.sending_at == claimed_at,
    )


def _write_where(
    connection: Connection, where: tuple[sa.ColumnElement[bool], ...], now: datetime, values: dict[str, Any]
) -> int:
    """Change the state of messages. Returns how many."""
    written = {"changed_at": now, "not_before": None, "wire": WireState.UNMARKED, **values}
    return connection.execute(sa.update(messages).where(*where).values(written)).rowcount


_ALL_SENT = (  # made once: it is executed for each message that leaves by a transport without a log
    sa.update(messages)
    .where(
        messages.c.id.in_(sa.bindparam("messages", expanding=True)),
        messages.c.state.in_((MessageState.SENDING, MessageState.UNKNOWN, MessageState.READY)),
        messages.c.owner == sa.bindparam("by"),
        messages.c.sending_at == sa.bindparam("claimed_at"),
    )
    .values(
        state=MessageState.SENT,
        reason="",
        sent_at=sa.bindparam("now"),
        changed_at=sa.bindparam("now"),
        not_before=None,
        wire=WireState.UNMARKED,
    )
)


def message_item(run: Run, message_id: int) -> FaultyItem:
    """Return what a fault calls a message of a run."""
    return FaultyItem(
        store_id=run.store_id,
        kind=ItemKind.MESSAGE,
        name=str(message_id),
        run_id=run.id,
        campaign=run.campaign,
    )


def record(
    context: SendContext,
    run: Run,
    deliveries: Sequence[Delivery],
    claimed_at: Mapping[int, datetime],
    *,
    if_unknown: IfUnknown,
    owner: int,
    maybe_at: Mapping[int, datetime] | None = None,
) -> None:
    """Record what became of a run's messages that a sender had claimed, and give back those without an outcome.

    `claimed_at`: when each claim was made or last confirmed, by message. `owner`: the sender's number. `maybe_at`: when messages
    that stayed may have been confirmed once more.

    A message whose outcome can't be written stays claimed, and is settled later as that of a sender that died. But while the
    whole ledger can't be written the outcomes stay in memory, since nobody could find them out again. After such an outage this
    raises what it met, so that the sender ends its turn before it sends anything more.
    """
    stayed = claimed_at.keys() - {delivery.message_id for delivery in deliveries}

    def write_all() -> None:
        record_now(context, run, deliveries, claimed_at, if_unknown=if_unknown, owner=owner)
        _write_back(context, {message_id: claimed_at[message_id] for message_id in stayed})
        _write_back(context, maybe_at or {})

    insist(context, write_all)


def record_now(
    context: SendContext,
    run: Run,
    deliveries: Sequence[Delivery],
    claimed_at: Mapping[int, datetime],
    *,
    if_unknown: IfUnknown,
    owner: int,
    also: Callable[[Connection], None] | None = None,
) -> None:
    """Record what became of some claimed messages, without waiting for a database that is away. Safe to repeat.

    `also` writes something in the same transaction.
    """
    now = context.clock.now()
    write_pieces(
        context.engine,
        [(delivery, (owner, claimed_at[delivery.message_id])) for delivery in deliveries],
        lambda connection, some: _write_outcomes(connection, some, if_unknown, now),
        name=lambda outcome: message_item(run, outcome[0].message_id),
        stage=Stage.SEND,
        now=now,
        also=None if also is None else lambda connection, _failed: also(connection),
    )


def _write_outcomes(
    connection: Connection, outcomes: Sequence[tuple[Delivery, _Claim]], if_unknown: IfUnknown, now: datetime
) -> None:
    sent: dict[_Claim, list[int]] = {}
    for delivery, claimed_by in outcomes:
        if delivery.outcome is DeliveryOutcome.SENT:
            sent.setdefault(claimed_by, []).append(delivery.message_id)
        else:
            _write_outcome(connection, delivery, claimed_by, if_unknown, now)
    for (owner, claimed_at), ids in sent.items():
        connection.execute(_ALL_SENT, {"messages": ids, "by": owner, "claimed_at": claimed_at, "now": now})


def _write_outcome(
    connection: Connection, delivery: Delivery, claimed_by: _Claim, if_unknown: IfUnknown, now: datetime
) -> None:
    attempts = connection.scalars(
        sa.select(messages.c.attempts).where(messages.c.id == delivery.message_id)
    ).one()
    state = next_state(delivery.outcome, attempts=attempts, if_unknown=if_unknown)
    also: dict[str, Any] = {"reason": delivery.reason}
    if state is MessageState.READY:
        pause = pause_after(delivery.outcome, attempts=attempts)
        also["not_before"] = now + pause if pause is not None else None
        if delivery.outcome is DeliveryOutcome.UNTRIED:
            also["attempts"] = attempts - 1
    write_claimed(connection, delivery.message_id, claimed_by, state, now, **also)


def release(context: SendContext, claimed_at: Mapping[int, datetime]) -> None:
    """Give back messages that may be claimed and were surely not handed over: the answer to the claim was lost.

    The moment of each claim tells it from one that another sender made meanwhile.
    """
    insist(context, lambda: _write_back(context, claimed_at))


def _write_back(context: SendContext, claimed_at: Mapping[int, datetime]) -> None:
    if not claimed_at:
        return
    values = {
        "state": MessageState.READY,
        "changed_at": context.clock.now(),
        "attempts": messages.c.attempts - 1,
        "wire": WireState.UNMARKED,
    }
    with writing(context.engine) as connection:
        for moment in set(claimed_at.values()):
            ours = (
                messages.c.id.in_([message_id for message_id, at in claimed_at.items() if at == moment]),
                messages.c.state == MessageState.SENDING,
                messages.c.owner == context.owner,
                messages.c.sending_at == moment,
            )
            connection.execute(sa.update(messages).where(*ours).values(values))


def take_back(context: SendContext, claimed_at: Mapping[int, datetime]) -> None:
    """Undo the attempts of messages whose refusal turned out to be the transport's trouble: they go again, as if untried.

    Only outcomes of these very claims are undone.
    """
    if not claimed_at:
        return
    values = {
        "state": MessageState.READY,
        "changed_at": context.clock.now(),
        "not_before": None,
        "attempts": messages.c.attempts - 1,
    }

    def undo() -> None:
        with writing(context.engine) as connection:
            for message_id, at in claimed_at.items():
                refused = (
                    messages.c.id == message_id,
                    messages.c.state.in_((MessageState.READY, MessageState.FAILED)),
                    messages.c.owner == context.owner,
                    messages.c.sending_at == at,
                    messages.c.attempts > 0,
                )
                connection.execute(sa.update(messages).where(*refused).values(values))

    insist(context, undo)


def insist(context: SendContext, action: Callable[[], None]) -> None:
    """Do something to the ledger however long it is away. Raises what it met, once done: PostgreSQL has released our locks."""
    try:
        action()
    except Exception as fault:
        if not context.database.failed(fault):
            raise
        context.database.wait()
        context.database.insist(action)
        raise
