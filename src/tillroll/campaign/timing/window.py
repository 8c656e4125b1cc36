"""How long the orders of a campaign's people count when it is compared with its control group. Pure."""

from __future__ import annotations

from datetime import timedelta

from tillroll.campaign.frozen.revision import offers_of
from tillroll.campaign.language.models import Campaign

_AFTERWARDS = timedelta(days=7)  # orders count for so long after an offer's end: people put buying off
_WITHOUT_OFFER = timedelta(days=14)  # how long an e-mail without an offer is taken to work


def window_of(campaign: Campaign, longest: timedelta | None = None) -> timedelta:
    """Return how long the orders of a campaign's people count. `longest`: how long the codes of its runs worked at most."""
    lengths = [offer.valid.for_.length for offer in offers_of(campaign) if offer.valid.for_ is not None]
    waits = sum((step.wait for step in campaign.steps if step.wait is not None), timedelta(0))
    return max([*lengths, *([longest] if longest else [])], default=_WITHOUT_OFFER) + waits + _AFTERWARDS
