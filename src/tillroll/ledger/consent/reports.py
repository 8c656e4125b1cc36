"""What mail services and servers report about e-mails that left: complaints and bounces, each counted once, in any order.

A complaint and a hard bounce suppress the address at once; soft bounces after several in a row. How a campaign's rate of
complaints is judged: `loop/notices/complaints.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.digest import digest
from tillroll.campaign.states import ConsentSource, ReportKind, SuppressionCause
from tillroll.campaign.text.addresses import mailbox_of, same_address
from tillroll.campaign.text.clean import clean_line
from tillroll.ledger.consent.suppress import Wish, suppress
from tillroll.ledger.engine import lock_store_row, writing
from tillroll.ledger.tables import mail_reports, messages, recipients, runs

MOST_SOFT_BOUNCES = 5
"""So many e-mails that couldn't be delivered within `SOFT_WITHIN` make an address one that doesn't work."""

SOFT_WITHIN = timedelta(days=90)
_LONGEST_ANSWER = 300
_ACTOR = "reports"
_KEY = re.compile(r"r[0-9]{1,18}-([0-9]{1,18})-.+")  # as `send/slices/prepare.py` makes it


@dataclass(frozen=True, kw_only=True)
class MailReport:
    """What was reported about one e-mail. It names the e-mail by its key, or the address, or both."""

    at: datetime  # when it happened, as the report says
    message_key: str = ""  # as in its Message-ID; empty: not known
    address: str = ""  # whom it went to; empty: the e-mail's own
    event_id: str = ""  # the reporter's own number of the report; empty: it has none
    said: str = ""  # the reporter's words


@dataclass(frozen=True, kw_only=True)
class _ReportedEmail:
    """The e-mail that a report is about, as far as the ledger has it."""

    message_id: int | None = None
    run_id: int | None = None
    campaign: str = ""
    address: str = ""


def record_complaint(engine: Engine, store_id: int, report: MailReport, *, now: datetime) -> bool:
    """Record that somebody called an e-mail spam. They get no more. Returns whether the report is new."""
    return _record(engine, store_id, ReportKind.COMPLAINT, report, now)


def record_bounce(engine: Engine, store_id: int, report: MailReport, *, hard: bool, now: datetime) -> bool:
    """Record that an e-mail couldn't be delivered: for good (`hard`), or this time. Returns whether the report is new."""
    return _record(engine, store_id, ReportKind.HARD_BOUNCE if hard else ReportKind.SOFT_BOUNCE, report, now)


def store_of_message(connection: Connection, message_key: str) -> int | None:
    """Return the number (in the ledger) of the store whose e-mail has this key; None if no e-mail has it."""
    query = sa.select(messages.c.store_id).where(*_has_key(message_key)).limit(1)
    store_id: int | None = connection.scalar(query)
    return store_id


def _has_key(message_key: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition that an e-mail has a key. The key names its recipient, by whom it is found without reading others."""
    found = _KEY.fullmatch(message_key)
    return messages.c.recipient_id == int(found[1] if found else 0), messages.c.message_key == message_key


def _record(engine: Engine, store_id: int, kind: ReportKind, report: MailReport, now: datetime) -> bool:
    with writing(engine) as connection:
        lock_store_row(connection, store_id)
        known = _known(connection, store_id, report.message_key)
        address = same_address(report.address) or known.address
        key = report.event_id or digest([kind, report.message_key, address, report.at.isoformat()])
        if connection.scalar(_with_key(store_id, key)) is not None or not mailbox_of(address):
            return False
        said = clean_line(report.said, longest=_LONGEST_ANSWER)
        row = {
            "store_id": store_id,
            "kind": kind,
            "event_key": key,
            "address": address,
            "mailbox": mailbox_of(address),
            "message_id": known.message_id,
            "run_id": known.run_id,
            "campaign": known.campaign,
            "said": said,
            "at": report.at,
            "noted_at": now,
        }
        connection.execute(sa.insert(mail_reports).values(row))
        cause = _cause(connection, store_id, kind, mailbox_of(address), now)
        if cause is not None:
            source = ConsentSource.SERVICE
            wish = Wish(address=address, cause=cause, source=source, run_id=known.run_id, note=said)
            suppress(connection, store_id, wish, now=now, actor=_ACTOR)
    return True


def _with_key(store_id: int, key: str) -> sa.Select[tuple[int]]:
    return sa.select(mail_reports.c.id).where(
        mail_reports.c.store_id == store_id, mail_reports.c.event_key == key
    )


def _known(connection: Connection, store_id: int, message_key: str) -> _ReportedEmail:
    """Return the e-mail with a key; an empty answer if this ledger doesn't have it."""
    query = (
        sa.select(messages.c.id, messages.c.run_id, runs.c.campaign, recipients.c.email)
        .join(runs, runs.c.id == messages.c.run_id)
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .where(messages.c.store_id == store_id, *_has_key(message_key))
    )
    row = connection.execute(query).first()
    if row is None:
        return _ReportedEmail()
    return _ReportedEmail(
        message_id=row.id, run_id=row.run_id, campaign=row.campaign, address=same_address(row.email)
    )


def _cause(
    connection: Connection, store_id: int, kind: ReportKind, mailbox: str, now: datetime
) -> SuppressionCause | None:
    """Return why an address is suppressed after a report; None if it isn't yet."""
    if kind is ReportKind.COMPLAINT:
        return SuppressionCause.COMPLAINT
    if kind is ReportKind.HARD_BOUNCE:
        return SuppressionCause.HARD_BOUNCE
    soft = (
        mail_reports.c.store_id == store_id,
        mail_reports.c.mailbox == mailbox,
        mail_reports.c.kind == ReportKind.SOFT_BOUNCE,
        mail_reports.c.at > now - SOFT_WITHIN,
    )
    count = connection.scalar(sa.select(sa.func.count()).where(*soft)) or 0
    return SuppressionCause.SOFT_BOUNCES if count >= MOST_SOFT_BOUNCES else None
