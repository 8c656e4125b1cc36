"""E-mails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tillroll.campaign.states import MessageState
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
