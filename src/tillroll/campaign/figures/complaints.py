"""How many of a campaign's readers call its e-mails spam, and what follows: a warning, or a hold. Pure.

Gmail and Yahoo ask senders to stay below 0.1 %, and punish them from 0.3 % on (https://support.google.com/a/answer/81126).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction

WARNS_OVER = Fraction(1, 1000)
HOLDS_OVER = Fraction(3, 1000)
WITHIN = timedelta(days=30)
"""The e-mails and complaints that count."""

FEWEST = 3
"""With fewer complaints no campaign is held: one reader's slip would stop each small one."""

FEWEST_SENT = 1_000
"""With fewer e-mails, and fewer than `FEWEST` complaints, a rate means nothing yet, so it doesn't warn."""


class ComplaintLevel(StrEnum):
    """What a rate of complaints leads to."""

    FINE = "fine"
    WARN = "warn"
    HOLD = "hold"


@dataclass(frozen=True, kw_only=True)
class ComplaintRate:
    """A campaign's complaints and e-mails of the last 30 days."""

    campaign: str
    complaints: int
    sent: int

    @property
    def share(self) -> Fraction:
        """The complaints for each e-mail."""
        return Fraction(self.complaints, max(self.sent, self.complaints, 1))

    @property
    def level(self) -> ComplaintLevel:
        """What it leads to."""
        if self.share > HOLDS_OVER and self.complaints >= FEWEST:
            return ComplaintLevel.HOLD
        means_something = self.sent >= FEWEST_SENT or self.complaints >= FEWEST
        return ComplaintLevel.WARN if self.share > WARNS_OVER and means_something else ComplaintLevel.FINE

    @property
    def percent(self) -> str:
        """The complaints for each hundred e-mails."""
        return f"{float(self.share):.2%}"

    @property
    def sentence(self) -> str:
        """The rate, for people."""
        return f"{self.complaints:,} of {self.sent:,} e-mails of the last 30 days were called spam ({self.percent})"
