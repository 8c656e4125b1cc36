"""Making an e-mail that left once more, from what the ledger keeps. Bodies aren't stored, but the digest of each is.

What it is made of stays: the revision of its template, the recipient as planned, the code, the token of its link. Its Date is the
second in which it was made, which lies before its claim was last confirmed: so some seconds are tried until the digest is the one
that was kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.recipient import mask_code
from tillroll.campaign.states import MessageKind
from tillroll.campaign.text.addresses import same_address
from tillroll.errors import NotFound, Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.folding import folded
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.records import Message
from tillroll.ledger.tables import codes, messages, recipients
from tillroll.rendering.mime import Outgoing
from tillroll.send.context import SendContext, open_sending
from tillroll.send.same_person import NO_OTHERS
from tillroll.send.slices.compose import compose
from tillroll.send.slices.due import due_message, one_message
from tillroll.send.wishes import NO_WISH

_LONGEST_SLICE = timedelta(minutes=10)
"""An e-mail is handed over at most so long after it was made."""

_ELSEWHERE = (
    "the store's name, address, currency or time zone",
    "the sender (TILLROLL_MAIL_FROM, MAIL_BOUNCES)",
    "the address of the pages (TILLROLL_URL)",
    "the first of TILLROLL_SECRET_KEYS",
    "Tillroll's version",
)
"""What an e-mail is made of besides what the ledger keeps."""


@dataclass(frozen=True, kw_only=True)
class Remade:
    """An e-mail that left, made again."""

    message: Message
    email: Outgoing  # with its code hidden, unless it was asked for
    exact: bool  # with its code, it is the one that left, to the byte
    why: tuple[str, ...] = ()  # why not, for people


def find_message(connection: Connection, run_id: int, address: str, kind: MessageKind) -> Message:
    """Return the message of a run to an address. Raises `NotFound`."""
    run = load_run(connection, run_id)
    theirs = (recipients.c.plan_id == run.plan_id, folded(recipients.c.email) == same_address(address))
    query = (
        sa.select(messages)
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .where(messages.c.run_id == run_id, messages.c.kind == kind.value, *theirs)
    )
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(
            f"Run {run_id} has no {kind.value} to this address.",
            hint="Capitals don't matter, but the address must be whole. Data of people who were forgotten is gone.",
        )
    return Message.from_row(row)


def remake(context: SendContext, message: Message, *, with_code: bool) -> Remade:
    """Make an e-mail again. Raises `Refused` for one that has not left, and when it can't be made any more."""
    if not message.body_digest or message.sending_at is None:
        raise Refused(
            f"This e-mail was never made: it is {message.state}{f' ({message.reason})' if message.reason else ''}.",
            hint="To see it as it would be: tillroll proof CAMPAIGN --to ADDRESS",
        )
    with reading(context.engine) as connection:
        run = replace(load_run(connection, message.run_id), words_id=message.words_id)
        sending = open_sending(connection, context, run, MessageKind(message.kind))
        row = connection.execute(one_message(sending, message.id, context.clock.now())).one()
        changed = _code_changed(connection, message)
    due = due_message(sending, row, NO_OTHERS, NO_WISH)
    made_at = _when_made(message, lambda at: compose(sending, due, at).digest)
    at = made_at or message.sending_at
    shown = due if with_code or due.code is None else replace(due, code=_hidden(due.code))
    email = compose(sending, shown, at)
    why = () if made_at is not None else _why(code_changed=changed)
    return Remade(message=message, email=email, exact=made_at is not None, why=why)


def _when_made(message: Message, digest_at: Callable[[datetime], str]) -> datetime | None:
    """Return the second in which an e-mail was made; None if none gives what left."""
    assert message.sending_at is not None  # noqa: S101 - the caller has looked
    for seconds in range(int(_LONGEST_SLICE.total_seconds()) + 1):
        at = message.sending_at - timedelta(seconds=seconds)
        if digest_at(at) == message.body_digest:
            return at
    return None


def _hidden(code: str) -> str:
    """Return what stands for a code, in characters that a barcode has too."""
    return mask_code(code).replace("•", "*")


def _code_changed(connection: Connection, message: Message) -> bool:
    """Whether the code was changed since the e-mail was made: then its last day, or its value, may be another one."""
    since = (codes.c.id == message.code_id, codes.c.changed_at > message.sending_at)
    return connection.scalar(sa.select(sa.exists().where(*since))) is True


def _why(*, code_changed: bool) -> tuple[str, ...]:
    """Return what may be other than it was, what is known first."""
    known = ("its code was changed after it left: extended, paused or used up",) if code_changed else ()
    return (*known, *(f"{each} may have changed" for each in _ELSEWHERE))
