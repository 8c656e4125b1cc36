"""The rule, figure and limit of a verdict in words. Pure."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from tillroll.campaign.text.money import say_money

_ABOUT_MONEY = ("worst_case", "budget", "amount", "basket")


def say_measure(text: str, rule: str, currency: str) -> str:
    """Format a guardrail's figure or limit: as money if the rule is about money, else with thousands separators."""
    from babel.numbers import format_decimal

    try:
        figure = Decimal(text)
    except InvalidOperation:  # text, or a figure with a unit
        return text
    about_money = any(word in rule for word in _ABOUT_MONEY)
    return say_money(figure, currency) if about_money else format_decimal(figure, locale="en")


def say_rule(rule: str) -> str:
    """Return `Worst case per run` for `worst_case_per_run`."""
    return rule.replace("_", " ").capitalize()
