"""What happened in the store, and whom it brought into a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tillroll.campaign.states import EntryCause, EntryState, PrivacyKind, PrivacySubject
from tillroll.ledger.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Entry(Record):
    """A customer (or a product) that a store event brought into a campaign. Unique by store, campaign and key."""

    id: int
    store_id: int
    campaign: str  # the campaign that it entered
    key: str  # what happened to whom, like `order 1234`: the same event enters once
    customer_id: int | None  # None: it happened to a product
    product_id: int | None  # None: it happened to a customer
    facts: Any  # what messages may say of it: order, cart, product, review, event
    happened_at: datetime  # when the event happened in the store
    step: int  # the next one, from 1
    due_at: datetime | None  # when that step is due; None: the flow is over
    state: EntryState
    cause: EntryCause  # why it waits or has left, where other code depends on it
    reason: str  # the same for people; never compared
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class StoredEvent(Record):
    """One webhook delivery as it was stored. Its content is not trusted: what it names is read again from the API."""

    id: int
    store_id: int
    event_id: str  # the store's own, the same at every delivery
    kind: str  # like `order.updated`
    entity: str  # the id of what it is about
    data: Any  # what the event said, as it came
    happened_at: datetime  # as the store says
    received_at: datetime  # when it came
    handled_at: datetime | None  # when it was acted on; None: it waits
    outcome: str  # what came of it, for people


@dataclass(frozen=True, kw_only=True)
class PrivacyRequest(Record):
    """What somebody asks about their own data, as the store passed it on. Whose it is isn't signed: look at the store first."""

    id: int
    store_id: int
    event_id: str  # of the webhook
    kind: PrivacyKind
    subject: PrivacySubject  # whose data it is
    entity: str  # the customer's number; may be empty
    email: str  # the customer's address, if the store said it
    asked_at: datetime  # as the store says
    due_at: datetime  # the law's deadline
    noted_at: datetime  # when it was kept here
    told_at: datetime | None  # when people got a notice
    settled_at: datetime | None  # None: it is open

    @property
    def sentence(self) -> str:
        """What is asked, of whom, and until when. Without the address: notices go by e-mail."""
        who = (
            "The store's owner"
            if self.subject is PrivacySubject.OWNER
            else f"Customer {self.entity or 'without a number'}"
        )
        what = "to be deleted" if self.kind is PrivacyKind.REMOVAL else "for a copy of their data"
        return f"{who} asked {what} on {self.asked_at:%-d %B %Y}: due by {self.due_at:%-d %B %Y}."
