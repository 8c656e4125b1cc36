"""What a campaign changed, in sentences for the people who write campaigns. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.track.results.effect.estimate import Effect, EffectKind, Interval
from tillroll.track.results.effect.outcomes import CampaignEffect

_BASES = (100, 1_000, 10_000, 100_000)  # a difference is told for so many people that it is one order or more


def say_effect(found: CampaignEffect, *, currency: str, zone: ZoneInfo) -> str:
    """Return one or two sentences on what a campaign changed."""
    effect = found.effect
    match effect.kind:
        case EffectKind.NO_CONTROL:
            return "Nobody was held back, so nothing can be compared. Add who.holdout: 10% to the campaign."
        case EffectKind.TOO_EARLY:
            return f"Too early to tell: {_say_wait(found.first_over_at, zone)}."
        case EffectKind.TOO_FEW:
            return f"Too few people to tell: {_say_groups(effect)}.{_say_needed(effect)}"
        case EffectKind.UNCLEAR:
            assert effect.orders is not None  # noqa: S101 - compared groups have it
            return f"No clear effect: {_say_range(effect.orders)}.{_say_needed(effect)}{_say_caution(effect)}"
        case EffectKind.MORE | EffectKind.FEWER:
            assert effect.orders is not None  # noqa: S101
            return f"{_say_difference(effect.orders)}.{_say_revenue(effect, currency)}{_say_caution(effect)}"


def _say_wait(first_over_at: datetime | None, zone: ZoneInfo) -> str:
    if first_over_at is None:
        return "nobody has been written to yet"
    day = first_over_at.astimezone(zone)
    return f"the first people's time to order ends on {day:%d %B %Y}".replace(" 0", " ")


def _say_groups(effect: Effect) -> str:
    treated, control = effect.treated, effect.control
    return (
        f"{treated.people:,} were written to, of whom {treated.buyers:,} ordered, "
        f"and {control.people:,} were held back, of whom {control.buyers:,} ordered"
    )


def _say_needed(effect: Effect) -> str:
    there = effect.treated.people + effect.control.people
    if effect.needed <= there:
        return ""
    return f" You would need {_rounded(effect.needed):,} people in all to see 1 more order in 100; there are {there:,}."


def _say_caution(effect: Effect) -> str:
    return (
        ""
        if effect.is_final
        else " The range is wide enough to look at every day while the campaign goes on."
    )


def _say_difference(orders: Interval) -> str:
    """Return like `For every 100 people written to, about 3 more ordered; between 1 and 5`."""
    base = _base_for(orders)
    word = "more" if orders.middle > 0 else "fewer"
    middle = _figure(abs(orders.middle) * base)
    low, high = (_figure(end * base) for end in sorted((abs(orders.low), abs(orders.high))))
    return f"For every {base:,} people written to, about {middle} {word} ordered; between {low} and {high}"


def _say_range(orders: Interval) -> str:
    """Return like `for every 100 people written to, between 1 fewer and 3 more ordered`; zero is between the two."""
    base = _base_for(orders)
    fewer, more = abs(orders.low) * base, abs(orders.high) * base
    return f"for every {base:,} people written to, between {_figure(fewer)} fewer and {_figure(more)} more ordered"


def _say_revenue(effect: Effect, currency: str) -> str:
    revenue = effect.revenue
    if revenue is None or not revenue.is_clear:
        return " Whether they spent more can't be told yet."
    word = "more" if revenue.middle > 0 else "less"
    low, high = sorted(abs(end) for end in (revenue.low, revenue.high))
    middle, low_text, high_text = (_money(part, currency) for part in (abs(revenue.middle), low, high))
    return f" They spent about {middle} {word} a person; between {low_text} and {high_text}."


def _money(amount: float, currency: str) -> str:
    return say_money(Decimal(str(amount)), currency)


def _base_for(orders: Interval) -> int:
    """Return for how many people a difference is told, so that its figures are one or more."""
    largest = max(abs(orders.middle), min(abs(orders.low), abs(orders.high)))
    return next((base for base in _BASES if largest * base >= 1), _BASES[-1])


def _figure(value: float) -> str:
    """Return a figure as it is said: whole from ten on, else with a decimal if it needs one."""
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0")


def _rounded(people: int) -> int:
    """Round up to two figures: nobody needs to know 3,842.17."""
    unit = int(10 ** max(0, len(str(people)) - 2))
    return -(-people // unit) * unit


def say_people(found: CampaignEffect) -> str:
    """Return how many people are compared, and how long each one's orders count."""
    days = found.window.days
    waiting = f"; {count_of(found.waiting, 'person', 'people')} still in their time" if found.waiting else ""
    return f"{_say_groups(found.effect)}, within {count_of(days, 'day')}{waiting}"
