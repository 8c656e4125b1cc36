"""What a code is worth to its holder now: one answer, which pages, commands, lists and exports all give. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tillroll.campaign.states import CODE_IN_STORE, CodeState, StoreUse


class Standing(StrEnum):
    """What a code is worth to its holder now."""

    RESERVED = "reserved"  # drawn and recorded; the store doesn't have it yet
    POSTING = "posting"  # being made in the store
    CLASHED = "clashed"  # somebody else's in the store; its recipient got another one
    FAILED = "failed"  # refused by the store
    SCHEDULED = "scheduled"  # in the store, and valid from a later moment
    LIVE = "live"  # it works
    USED = "used"  # it works once, and an order that counts used it
    USED_UP = "used_up"  # by the store's word, although no order that counts used it
    UNCLEAR = (
        "unclear"  # an order that used it was undone, and the store was not asked yet whether it works again
    )
    RETURNED = "returned"  # an order that used it was undone, and it works again
    EXPIRED = "expired"
    PAUSED = "paused"
    REVOKED = "revoked"  # deleted in the store before it expired
    CLEARED = "cleared"  # expired, and deleted in the store since


MOST_USES_COUNTED = 1_000
"""The uses of one code are counted up to here, so that a code for everybody costs no more than any other."""


@dataclass(frozen=True, kw_only=True)
class StandingFacts:
    """What the standing of a code follows from."""

    state: CodeState
    store_use: StoreUse
    works_once: bool  # for one order; otherwise for several
    works_from: datetime | None
    works_until: datetime | None
    launch_at: datetime | None  # it was made switched off, and is switched on then
    uses: int  # orders that count, at most `MOST_USES_COUNTED`
    last_order: str  # the latest of them; empty: none
    last_used_at: datetime | None


def standing_of(facts: StandingFacts, now: datetime) -> Standing:
    """Return what a code is worth now. A code that works once and was used is used, whatever became of its coupon."""
    if facts.works_once and facts.uses and facts.state is not CodeState.CLASHED:
        return Standing.USED
    if facts.state not in CODE_IN_STORE:
        return Standing(facts.state.value)
    if facts.store_use is StoreUse.USED_UP:
        return Standing.USED_UP
    if facts.works_until is not None and facts.works_until <= now:
        return Standing.EXPIRED
    if facts.state is CodeState.PAUSED:
        waits = facts.launch_at is not None and facts.launch_at > now
        return Standing.SCHEDULED if waits else Standing.PAUSED
    if facts.store_use is StoreUse.UNCLEAR:
        return Standing.UNCLEAR
    if facts.works_from is not None and facts.works_from > now:
        return Standing.SCHEDULED
    return Standing.RETURNED if facts.store_use is StoreUse.RETURNED and facts.works_once else Standing.LIVE
