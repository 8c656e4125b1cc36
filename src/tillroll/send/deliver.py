"""Sending a run's messages: claim some, write that they are on their way, hand them over, write what became of them.

Crash points, by name:

- *claimed*: some rows say `sending`, nothing left yet.
- *handed over*: all or some left, the rows still say `sending`.

Both look the same afterwards. The lane's holder asks the transport (the outbox knows what it took); where it can't tell, the
message is unknown, and the campaign's `if_unknown` decides.

Many messages may be sent side by side (`share.py`): each row that is on its way names its owner, and the lane's holder settles
those whose owner is gone.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.campaign.timing.quiet import earliest_send
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.exposure import LEFT_AT, WEEK, left_lately
from tillroll.ledger.given import works_from, works_until
from tillroll.ledger.runs import load_run, move_run
from tillroll.ledger.tables import codes, customers, messages, recipients, runs
from tillroll.ledger.types import Moment
from tillroll.send.decide import Word, may_send
from tillroll.send.facts import facts_for
from tillroll.send.mime import Outgoing, build
from tillroll.send.outcomes import on_their_way, record, settle_interrupted, write
from tillroll.send.prepare import prepare, used
from tillroll.send.preview import reader_of
from tillroll.send.sending import Kind, Post, Sending, Source, has_room_from, open_sending

_BATCH = 100
_OTHERS_SEND = timedelta(seconds=2)  # then it is looked again how far they are


def send_slice(post: Post, *, run_id: int, until: datetime) -> datetime | None:
    """Send a run's messages until all are settled, they must wait, or the slice is over.

    Returns when it wants to go on, or None when the run has left `sending`. The caller holds the store's lane.
    """
    with reading(post.engine) as connection:
        run = load_run(connection, run_id)
        if run.state != RunState.SENDING:
            return None
        sending = open_sending(connection, post, run, Kind.OFFER)
    prepare(sending, now=post.clock.now())
    next_at = work_off(sending, until=until)
    return _finish(sending) if next_at is None else next_at


def work_off(sending: Sending, *, until: datetime) -> datetime | None:
    """Send what is ready. Returns when to go on, or None when nothing is due now."""
    clock = sending.post.clock
    if sending.post.owner == 0:
        settle_interrupted(sending)
    while True:
        now = clock.now()
        start = _allowed_from(sending, now)
        if start > now:
            return start
        room, from_ = _room(sending, now)
        if room <= 0:
            return from_
        claimed, looked_at = _claim(sending, now, room)
        if not looked_at:
            return None
        record(sending, sending.post.transport.deliver(claimed))
        if clock.now() >= until:
            return clock.now()


def _allowed_from(sending: Sending, now: datetime) -> datetime:
    """When messages may leave: outside the campaign's quiet hours, its quiet days and the store's."""
    send, calendar = sending.message.send, sending.revision.calendar

    def is_quiet(day: date) -> bool:
        return bool(calendar.quiet(day)) or any(day in days for days in send.quiet_days)

    return earliest_send(
        now,
        zone=sending.campaign.when.zone(sending.shop.timezone),
        quiet_hours=send.quiet_hours,
        is_quiet=is_quiet,
    )


def _room(sending: Sending, now: datetime) -> tuple[int, datetime]:
    """How many may leave now, and if none, from when: of the campaign's rate, what the last stretch of time has left."""
    rate = sending.message.send.rate
    if rate is None:
        return _BATCH, now
    with reading(sending.post.engine) as connection:
        left, from_ = has_room_from(connection, sending.run, rate, now)
    return min(_BATCH, left), from_


def _claim(sending: Sending, now: datetime, most: int) -> tuple[list[Outgoing], int]:
    """Take the next messages: hold those that may not go, write `sending` for those that may, and build them.

    Returns those to hand over, and how many were looked at: none looked at means that none is due.
    """
    with reading(sending.post.engine) as connection:
        rows = list(connection.execute(_next_messages(sending, now, most)))
    held: list[tuple[int, MessageState, str]] = []
    waiting: list[tuple[int, Word]] = []
    going: list[Outgoing] = []
    for row in rows:
        bare = row.code is None and sending.source is Source.NONE
        word = may_send(
            used=row.used,
            code_state=None if bare else CodeState(row.code_state or CodeState.FAILED),
            consent=row.accepts_marketing,
            known=row.known is not None,
            email=row.email,
            valid_until=row.valid_until,
            now=now,
            room_from=_room_from(sending, row),
        )
        if word.wait_until is not None:
            waiting.append((row.id, word))
            continue
        if not word.go:
            held.append((row.id, MessageState.HELD, word.reason))
            continue
        try:
            going.append(_compose(sending, row, now))
        except Refused as fault:
            held.append((row.id, MessageState.FAILED, fault.message))
    with writing(sending.post.engine) as connection:
        for message_id, state, reason in held:
            write(connection, message_id, MessageState.READY, state, now, reason=reason)
        for message_id, word in waiting:
            also = {"not_before": word.wait_until, "reason": word.reason}
            write(connection, message_id, MessageState.READY, MessageState.READY, now, **also)
        claimed = [one for one in going if _write_intent(connection, sending, one, now)]
    return claimed, len(rows)


