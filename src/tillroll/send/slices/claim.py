"""Claiming messages: choose the next ones, decide which may go, and record that they are about to leave.

The claim is a compare-and-set: a message is claimed only if it is still `ready`, and names its sender as the owner.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.sentences.causes import say_suppression
from tillroll.campaign.states import CodeState, MessageState, Stage, WireState
from tillroll.campaign.timing.places import Residence
from tillroll.errors import Refused
from tillroll.ledger.bulk.rows import change_many
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import concerns_everybody, contained, note
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.records import ItemFault
from tillroll.ledger.sender.domains import write_moments
from tillroll.ledger.tables import messages, runs
from tillroll.rendering.compile import TemplateRefused
from tillroll.rendering.mime import Outgoing
from tillroll.send.context import Sending, ShownCode
from tillroll.send.decide import Decision, ShownCodeNow, Waits, may_send, may_wait
from tillroll.send.outcomes import message_item, release, write
from tillroll.send.same_person import NO_OTHERS, OtherCustomers, others_of
from tillroll.send.slices.compose import DueMessage, compose
from tillroll.send.slices.due import due_message, next_messages, place_of
from tillroll.send.slices.places import Line, line_up, take_places
from tillroll.send.slices.subject import still_stands
from tillroll.send.wishes import NO_WISH, OwnWish, wishes_of

_MOST_BYTES = 20_000_000
"""Of e-mails that are built before they leave."""

_ALL_OF_THEM = 10
"""If so many messages are looked at and every one of them fails, the fault is the run's, not theirs."""


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """What came of looking at the next messages."""

    emails: list[Outgoing]  # to hand over
    at: datetime  # when the claim was written
    looked_at: int  # how many messages were looked at: if none was, none is due


def claim(sending: Sending, now: datetime, most: int, until: datetime) -> Claimed:
    """Claim the next messages and build them. Messages that may not go are held, or wait.

    A template may be slow: at the end of the slice, or of the process, no other message is built. Nor is too much kept in
    memory.
    """
    context = sending.context
    with reading(context.engine) as connection:
        if _words_now(connection, sending) != sending.words_id:
            return Claimed(
                emails=[], at=now, looked_at=0
            )  # they were mended: the next slice has the new ones
        rows = connection.execute(next_messages(sending, now, most)).all()
        others = others_of(connection, sending, [row.customer_id for row in rows], now)
        wishes = wishes_of(connection, sending, rows, now)
        quiet = _quiet_until(sending, rows, now)
        awake = [row for row in rows if place_of(row) not in quiet]
        line = line_up(connection, sending, awake, now)
    judged, size = list[_Judged](), 0
    broken: list[tuple[int, Exception]] = []
    for row in rows:
        is_enough = size >= _MOST_BYTES or context.clock.now() > until or context.database.stopped
        if (judged or broken) and is_enough:
            break
        try:
            theirs = others.get(row.customer_id, NO_OTHERS), wishes.get(row.customer_id, NO_WISH)
            waits = Waits(quiet=quiet.get(place_of(row)), line=line.waits.get(row.message_id))
            looked_at = _judge(sending, row, *theirs, waits, now)
            judged.append(looked_at)
            size += len(looked_at.email.content) if looked_at.email is not None else 0
        except Exception as fault:
            if concerns_everybody(fault):
                raise
            broken.append((row.message_id, fault))
    if not judged and len(broken) >= _ALL_OF_THEM:
        raise broken[0][1]  # the fault is the run's: its messages wait, until somebody has mended it
    written_at = context.clock.now()
    emails = _write_judged(sending, judged, broken, line, written_at)
    return Claimed(emails=emails, at=written_at, looked_at=len(judged) + len(broken))


def _quiet_until(sending: Sending, rows: Sequence[sa.Row[Any]], now: datetime) -> dict[Residence, datetime]:
    """Return until when it is quiet in the places where these recipients live; only places where it is quiet now."""
    times = sending.quiet
    if times.hours is None:
        return {}
    opens = {place: times.opens(now, place) for place in {place_of(row) for row in rows}}
    return {place: moment for place, moment in opens.items() if moment > now}


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """A message that was looked at, and what is written to it."""

    message_id: int
    email: Outgoing | None = None  # it is claimed and leaves
    state: MessageState = MessageState.READY
    reason: str = ""
    not_before: datetime | None = None  # it waits until then


def _judge(
    sending: Sending,
    row: sa.Row[Any],
    others: OtherCustomers,
    wish: OwnWish,
    waits: Waits,
    now: datetime,
) -> _Judged:
    """Decide about one message, and build it if it may go. There may be many thousands of rows, so they stay plain."""
    message = due_message(sending, row, others, wish)
    decision = may_wait(_decide(sending, message, now), waits)
    if decision.go:
        decision = still_stands(sending, now)
    if decision.wait_until is not None:
        return _Judged(message_id=message.id, reason=decision.reason, not_before=decision.wait_until)
    if not decision.go:
        return _Judged(message_id=message.id, state=MessageState.HELD, reason=decision.reason)
    try:
        return _Judged(message_id=message.id, email=compose(sending, message, now))
    except TemplateRefused:
        raise  # perhaps our own fault inside a filter: recorded, so that the message goes once it is mended
    except Refused as fault:
        return _Judged(message_id=message.id, state=MessageState.FAILED, reason=fault.message)


