"""Watched limits in words, for pages and commands."""

from __future__ import annotations

from decimal import Decimal

from tillroll.campaign.states import LimitKind
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.percent import say_percent
from tillroll.ledger.limits.kept import KeptLimit


def limit_sentences(limit: KeptLimit, currency: str) -> tuple[str, ...]:
    """Return what a limit says now, without full stops: how near it is, and what was done."""
    said = (
        say_budget(given=limit.figure, budget=limit.bar, currency=currency, campaign=limit.campaign)
        if limit.kind is LimitKind.BUDGET
        else say_leaks(share=limit.figure, bar=limit.bar, campaign=limit.campaign)
    )
    if not limit.is_reached:
        return (said,)
    return said, say_pause(kind=limit.kind, campaign=limit.campaign, is_resumed=limit.resumed_at is not None)


def say_budget(*, given: Decimal, budget: Decimal, currency: str, campaign: str) -> str:
    """Return what a campaign has given of what it may give, without a full stop."""
    share = int(given * 100 / budget)
    return (
        f"Orders with codes of {campaign} have taken {say_money(given, currency)} off, {share}% of its budget of "
        f"{say_money(budget, currency)}"
    )


def say_leaks(*, share: Decimal, bar: Decimal, campaign: str) -> str:
    """Return what part of a campaign's orders used somebody else's code, without a full stop."""
    return (
        f"{say_percent(share * 100)} of the orders with codes of {campaign} used a code that was given to somebody else; from "
        f"{say_percent(bar * 100)} on its codes are paused"
    )


def say_pause(*, kind: LimitKind, campaign: str, is_resumed: bool) -> str:
    """Return what was done about a limit that is reached, and how to go on."""
    if is_resumed:
        return "Somebody had its codes work again; they are not paused again for this limit"
    resume = f"tillroll codes resume {campaign}"
    if kind is LimitKind.LEAKS:
        return f"Its codes are paused. See which orders: tillroll leaks {campaign}. To have the codes work again: {resume}"
    return (
        f"Its codes are paused and no further run of it is approved. To go on, raise budget.discount in "
        f"campaigns/{campaign}.yaml, then: {resume}"
    )
