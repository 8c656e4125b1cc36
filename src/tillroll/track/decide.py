"""What an order means for a code, and when a run has ended. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from tillroll.campaign.states import NO_SALE

GRACE = timedelta(days=1)
"""How long orders still count after a run's codes expired: payment may come late."""


def is_sale(payment_status: str) -> bool:
    """Whether an order with this payment status is a sale. An order that is cancelled later no longer is."""
    return payment_status not in NO_SALE


def has_run_ended(valid_until: datetime | None, now: datetime) -> bool:
    """Whether a run whose codes expire at `valid_until` can have no more redemptions."""
    return valid_until is not None and now >= valid_until + GRACE
