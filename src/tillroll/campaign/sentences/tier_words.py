"""A figure of a loyalty tier in words: money, or points."""

from __future__ import annotations

from decimal import Decimal

from tillroll.campaign.figures.tiers import TierScale
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_price


def say_figure(scale: TierScale, figure: Decimal, currency: str) -> str:
    """Return `€120.50`, or `240 points`."""
    return say_price(figure, currency) if scale.points_per_unit is None else count_of(int(figure), "point")
