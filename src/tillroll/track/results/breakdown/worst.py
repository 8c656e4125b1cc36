"""What one live code may still cost: the formula of the plan's worst case, for the code's own arm and value. Pure."""

from __future__ import annotations

from decimal import Decimal

from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.offer import AMOUNT_KINDS, PERCENT_KINDS, SHIPPING_KINDS, Offer, Uses


def worst_of_code(
    offer: Offer, value: Decimal | None, guardrails: Guardrails, *, basket: Decimal | None, unit: Decimal
) -> Decimal | None:
    """Return the most that a code takes off, in the store's currency and not rounded. None: it can be used again and again.

    `value`: the code's own; none: the offer's. `basket`: the largest of the plan's recipients, if it is above the guardrails'.
    `unit`: the smallest of the currency.
    """
    if offer.uses is not Uses.SINGLE:
        return None
    till = offer.applied(value, unit)
    largest = max(guardrails.largest_basket, basket or Decimal(0), till.minimum_subtotal or Decimal(0))
    off, amount = till.fixed_value or Decimal(0), Decimal(0)
    if till.kind in PERCENT_KINDS:
        amount = largest * off / 100
    if till.kind in AMOUNT_KINDS:
        amount = min(off, largest)
    return amount + (guardrails.largest_shipping if till.kind in SHIPPING_KINDS else Decimal(0))