def _write_judged(
    sending: Sending,
    judged: Sequence[_Judged],
    broken: Sequence[tuple[int, Exception]],
    line: Line,
    now: datetime,
) -> list[Outgoing]:
    """Write what was decided. Returns the e-mails that are claimed; a message with a fault has failed, and says which."""
    context, run = sending.context, sending.run
    claimed: dict[int, Outgoing] = {}

    def write_some(connection: Connection, some: Sequence[_Judged]) -> None:
        for each in some:
            claimed.pop(each.message_id, None)  # of a transaction that was rolled back
        built = [each.email for each in some if each.email is not None]
        emails = take_places(connection, sending, built, now)
        _write_stays(connection, [each for each in some if each.email is None], now)
        if line.ends:
            write_moments(connection, context.transport.name, line.ends, now, run.id)
        if emails and _words_now(connection, sending) == sending.words_id:
            ours = _write_claims(connection, sending, emails, now)
            claimed.update((email.message_id, email) for email in emails if email.message_id in ours)

    try:
        unwritten = write_pieces(
            context.engine,
            judged,
            write_some,
            name=lambda each: message_item(run, each.message_id),
            stage=Stage.SEND,
            now=now,
            for_good=True,
        )
    except sa.exc.OperationalError:  # some may be claimed, although the answer was lost
        release(context, {each.message_id: now for each in judged if each.email is not None})
        raise
    faulty = [(each.message_id, noted) for each, noted in unwritten]
    for message_id in _write_faulty(sending, faulty, broken, now):
        claimed.pop(message_id, None)
    return list(claimed.values())


def _write_faulty(
    sending: Sending,
    unwritten: Sequence[tuple[int, ItemFault]],
    broken: Sequence[tuple[int, Exception]],
    now: datetime,
) -> list[int]:
    """Write that messages have failed with a fault: those that couldn't be written, and those that couldn't be built."""
    context, run = sending.context, sending.run
    faulty = list(unwritten)
    for message_id, fault in broken:
        item = message_item(run, message_id)
        noted = note(context.engine, item, fault, stage=Stage.SEND, now=now, for_good=True)
        faulty.append((message_id, noted))
    sentences = {message_id: fault.message for message_id, fault in broken if isinstance(fault, Refused)}
    for message_id, noted in faulty:
        sentence = sentences.get(message_id, "it can't be written")
        reason = f"{sentence.removesuffix('.')}: fault {noted.reference}, needs a developer"
        # if even that can't be written, the message stays ready, and set aside: `next_messages` leaves it out
        item = message_item(run, message_id)
        with (
            contained(context.engine, item, stage=Stage.SEND, now=now, for_good=True),
            writing(context.engine) as connection,
        ):
            write(connection, message_id, MessageState.READY, MessageState.FAILED, now, reason=reason)
    return [message_id for message_id, _ in faulty]


def _decide(sending: Sending, message: DueMessage, now: datetime) -> Decision:
    is_without_code = message.code is None and sending.shows is ShownCode.NONE
    code = ShownCodeNow(
        state=message.code_state or CodeState.FAILED,
        works_from=None if sending.campaign.announce else message.valid_from,
        valid_until=message.valid_until,
        is_used=message.is_used,
    )
    return may_send(
        code=None if is_without_code else code,
        consent=message.consent,
        is_customer=message.is_customer,
        email=message.recipient.email,
        email_now=message.email_now,
        now=now,
        allowed_from=message.allowed_from,
        over=say_suppression(message.stopped) if message.stopped is not None else sending.over,
    )


def _words_now(connection: Connection, sending: Sending) -> int | None:
    """Return the revision that the run's words are from now."""
    words_id: int | None = connection.scalar(sa.select(runs.c.words_id).where(runs.c.id == sending.run.id))
    return words_id


def _write_stays(connection: Connection, stays: Sequence[_Judged], now: datetime) -> None:
    """Write why messages don't leave now; those with the same reason together."""
    alike: dict[tuple[MessageState, str, datetime | None], list[tuple[int]]] = {}
    for each in stays:
        alike.setdefault((each.state, each.reason, each.not_before), []).append((each.message_id,))
    for (state, reason, not_before), ids in alike.items():
        values = {
            "state": state,
            "reason": reason,
            "not_before": not_before,
            "changed_at": now,
            "wire": WireState.UNMARKED,
        }
        change_many(connection, messages, (), ids, same=values, where={"state": MessageState.READY})


def _write_claims(
    connection: Connection, sending: Sending, emails: Sequence[Outgoing], now: datetime
) -> Collection[int]:
    """Claim the messages that are still ready, all at once. Returns which are ours now."""
    context = sending.context
    values = {
        "state": MessageState.SENDING,
        "changed_at": now,
        "not_before": None,
        "transport": context.transport.name,
        "owner": context.owner,
        "words_id": sending.words_id,
        "sending_at": now,
        "wire": WireState.WAITING,
    }
    written = change_many(
        connection,
        messages,
        ("subject", "body_digest", "size"),
        [(email.message_id, email.subject, email.digest, len(email.content)) for email in emails],
        same=values,
        where={"state": MessageState.READY},
        counted=("attempts",),
    )
    ids = {email.message_id for email in emails}
    if written == len(ids):
        return ids
    ours = sa.select(messages.c.id).where(
        messages.c.id.in_(ids),
        messages.c.state == MessageState.SENDING,
        messages.c.owner == context.owner,
        messages.c.sending_at == now,
    )
    return set(connection.scalars(ours))
