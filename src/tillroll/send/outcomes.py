"""What became of messages that were on their way, written by compare-and-set; and those whose sender died before it told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.models import IfUnknown
from tillroll.campaign.states import MessageState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.lane import lane
from tillroll.ledger.tables import messages
from tillroll.send.decide import Outcome, after, pause_before_retry
from tillroll.send.sending import Sending
from tillroll.send.transport import Delivery


def write(
    connection: Connection, message_id: int, was: MessageState, to: MessageState, now: datetime, **also: Any
) -> bool:
    """Write a message's next state if it still is as it was seen; whether that was so."""
    where = (messages.c.id == message_id, messages.c.state == was)
    return _write_where(connection, where, to, now, also)


def _write_sent(
    connection: Connection, message_id: int, owner: int, to: MessageState, now: datetime, **also: Any
) -> bool:
    """The same for one on its way: it must still be that sender's, since another may have taken it up meanwhile."""
    on_its_way = (messages.c.state == MessageState.SENDING, messages.c.owner == owner)
    return _write_where(connection, (messages.c.id == message_id, *on_its_way), to, now, also)


def _write_where(
    connection: Connection,
    where: tuple[sa.ColumnElement[bool], ...],
    to: MessageState,
    now: datetime,
    also: dict[str, Any],
) -> bool:
    values = {"state": to, "changed_at": now, "not_before": None, **also}
    return connection.execute(sa.update(messages).where(*where).values(values)).rowcount == 1


def record(sending: Sending, deliveries: Iterable[Delivery], *, owner: int | None = None) -> None:
    """Write what became of messages that are `sending`, by this sender or the one that is gone."""
    whose = sending.post.owner if owner is None else owner
    outcomes = list(deliveries)
    now = sending.post.clock.now()
    policy: IfUnknown = sending.message.send.if_unknown
    with writing(sending.post.engine) as connection:
        for delivery in outcomes:
            attempts = connection.scalars(
                sa.select(messages.c.attempts).where(messages.c.id == delivery.message_id)
            ).one()
            state = after(delivery.outcome, attempts=attempts, if_unknown=policy)
            also: dict[str, Any] = {"reason": delivery.reason}
            if state is MessageState.SENT:
                also["sent_at"] = now
            elif state is MessageState.READY and delivery.outcome is Outcome.LATER:
                also["not_before"] = now + pause_before_retry(attempts)
            _write_sent(connection, delivery.message_id, whose, state, now, **also)


def settle_interrupted(sending: Sending) -> None:
    """Rows that say `sending` and whose owner is gone: ask the transport what became of them. For the lane's holder alone."""
    with reading(sending.post.engine) as connection:
        owners = sa.select(messages.c.owner).where(*on_their_way(sending)).distinct()
        found = sorted(connection.scalars(owners))
    for owner in found:
        if owner == 0:  # the lane's holder: that is who asks
            _settle_left(sending, owner)
            continue
        with lane(sending.post.engine, owner, name="sender") as gone:
            if gone:
                _settle_left(sending, owner)


def on_their_way(sending: Sending) -> tuple[sa.ColumnElement[bool], ...]:
    """The run's messages of this kind that may be leaving this moment."""
    return (
        messages.c.run_id == sending.run.id,
        messages.c.kind == sending.kind.value,
        messages.c.state == MessageState.SENDING,
    )


def _settle_left(sending: Sending, owner: int) -> None:
    with reading(sending.post.engine) as connection:
        where = (*on_their_way(sending), messages.c.owner == owner)
        rows = list(connection.execute(sa.select(messages.c.id, messages.c.message_key).where(*where)))
    known = sending.post.transport.delivered([row.message_key for row in rows])
    if known is None:
        why = "the process died while it was being sent"
        lost = [Delivery(message_id=row.id, outcome=Outcome.UNKNOWN, reason=why) for row in rows]
        record(sending, lost, owner=owner)
        return
    now = sending.post.clock.now()
    with writing(sending.post.engine) as connection:
        for row in rows:
            if row.message_key in known:
                _write_sent(connection, row.id, owner, MessageState.SENT, now, sent_at=now, reason="")
            else:
                _write_sent(connection, row.id, owner, MessageState.READY, now, reason="")
