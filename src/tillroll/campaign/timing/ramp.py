"""How many e-mails a new sender may send on a day, and how many days a run takes. Pure.

Mail providers judge a sender by what it sent lately: so a day may bring more than the best of the last `REMEMBERED` days by the
growth that the guardrails allow, whatever was allowed on days when less was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING

from tillroll.campaign.language.sender import RampUp

REMEMBERED = 30
"""Days for which a sender is known to the providers."""

_MOST_DAYS = 1_500


def allowed_on_a_day(ramp: RampUp, best: int) -> int | None:
    """Return how many e-mails may leave on a day; None: any number. `best`: how many left on the best of the days before."""
    if best >= ramp.until:
        return None
    grown = int((best * (1 + ramp.grows)).to_integral_value(ROUND_CEILING)) if best else 0
    return min(ramp.until, max(ramp.start, grown))


def daily_shares(ramp: RampUp, *, best: int, left_today: int, messages: int) -> Iterator[int]:
    """Yield how many of some messages leave today and on each day after it, if nothing else is sent."""
    remaining, left = messages, left_today
    for _ in range(_MOST_DAYS):
        allowed = allowed_on_a_day(ramp, best)
        share = remaining if allowed is None else min(remaining, max(0, allowed - left))
        yield share
        remaining -= share
        if not remaining:
            return
        best, left = max(best, left + share), 0
