"""Warn of a campaign whose e-mails too many readers call spam."""

from __future__ import annotations

from tillroll.campaign.figures.complaints import WARNS_OVER, ComplaintLevel, ComplaintRate
from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel


def complaint_verdicts(rate: ComplaintRate) -> tuple[Verdict, ...]:
    """Compare a campaign's rate with what mail providers ask for. They count all e-mails of a sender's domain together."""
    if rate.level is ComplaintLevel.FINE:
        return ()
    text = (
        f"{rate.sentence}; over 0.3% mail providers turn a sender's e-mails away, and Tillroll holds the campaign: "
        "write to fewer people, or less often"
    )
    limit = f"{float(WARNS_OVER):.1%}"
    return (
        Verdict(rule="complaints", level=VerdictLevel.WARN, measured=rate.percent, limit=limit, text=text),
    )