def _room_from(sending: Sending, row: sa.Row[Any]) -> datetime | None:
    """When a customer may have one more e-mail, if they had as many in the last week as the guardrails allow."""
    most = sending.revision.guardrails.messages_per_person_per_week
    if most is None or row.had < most:
        return None
    first: datetime = row.had_first
    return first + WEEK


def _next_messages(sending: Sending, now: datetime, most: int) -> sa.Select[Any]:
    """The next few first, out of their index; then what is known of those, and never of all that wait."""
    run = sending.run
    due = (
        sa.select(messages.c.id)
        .where(
            messages.c.run_id == run.id,
            messages.c.kind == sending.kind.value,
            messages.c.state == MessageState.READY,
            sa.or_(messages.c.not_before.is_(None), messages.c.not_before <= now),
            _in_share(sending),
            sa.exists().where(runs.c.id == run.id, runs.c.state == run.state),  # nothing leaves after a halt
        )
        .order_by(messages.c.id)
        .limit(most)
        .subquery("due")
    )
    known = sa.and_(customers.c.store_id == run.store_id, customers.c.customer_id == recipients.c.customer_id)
    made_by = runs.alias("made_by")  # a pool's, a shared and an earlier step's code have a run of their own
    return (
        sa.select(
            messages.c.id,
            messages.c.message_key,
            recipients,
            codes.c.code,
            codes.c.state.label("code_state"),
            codes.c.value.label("code_value"),
            works_from(made_by).label("valid_from"),
            works_until(made_by).label("valid_until"),
            customers.c.accepts_marketing,
            customers.c.customer_id.label("known"),
            (used() if sending.kind is Kind.REMINDER else sa.false()).label("used"),
            *_had(sending, now),
        )
        .join(due, due.c.id == messages.c.id)
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .outerjoin(codes, codes.c.id == messages.c.code_id)
        .outerjoin(made_by, made_by.c.id == codes.c.run_id)
        .outerjoin(customers, known)
        .order_by(messages.c.id)
    )


def _in_share(sending: Sending) -> sa.ColumnElement[bool]:
    share = sending.post.share
    return messages.c.id % share.of == share.index if share is not None else sa.true()


def _had(sending: Sending, now: datetime) -> list[sa.ColumnElement[Any]]:
    """How many e-mails a recipient had in the last week, and when the first of them left; nothing if nobody counts them."""
    if sending.revision.guardrails.messages_per_person_per_week is None:
        return []
    of_store = {"store_id": sending.run.store_id, "customer": recipients.c.customer_id, "now": now}
    return [
        left_lately(sa.func.count(), **of_store).label("had"),
        left_lately(sa.func.min(LEFT_AT, type_=Moment()), **of_store).label("had_first"),
    ]


def _compose(sending: Sending, row: sa.Row[Any], now: datetime) -> Outgoing:
    voice = sending.voices[row.arm]
    facts = facts_for(
        shop=sending.shop,
        title=sending.revision.campaign.title,
        reader=reader_of(row),
        code=sending.code_of(row, voice),
        happened=sending.happened,
    )
    rendered = voice.compiled.render(facts)
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
        code=row.code or "",
        content=content,
    )


def _write_intent(connection: Connection, sending: Sending, message: Outgoing, now: datetime) -> bool:
    return write(
        connection,
        message.message_id,
        MessageState.READY,
        MessageState.SENDING,
        now,
        transport=sending.post.transport.name,
        owner=sending.post.owner,
        subject=message.subject,
        body_digest=message.digest,
        size=len(message.content),
        attempts=messages.c.attempts + 1,
        sending_at=now,
    )


def _finish(sending: Sending) -> datetime | None:
    """Move the run on when no message is open; otherwise say when the earliest of them may be tried again."""
    now = sending.post.clock.now()
    with writing(sending.post.engine) as connection:
        where = (messages.c.run_id == sending.run.id, messages.c.state == MessageState.READY)
        moment = sa.func.coalesce(messages.c.not_before, messages.c.changed_at)
        waiting: datetime | None = connection.scalar(
            sa.select(sa.func.min(moment, type_=Moment())).where(*where)
        )
        if waiting is not None:
            return max(waiting, now)
        if connection.scalar(sa.select(sa.exists().where(*on_their_way(sending)))):
            return now + _OTHERS_SEND
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
