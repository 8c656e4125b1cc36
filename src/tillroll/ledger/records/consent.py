"""Who wants no e-mails, who signed up for them, and what the store must be told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tillroll.campaign.states import ConsentSource, SignUpState, SuppressionCause
from tillroll.ledger.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Suppression(Record):
    """Somebody who gets no e-mails, or fewer."""

    id: int
    store_id: int
    address: str  # as it is compared
    mailbox: str  # of that address: whoever reads it gets nothing, whatever customer they are
    campaign: str  # empty: all
    every_days: int | None  # at most one e-mail in so many days; None: none
    cause: SuppressionCause  # why
    source: ConsentSource  # by what it came
    run_id: int | None  # whose e-mail led to it
    note: str  # for people
    withdrew: bool  # the store said then that they agree
    at: datetime  # since when
    until: datetime | None  # None: for good
    lifted_at: datetime | None  # since when it no longer counts
    lifted_by: str  # who lifted it


@dataclass(frozen=True, kw_only=True)
class ConsentPush(Record):
    """What the store must be told about a person's consent."""

    id: int
    store_id: int
    mailbox: str  # whose: that of all their addresses
    agreed: bool  # to e-mails
    asked_at: datetime  # when they said so
    not_before: datetime | None  # it is told again then
    attempts: int  # in vain so far


@dataclass(frozen=True, kw_only=True)
class SignUp(Record):
    """Somebody's wish to get e-mails."""

    id: int
    store_id: int
    consent_text_id: int  # what they agreed to
    address: str  # as it is compared
    mailbox: str  # of that address
    language: str  # in which they read it
    state: SignUpState
    asked_at: datetime  # when the form came
    expires_at: datetime | None  # of the link to confirm it; None: no e-mail left yet
    confirmed_at: datetime | None  # when they agreed: with the form, or with the click
    not_before: datetime | None  # it is tried again then
    attempts: int  # in vain so far
    customer_id: int | None  # in the store, once that is known
    changed_at: datetime
