"""What an order means for a code. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from tillroll.campaign.states import NO_SALE

GRACE = timedelta(days=1)
"""Orders are still looked for so long after a run's codes expired: payment may come late."""


def counts(payment_status: str) -> bool:
    """Whether an order with this payment status is a sale; one that was cancelled later no longer counts."""
    return payment_status not in NO_SALE


def run_is_over(valid_until: datetime | None, now: datetime) -> bool:
    """Whether nothing more can come of a run's codes."""
    return valid_until is not None and now >= valid_until + GRACE
