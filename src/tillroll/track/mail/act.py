"""Acting on what became of e-mails: bounces, complaints and wishes reach the suppressions, and the ledger learns what left.

An event is marked as handled after it was acted on. A process that dies in between acts on it again, which changes nothing: a
report is counted once, by its key. An e-mail of which nobody knew whether it had left is sent, once anything is told about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import (
    ConsentSource,
    ItemKind,
    MailEventKind,
    MessageState,
    Stage,
    SuppressionCause,
)
from tillroll.ledger.consent.reports import MailReport, record_bounce, record_complaint
from tillroll.ledger.consent.suppress import Wish, suppress
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.tables import mail_events, messages, recipients

log = structlog.get_logger("tillroll.track")

_MOST = 2_000  # events in one look
_KEPT_FOR = timedelta(days=400)
_ACTOR = "mail service"


@dataclass(frozen=True, kw_only=True)
class _Told:
    """An event that waits, with the e-mail that it is about."""

    id: int
    service: str
    event_key: str
    kind: MailEventKind
    reason: str
    happened_at: datetime
    message_id: int
    message_key: str
    run_id: int
    address: str


def handle_mail_events(engine: Engine, store_id: int, *, now: datetime) -> int:
    """Act on a store's events that wait. Returns how many are handled. A fault costs the others nothing."""
    with reading(engine) as connection:
        waiting = _waiting(connection, store_id)
    handled = 0
    for told in waiting:
        item = FaultyItem(store_id=store_id, kind=ItemKind.EVENT, name=f"mail {told.id}")
        with contained(engine, item, stage=Stage.WEBHOOKS, now=now) as outcome:
            _act(engine, store_id, told, now)
        if not outcome.is_tried_again:  # it is done, or set aside
            _mark_handled(engine, told, now)
            handled += 1
    if handled:
        log.info("mail_events.handled", events=handled)
        _forget_old(engine, store_id, now)
    return handled


def _waiting(connection: Connection, store_id: int) -> Sequence[_Told]:
    query = (
        sa.select(
            mail_events.c.id,
            mail_events.c.service,
            mail_events.c.event_key,
            mail_events.c.kind,
            mail_events.c.reason,
            mail_events.c.happened_at,
            messages.c.id.label("message_id"),
            messages.c.message_key,
            messages.c.run_id,
            recipients.c.email.label("address"),
        )
        .join(messages, messages.c.id == mail_events.c.message_id)
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .where(mail_events.c.store_id == store_id, mail_events.c.handled_at.is_(None))
        .order_by(mail_events.c.id)
        .limit(_MOST)
    )
    rows = connection.execute(query).mappings()
    return [_Told(**{**row, "kind": MailEventKind(row["kind"])}) for row in rows]


def _act(engine: Engine, store_id: int, told: _Told, now: datetime) -> None:
    _learn_that_it_left(engine, told, now)
    report = MailReport(
        at=told.happened_at,
        message_key=told.message_key,
        event_id=f"{told.message_id} {told.service} {told.event_key}",
        said=told.reason,
    )
    match told.kind:
        case MailEventKind.COMPLAINED:
            record_complaint(engine, store_id, report, now=now)
        case MailEventKind.BOUNCED | MailEventKind.SOFT_BOUNCED:
            record_bounce(engine, store_id, report, hard=told.kind is MailEventKind.BOUNCED, now=now)
        case MailEventKind.UNSUBSCRIBED:
            wish = Wish(
                address=told.address,
                cause=SuppressionCause.UNSUBSCRIBED,
                source=ConsentSource.SERVICE,
                run_id=told.run_id,
            )
            with writing(engine) as connection:
                suppress(connection, store_id, wish, now=now, actor=_ACTOR)
        case MailEventKind.DELIVERED:
            pass


def _learn_that_it_left(engine: Engine, told: _Told, now: datetime) -> None:
    """Write that an e-mail was sent of which nobody knew it, or that would be sent again because of that."""
    doubtful = (
        messages.c.id == told.message_id,
        messages.c.attempts > 0,
        messages.c.state.in_((MessageState.UNKNOWN, MessageState.READY)),
    )
    sent = {
        "state": MessageState.SENT,
        "sent_at": told.happened_at,
        "changed_at": now,
        "reason": "",
        "not_before": None,
    }
    with writing(engine) as connection:
        connection.execute(sa.update(messages).where(*doubtful).values(sent))


def _mark_handled(engine: Engine, told: _Told, now: datetime) -> None:
    with writing(engine) as connection:
        connection.execute(sa.update(mail_events).where(mail_events.c.id == told.id).values(handled_at=now))


def _forget_old(engine: Engine, store_id: int, now: datetime) -> None:
    """Delete events that are too old to be told again; what follows from them is kept elsewhere."""
    old = (mail_events.c.store_id == store_id, mail_events.c.handled_at < now - _KEPT_FOR)
    with writing(engine) as connection:
        connection.execute(sa.delete(mail_events).where(*old))
