"""A connected store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tillroll.ledger.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Store(Record):
    """One connected Ecwid store, with its profile as last read and how far work on it has come."""

    id: int
    ecwid_id: int  # the number its owner knows it by
    base_url: str  # of its REST API
    token: str  # encrypted (`ledger/sealing.py`)
    name: str  # as its owner calls it
    url: str  # of its storefront
    email: str  # its owner's
    currency: str  # ISO 4217
    timezone: str  # IANA name: the chosen one, or the one of its profile
    chosen_timezone: str  # by a person; empty: none
    language: str  # ISO 639-1
    scopes: str  # what the token may do, separated by spaces; empty: unknown
    state: str  # connected, disconnected, no_api or fenced
    reason: str  # why it is not connected, or why it pauses
    not_before: datetime | None  # no call before this moment
    own_emails: Any  # the names of the e-mails that the store itself sends (`StoreEmail`); None: not read yet
    profile_at: datetime | None  # when the profile was last read
    customers_at: datetime | None  # when the mirror of customers was last brought up to date
    orders_at: datetime | None  # the same of orders
    reconciled_at: datetime | None  # up to when changes of its coupons were compared with the ledger
    drift_at: datetime | None  # when every coupon was last compared with the ledger
    drift_begun_at: datetime | None  # when the comparison now running was last continued
    scored_at: datetime | None  # when the boundaries between RFM scores were last computed
    score_marks: Any  # those boundaries (`campaign/segments/scores.py`)
    webhook_at: datetime | None  # when its last webhook arrived
    sums_zone: str  # whose days its sums go by; empty: they aren't built yet
    created_at: datetime
