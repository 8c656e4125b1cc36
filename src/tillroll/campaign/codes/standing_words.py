"""What a code is worth to its holder now, in a few words for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from tillroll.campaign.codes.standing import MOST_USES_COUNTED, Standing, StandingFacts, standing_of
from tillroll.campaign.text.counts import count_of

_PLAIN: Mapping[Standing, str] = {
    Standing.RESERVED: "not in the store yet",
    Standing.POSTING: "being created in the store",
    Standing.CLASHED: "replaced by another code: the store had this one already",
    Standing.FAILED: "refused by the store",
    Standing.USED_UP: "used up, although no order that counts used it",
    Standing.UNCLEAR: "unclear: its order was undone, and the store is asked whether it works again",
    Standing.RETURNED: "returned: its order was undone, and it works again",
    Standing.PAUSED: "paused",
    Standing.REVOKED: "revoked",
    Standing.CLEARED: "expired, and deleted in the store",
}


def say_standing(facts: StandingFacts, *, now: datetime, say_moment: Callable[[datetime], str]) -> str:
    """Return what a code is worth now, like `live` or `used: order A1, Mon 30 Nov 2026, 10:00 CET`.

    `say_moment` writes a moment in the store's time zone.
    """

    def at(moment: datetime | None) -> str:
        return say_moment(moment) if moment is not None else ""

    match standing := standing_of(facts, now):
        case Standing.SCHEDULED:
            return f"valid from {at(_start(facts))}"
        case Standing.USED:
            return f"used: order {facts.last_order}, {at(facts.last_used_at)}"
        case Standing.EXPIRED:
            return f"expired {at(facts.works_until)}{_uses(facts)}"
        case Standing.LIVE:
            return f"live{_uses(facts)}"
        case _:
            return f"{_PLAIN[standing]}{_uses(facts)}"


def _start(facts: StandingFacts) -> datetime | None:
    """Return when a code that waits begins to work: at its launch, unless its period begins later."""
    moments = [moment for moment in (facts.launch_at, facts.works_from) if moment is not None]
    return max(moments, default=None)


def _uses(facts: StandingFacts) -> str:
    if not facts.uses:
        return ""
    orders = count_of(facts.uses, "order")
    return f", used by {orders} or more" if facts.uses >= MOST_USES_COUNTED else f", used by {orders}"
