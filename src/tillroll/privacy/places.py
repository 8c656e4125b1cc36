"""Where the ledger keeps something about a person, and what is left of it once they are forgotten.

| what is found by | in |
|---|---|
| their number in the store | the mirror, what happened to them, the recipients of runs |
| their e-mail address | orders, carts and reviews of guests, lists, webhooks, consent, bounces |
| their row among a run's recipients | e-mails, codes, and what became of the e-mails |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from tillroll.ledger.people.forgotten import NAMING
from tillroll.ledger.tables import (
    carts,
    clicks,
    codes,
    consent_pushes,
    consents,
    crm_events,
    customer_fields,
    customer_tiers,
    customers,
    entries,
    events,
    favourites,
    group_changes,
    list_members,
    mail_events,
    mail_reports,
    messages,
    order_items,
    orders,
    privacy_requests,
    recipients,
    reviews,
    segment_changes,
    segment_members,
    sign_ups,
    suppressions,
    tier_changes,
    tier_group_moves,
    tier_marks,
)


class FoundBy(StrEnum):
    """How the rows of a person are found."""

    NUMBER = "number"  # of the customer, or by their address where the table has one
    RECIPIENT = "recipient"  # of a run
    MESSAGE = "message"  # to such a recipient
    ADDRESS = "address"
    EVENT = "event"  # the webhook is about them, or names their address
    MEMBER = "member"  # of a list of the shop's: an address or a number


@dataclass(frozen=True, kw_only=True)
class DataPlace:
    """A table that holds something about a person."""

    table: sa.Table
    found_by: FoundBy = FoundBy.NUMBER
    blanked: Mapping[str, Any] = field(default_factory=dict)  # what its columns hold afterwards
    removed: bool = False  # the rows go as a whole


_BLANK_CUSTOMER = {
    **dict.fromkeys((*NAMING, "mailbox"), ""),
    "accepts_marketing": False,
}
"""Of a customer's row, which stays as long as the store has them: so the store's counts and ours agree."""

PLACES: tuple[DataPlace, ...] = (
    DataPlace(table=customers, blanked=_BLANK_CUSTOMER),
    DataPlace(table=customer_fields, removed=True),
    DataPlace(table=favourites, removed=True),
    DataPlace(table=segment_members, removed=True),
    DataPlace(table=segment_changes, removed=True),
    DataPlace(table=group_changes, removed=True),
    DataPlace(table=customer_tiers, removed=True),
    DataPlace(table=tier_changes, removed=True),
    DataPlace(table=tier_group_moves, removed=True),
    DataPlace(table=tier_marks, removed=True),
    DataPlace(table=list_members, found_by=FoundBy.MEMBER, removed=True),
    DataPlace(table=carts, blanked={"email": "", "language": "", "items": [], "accepts_marketing": False}),
    DataPlace(table=reviews, blanked={"email": ""}),
    DataPlace(table=orders, blanked=dict.fromkeys(("email", "buyer", "households", "surnames"), "")),
    DataPlace(table=order_items),  # what was bought: segments and sums count it
    DataPlace(table=entries, blanked={"facts": {}}),
    DataPlace(table=events, found_by=FoundBy.EVENT, blanked={"data": {}}),
    DataPlace(table=privacy_requests, found_by=FoundBy.EVENT, blanked={"email": ""}),
    DataPlace(table=suppressions, found_by=FoundBy.ADDRESS),  # otherwise they would be written to again
    DataPlace(table=consents, found_by=FoundBy.ADDRESS),  # the proof that they had agreed to what they got
    DataPlace(table=sign_ups, found_by=FoundBy.ADDRESS, removed=True),
    DataPlace(table=consent_pushes, found_by=FoundBy.ADDRESS, removed=True),
    DataPlace(
        table=mail_reports, found_by=FoundBy.ADDRESS, blanked={"address": "", "mailbox": "", "said": ""}
    ),
    DataPlace(table=clicks, found_by=FoundBy.MESSAGE, removed=True),
    DataPlace(table=mail_events, found_by=FoundBy.MESSAGE, blanked={"reason": ""}),
    DataPlace(table=messages, found_by=FoundBy.RECIPIENT, blanked={"subject": "", "reason": ""}),
    DataPlace(table=codes, found_by=FoundBy.RECIPIENT),  # the store has the coupon
    DataPlace(
        table=recipients,
        blanked={"email": "", "name": "", "first_name": "", "language": "", "country": ""},
    ),
    DataPlace(table=crm_events, removed=True),  # last: what is blanked before must not become an event
)
"""In the order in which they are read and emptied."""
