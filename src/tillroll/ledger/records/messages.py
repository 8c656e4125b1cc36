"""E-mails to customers, and notices to people of the shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tillroll.campaign.states import MessageState, NoticeKind
from tillroll.ledger.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Message(Record):
    """One e-mail to one recipient. Unique by recipient and kind."""

    id: int
    store_id: int
    run_id: int  # the run that sends it
    recipient_id: int  # the recipient of the run's plan
    code_id: int | None  # None: an e-mail without a code
    kind: str  # offer or reminder
    state: MessageState
    reason: str  # why it is in that state, for people
    transport: str  # the one that took it
    message_key: str  # part of its Message-ID; the same at every attempt
    words_id: int | None  # the revision whose words it was made from; None: its plan's, or not made yet
    subject: str  # as it was sent; empty until then
    body_digest: str  # SHA-256 of what was handed over
    size: int  # bytes handed over
    attempts: int  # how often it was handed to the transport
    not_before: datetime | None  # not sent before this moment
    owner: int  # number of the sender that claimed it; 0: the holder of the store's lock
    sending_at: datetime | None  # when it was claimed
    sent_at: datetime | None  # when the transport took it
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class StoredNotice(Record):
    """What one person of the shop is told. Unique by store, kind, topic and address."""

    id: int
    store_id: int
    run_id: int | None  # the run that it is about; None: it is about the store, or its e-mails
    kind: NoticeKind
    topic: str  # what it is about; never parsed
    address: str  # whom it goes to; empty: NOTICE_URL
    subject: str  # of its e-mail, if it leaves alone
    paragraphs: list[str]  # plain text
    shown: Mapping[str, Any] | None  # the figures of a report; None: the paragraphs say it all
    state: MessageState
    reason: str  # why it is in that state, for people
    message_key: str  # part of its Message-ID, once it was claimed; those of one e-mail share it
    attempts: int  # how often it was handed over
    made_at: datetime  # when it was found that somebody must be told
    not_before: datetime | None  # not sent before this moment
    leaving_at: datetime | None  # when its first byte was about to leave; None: it has not left
    settled_at: datetime | None  # when its last state was written
