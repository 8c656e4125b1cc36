"""What a plan says, decided from figures alone: what it may cost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from tillroll.campaign.guardrails import Guardrails
from tillroll.campaign.models import AMOUNT_KINDS, PERCENT_KINDS, SHIPPING_KINDS, Offer, Uses

_CENT = Decimal("0.01")
_ASSUMED_REDEMPTION = Decimal("0.05")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the ledger knows of the audience and of the past."""

    codes: int
    values: Decimal  # the discount's value, added up over the codes: percentages or amounts by kind
    largest_average_order: Decimal  # over the audience
    average_order: Decimal | None  # of the audience, else of the store; None without any order
    past_codes: int  # live codes of earlier runs of this campaign
    past_redemptions: int


@dataclass(frozen=True, kw_only=True)
class Cost:
    """An amount (None: without bound, or not to be told) and where it comes from."""

    amount: Decimal | None
    basis: str


def worst_case(offer: Offer | None, guardrails: Guardrails, figures: Figures) -> Cost:
    """What every code used once on the dearest basket would cost."""
    if offer is None:
        return Cost(amount=Decimal(0), basis="no codes")
    if offer.uses is not Uses.SINGLE:
        return Cost(amount=None, basis=f"uses: {offer.uses} has no bound: a code can be passed on")
    basket = max(
        guardrails.largest_basket, figures.largest_average_order, offer.minimum_subtotal or Decimal(0)
    )
    amount, parts = _discounts(offer, basket, figures), []
    value = _mean(offer, figures)
    if offer.kind in PERCENT_KINDS:
        parts.append(f"{value} % of a basket of {basket:.2f}")
    if offer.kind in AMOUNT_KINDS:
        parts.append(f"{value} each")
    if offer.kind in SHIPPING_KINDS:
        amount += guardrails.largest_shipping * figures.codes
        parts.append(f"shipping of {guardrails.largest_shipping:.2f}")
    amount = amount.quantize(_CENT, ROUND_CEILING)
    return Cost(amount=amount, basis=f"{figures.codes} codes × {' + '.join(parts)}")


def expected(offer: Offer | None, guardrails: Guardrails, figures: Figures) -> Cost:
    """What the run will probably cost, from the audience's own orders and earlier runs of the campaign."""
    if offer is None:
        return Cost(amount=Decimal(0), basis="no codes")
    if figures.average_order is None:
        return Cost(amount=None, basis="no orders to tell from")
    rate, source = _ASSUMED_REDEMPTION, "assumed"
    if figures.past_codes >= 100:
        rate, source = Decimal(figures.past_redemptions) / figures.past_codes, "as in earlier runs"
    basket = max(figures.average_order, offer.minimum_subtotal or Decimal(0))
    amount = _discounts(offer, basket, figures)
    if offer.kind in SHIPPING_KINDS:
        amount += guardrails.largest_shipping / 2 * figures.codes
    return Cost(
        amount=(amount * rate).quantize(_CENT, ROUND_CEILING),
        basis=f"{rate:.0%} of codes used ({source}), on an average order of {basket:.2f}",
    )


def together(costs: Sequence[Cost]) -> Cost:
    """What several arms cost: their sum, without bound or untold as soon as one of them is."""
    if len(costs) == 1:
        return costs[0]
    basis = "; ".join(dict.fromkeys(cost.basis for cost in costs))
    unknown = [cost for cost in costs if cost.amount is None]
    if unknown:
        return Cost(amount=None, basis=unknown[0].basis)
    return Cost(amount=sum((cost.amount or Decimal(0) for cost in costs), Decimal(0)), basis=basis)


def _discounts(offer: Offer, basket: Decimal, figures: Figures) -> Decimal:
    """Money off so many baskets, shipping aside."""
    if offer.kind in PERCENT_KINDS:
        return basket * figures.values / 100
    return min(figures.values, basket * figures.codes) if offer.kind in AMOUNT_KINDS else Decimal(0)


def _mean(offer: Offer, figures: Figures) -> str:
    """The value of one code, or the average of values that differ."""
    if offer.per_customer is None or not figures.codes:
        return f"{offer.largest_value}"
    return f"on average {figures.values / figures.codes:.2f}"
