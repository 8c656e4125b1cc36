"""Sending a run's messages: claim some, write that they are on their way, hand them over, write what became of them.

Crash points, by name:

- *claimed*: some rows say `sending`, nothing left yet.
- *handed over*: all or some left, the rows still say `sending`.

Both look the same afterwards. The lane's holder asks the transport (the outbox knows what it took); where it can't tell, the
message is unknown, and the campaign's `if_unknown` decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.models import IfUnknown
from tillroll.campaign.quiet import earliest_send
from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.clock import Clock
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import one, reading, writing
from tillroll.ledger.plans import load_plan, load_revision
from tillroll.ledger.runs import load_run, move_run
from tillroll.ledger.tables import codes, customers, messages, recipients, stores
from tillroll.send.compile import Compiled, compile_message
from tillroll.send.decide import Outcome, after, may_send, pause_before_retry
from tillroll.send.facts import Shop, facts_for, filters_for
from tillroll.send.mime import Outgoing, build
from tillroll.send.prepare import prepare
from tillroll.send.preview import reader_of, shop_of
from tillroll.send.transport import Delivery, Transport

_BATCH = 100


@dataclass(frozen=True, kw_only=True)
class Sending:
    """What sending one run works with, read once a slice."""

    engine: Engine
    clock: Clock
    transport: Transport
    sender: str  # "Shop <hello@shop.example>"
    run: sa.Row[Any]
    revision: Revision
    offer_text: str  # as the plan says it
    shop: Shop
    compiled: Compiled


def send_slice(
    engine: Engine, *, clock: Clock, transport: Transport, sender: str, run_id: int, until: datetime
) -> datetime | None:
    """Send a run's messages until all are settled, they must wait, or the slice is over.

    Returns when it wants to go on, or None when the run has left `sending`. The caller holds the store's lane.
    """
    now = clock.now()
    with reading(engine) as connection:
        run = load_run(connection, run_id)
        if run.state != RunState.SENDING:
            return None
        sending = _open(connection, engine, clock, transport, sender, run)
    prepare(engine, run=run, now=now)
    _settle_interrupted(sending)
    while True:
        now = clock.now()
        start = _allowed_from(sending, now)
        if start > now:
            return start
        claimed, looked_at = _claim(sending, now)
        if not looked_at:
            return _finish(sending)
        _record(sending, sending.transport.deliver(claimed))
        if clock.now() >= until:
            return clock.now()


def _open(
    connection: Connection, engine: Engine, clock: Clock, transport: Transport, sender: str, run: sa.Row[Any]
) -> Sending:
    plan = load_plan(connection, run.id)
    store = one(
        connection, sa.select(stores).where(stores.c.id == run.store_id), missing="The store is gone."
    )
    assert plan is not None  # noqa: S101 - a run that sends has begun, so it has a plan
    revision, shop = load_revision(connection, plan.revision_id), shop_of(store)
    return Sending(
        engine=engine,
        clock=clock,
        transport=transport,
        sender=sender or f"{shop.name} <{shop.email}>",
        run=run,
        revision=revision,
        offer_text=plan.proposal.offer,
        shop=shop,
        compiled=compile_message(revision, revision.message(), filters_for(shop)),
    )


def _allowed_from(sending: Sending, now: datetime) -> datetime:
    """When messages may leave: outside the campaign's quiet hours and the store's quiet days."""
    campaign = sending.revision.campaign
    return earliest_send(
        now,
        zone=campaign.when.zone(sending.shop.timezone),
        quiet_hours=sending.revision.message().send.quiet_hours,
        quiet_days=sending.revision.calendar.quiet_days,
    )


def _claim(sending: Sending, now: datetime) -> tuple[list[Outgoing], int]:
    """Take the next messages: hold those that may not go, write `sending` for those that may, and build them.

    Returns those to hand over, and how many were looked at: none looked at means that none is due.
    """
    with reading(sending.engine) as connection:
        rows = list(connection.execute(_next_messages(sending.run, now)))
    held: list[tuple[int, MessageState, str]] = []
    going: list[Outgoing] = []
    for row in rows:
        word = may_send(
            code_state=CodeState(row.code_state),
            consent=row.accepts_marketing,
            known=row.known is not None,
            email=row.email,
            valid_until=sending.run.valid_until,
            now=now,
        )
        if not word.go:
            held.append((row.id, MessageState.HELD, word.reason))
            continue
        try:
            going.append(_compose(sending, row, now))
        except Refused as fault:
            held.append((row.id, MessageState.FAILED, fault.message))
    with writing(sending.engine) as connection:
        for message_id, state, reason in held:
            _write(connection, message_id, MessageState.READY, state, now, reason=reason)
        claimed = [one for one in going if _write_intent(connection, sending, one, now)]
    return claimed, len(rows)


def _next_messages(run: sa.Row[Any], now: datetime) -> sa.Select[Any]:
    known = sa.and_(customers.c.store_id == run.store_id, customers.c.customer_id == recipients.c.customer_id)
    return (
        sa.select(
            messages.c.id,
            messages.c.message_key,
            recipients,
            codes.c.code,
            codes.c.state.label("code_state"),
            customers.c.accepts_marketing,
            customers.c.customer_id.label("known"),
        )
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .join(codes, codes.c.id == messages.c.code_id)
        .outerjoin(customers, known)
        .where(
            messages.c.run_id == run.id,
            messages.c.state == MessageState.READY,
            sa.or_(messages.c.not_before.is_(None), messages.c.not_before <= now),
        )
        .order_by(messages.c.id)
        .limit(_BATCH)
    )


def _compose(sending: Sending, row: sa.Row[Any], now: datetime) -> Outgoing:
    facts = facts_for(
        shop=sending.shop,
        campaign=sending.revision.campaign,
        offer_text=sending.offer_text,
        reader=reader_of(row),
        code=row.code,
        valid_from=sending.run.valid_from,
        valid_until=sending.run.valid_until,
    )
    rendered = sending.compiled.render(facts)
    content = build(
        rendered=rendered,
        sender=sending.sender,
        to_email=row.email,
        to_name=row.name,
        key=row.message_key,
        at=now,
    )
    return Outgoing(
        message_id=row.id,
        key=row.message_key,
        run_id=sending.run.id,
        campaign=sending.run.campaign,
        sender=sending.sender,
        to=row.email,
        subject=rendered.subject,
        code=row.code,
        content=content,
    )


def _write_intent(connection: Connection, sending: Sending, message: Outgoing, now: datetime) -> bool:
    return _write(
        connection,
        message.message_id,
        MessageState.READY,
        MessageState.SENDING,
        now,
        transport=sending.transport.name,
        subject=message.subject,
        body_digest=message.digest,
        size=len(message.content),
        attempts=messages.c.attempts + 1,
        sending_at=now,
    )


def _write(
    connection: Connection, message_id: int, was: MessageState, to: MessageState, now: datetime, **also: Any
) -> bool:
    values = {"state": to, "changed_at": now, "not_before": None, **also}
    where = (messages.c.id == message_id, messages.c.state == was)
    return connection.execute(sa.update(messages).where(*where).values(values)).rowcount == 1


def _record(sending: Sending, deliveries: Iterable[Delivery]) -> None:
    """Write what became of messages that are `sending`."""
    outcomes = list(deliveries)
    now = sending.clock.now()
    policy: IfUnknown = sending.revision.message().send.if_unknown
    with writing(sending.engine) as connection:
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
            _write(connection, delivery.message_id, MessageState.SENDING, state, now, **also)


def _settle_interrupted(sending: Sending) -> None:
    """Rows that say `sending` were left by a process that is gone: ask the transport what became of them."""
    with reading(sending.engine) as connection:
        where = (messages.c.run_id == sending.run.id, messages.c.state == MessageState.SENDING)
        rows = list(connection.execute(sa.select(messages.c.id, messages.c.message_key).where(*where)))
    if not rows:
        return
    known = sending.transport.delivered([row.message_key for row in rows])
    if known is None:
        reason = "the process died while it was being sent"
        _record(
            sending, [Delivery(message_id=row.id, outcome=Outcome.UNKNOWN, reason=reason) for row in rows]
        )
        return
    now = sending.clock.now()
    with writing(sending.engine) as connection:
        for row in rows:
            if row.message_key in known:
                _write(
                    connection, row.id, MessageState.SENDING, MessageState.SENT, now, sent_at=now, reason=""
                )
            else:
                _write(connection, row.id, MessageState.SENDING, MessageState.READY, now, reason="")


def _finish(sending: Sending) -> datetime | None:
    """Move the run on when no message is open; otherwise say when the earliest of them may be tried again."""
    now = sending.clock.now()
    with writing(sending.engine) as connection:
        where = (messages.c.run_id == sending.run.id, messages.c.state == MessageState.READY)
        waiting: datetime | None = connection.scalar(
            sa.select(sa.func.min(messages.c.not_before)).where(*where)
        )
        if waiting is not None:
            return max(waiting, now)
        if move_run(connection, sending.run.id, was={RunState.SENDING}, to=RunState.TRACKING, now=now):
            counted = sa.select(messages.c.state, sa.func.count().label("n")).where(
                messages.c.run_id == sending.run.id
            )
            body = {row.state: row.n for row in connection.execute(counted.group_by(messages.c.state))}
            audit.record(
                connection,
                at=now,
                actor="loop",
                action="send.done",
                subject=f"run {sending.run.id}",
                body=body,
            )
    return None
