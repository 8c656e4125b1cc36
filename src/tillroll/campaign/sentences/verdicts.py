"""A verdict's rule, figure and limit as people read them. Pure."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from tillroll.campaign.sentences.offers import say_money

_ABOUT_MONEY = ("worst_case", "budget", "amount", "basket")


def measure(text: str, rule: str, currency: str) -> str:
    """A guardrail's figure or limit: money where the rule is about money, thousands apart elsewhere."""
    from babel.numbers import format_decimal

    try:
        figure = Decimal(text)
    except InvalidOperation:  # words, or with a unit of its own
        return text
    about_money = any(word in rule for word in _ABOUT_MONEY)
    return say_money(figure, currency) if about_money else format_decimal(figure, locale="en")


def rule_words(rule: str) -> str:
    """`worst_case_per_run` as `Worst case per run`."""
    return rule.replace("_", " ").capitalize()
