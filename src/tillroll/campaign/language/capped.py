"""A percentage of at most an amount, as a coupon that keeps both: an amount off, from a minimum basket on. Pure.

The store has no cap on a percentage, and an order takes one coupon. A percentage coupon on a large basket would exceed any cap.
So each code takes an amount off: the percentage of the basket that its customer is expected to have, at most the cap. Its minimum
basket is where that amount is the percentage, so that no order ever gets more than either.

Amounts and minimums are whole (`€12 off orders of €80 or more`); only an amount below 1 has the currency's decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from tillroll.campaign.language.value import Figure

_WHOLE = Decimal(1)

CART_SUBTOTAL = "cart_subtotal"
"""What is in the cart of the event, before shipping and taxes: a coupon's minimum counts the same. No formula can name it."""

_BASKETS = (CART_SUBTOTAL, Figure.CART_TOTAL, Figure.AVERAGE_ORDER)
"""The figures that tell a customer's expected basket: the first one that is known counts."""


def expected_basket(figures: Mapping[str, Decimal]) -> Decimal | None:
    """Return the basket that a customer is expected to have; None if they have no cart and never ordered."""
    return next((figures[name] for name in _BASKETS if figures.get(name)), None)


def amount_for(percent: Decimal, cap: Decimal, basket: Decimal | None, unit: Decimal) -> Decimal:
    """Return the amount off for an expected basket; the whole cap for an unknown one. 0: less than the smallest `unit`."""
    if basket is None or basket >= minimum_for(percent, cap, unit):
        return cap
    whole = _down(percent * _down(basket, _WHOLE) / 100, _WHOLE)
    if whole:
        return min(whole, cap)
    fine = _down(percent * _down(basket, unit) / 100, unit)
    return min(fine, cap, max(_WHOLE - unit, Decimal(0)))


def minimum_for(percent: Decimal, amount: Decimal, unit: Decimal) -> Decimal:
    """Return the smallest basket of which an amount is no more than the percentage."""
    step = _WHOLE if amount == _down(amount, _WHOLE) else unit
    return (amount * 100 / percent / step).to_integral_value(ROUND_CEILING) * step


def _down(number: Decimal, step: Decimal) -> Decimal:
    return (number / step).to_integral_value(ROUND_FLOOR) * step
