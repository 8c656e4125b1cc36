"""Watched limits of a campaign, in words."""

from __future__ import annotations

from decimal import Decimal

from tillroll.campaign.text.money import say_money


def say_budget(*, given: Decimal, budget: Decimal, currency: str, campaign: str) -> str:
    """Return what a campaign has given of what it may give, without a full stop."""
    share = int(given * 100 / budget)
    return (
        f"Orders with codes of {campaign} have taken {say_money(given, currency)} off, {share}% of its budget of "
        f"{say_money(budget, currency)}"
    )


def say_pause(*, campaign: str, is_resumed: bool) -> str:
    """Return what was done about a budget that is reached, and how to go on."""
    if is_resumed:
        return "Somebody had its codes work again; they are not paused again for this budget"
    return (
        f"Its codes are paused and no further run of it is approved. To go on, raise budget.discount in "
        f"campaigns/{campaign}.yaml, then: tillroll codes resume {campaign}"
    )
