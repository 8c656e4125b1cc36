"""A rate to one mail domain, kept evenly: a few e-mails at a time instead of a minute's worth at once. Pure.

This is the generic cell rate algorithm. All it remembers is one moment: when the e-mails that left will have been made up for. In
any time as long as the rate's own, no more than the rate's number may leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tillroll.campaign.text.units import Pacing

_AT_ONCE = 20  # a twentieth of the rate's number


@dataclass(frozen=True, kw_only=True)
class EvenPace:
    """How a rate is kept."""

    at_once: int  # how many may leave together
    apart: timedelta  # the time that each of them uses up

    @classmethod
    def of(cls, rate: Pacing) -> EvenPace:
        at_once = max(1, rate.count // _AT_ONCE)
        return cls(at_once=at_once, apart=timedelta(seconds=rate.seconds) / (rate.count - at_once + 1))

    def allowed(self, made_up_at: datetime, now: datetime) -> int:
        """Return how many may leave now; `made_up_at`: when those that left are made up for."""
        used = max(made_up_at, now) - now
        return max(0, (self.at_once * self.apart - used) // self.apart)

    def after(self, made_up_at: datetime, now: datetime, count: int) -> datetime:
        """Return when it is all made up for, if so many more leave now."""
        return max(made_up_at, now) + count * self.apart
