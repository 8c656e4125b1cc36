"""Shares and times of reports, in words. Pure."""

from __future__ import annotations

from datetime import timedelta

from tillroll.campaign.text.counts import count_of
from tillroll.track.results.effect.estimate import Interval

_TWO_DAYS = timedelta(days=2)


def say_rate(rate: Interval) -> str:
    """Return like `4.2%, between 3.1 and 5.6`."""
    low, middle, high = (
        f"{part * 100:.1f}".removesuffix(".0") for part in (rate.low, rate.middle, rate.high)
    )
    return f"{middle}%, between {low} and {high}"


def say_within(median: timedelta | None) -> str:
    """Return like `; half of them within 3 days`; empty if it isn't known."""
    return "" if median is None else f"; half of the orders within {say_time(median)}"


def say_time(median: timedelta) -> str:
    """Return like `3 days` or `11 hours`: whole ones, rounded up."""
    if median >= _TWO_DAYS:
        return count_of(median.days + 1, "day")
    return count_of(median // timedelta(hours=1) + 1, "hour")
