"""What a plan says, decided from figures alone: what it may cost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from tillroll.campaign.figures.uptake import Uptake
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import AMOUNT_KINDS, PERCENT_KINDS, SHIPPING_KINDS, Offer, Uses
from tillroll.campaign.sentences.offers import say_money

_CENT = Decimal("0.01")
_SHIPPING = (
    Decimal("0.25"),
    Decimal("0.5"),
    Decimal(1),
)  # of the dearest: cheap, usual, and the dearest itself


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the ledger knows of the audience and of the past. Amounts are in the store's currency."""

    currency: str
    codes: int
    values: Decimal  # the discount's value, added up over the codes: percentages or amounts by kind
    largest_average_order: Decimal  # over the audience
    baskets: Baskets | None  # None without any order in the store
    uptake: Uptake


@dataclass(frozen=True, kw_only=True)
class Baskets:
    """What orders cost: on average, and the middle half of the audience's own."""

    low: Decimal
    average: Decimal
    high: Decimal
    of_audience: bool  # else nobody of it ever ordered, and it is the store's average


@dataclass(frozen=True, kw_only=True)
class Cost:
    """An amount (None: without bound, or not to be told) and where it comes from."""

    amount: Decimal | None
    basis: str


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a run will probably cost, and between which amounts; None: not to be told."""

    low: Decimal | None
    likely: Decimal | None
    high: Decimal | None
    basis: str
    range_basis: str = ""


NOTHING = Expected(low=Decimal(0), likely=Decimal(0), high=Decimal(0), basis="no codes")


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
        parts.append(f"{value} % of a basket of {say_money(basket, figures.currency)}")
    if offer.kind in AMOUNT_KINDS:
        each = say_money(offer.largest_value, figures.currency) if offer.per_customer is None else value
        parts.append(f"{each} each")
    if offer.kind in SHIPPING_KINDS:
        amount += guardrails.largest_shipping * figures.codes
        parts.append(f"shipping of {say_money(guardrails.largest_shipping, figures.currency)}")
    amount = amount.quantize(_CENT, ROUND_CEILING)
    return Cost(amount=amount, basis=f"{figures.codes} codes × {' + '.join(parts)}")


def expected(offer: Offer | None, guardrails: Guardrails, figures: Figures) -> Expected:
    """What the run will probably cost, from the audience's own orders and how earlier runs went."""
    if offer is None:
        return NOTHING
    baskets, used, currency = figures.baskets, figures.uptake, figures.currency
    if baskets is None:
        return Expected(low=None, likely=None, high=None, basis="no orders to tell from")
    least = offer.minimum_subtotal or Decimal(0)
    low, average, high = (max(one, least) for one in (baskets.low, baskets.average, baskets.high))

    def cost(basket: Decimal, share: Decimal, shipping: Decimal) -> Decimal:
        amount = _discounts(offer, basket, figures)
        if offer.kind in SHIPPING_KINDS:
            amount += guardrails.largest_shipping * shipping * figures.codes
        return (amount * share).quantize(_CENT, ROUND_CEILING)

    whose = (
        "what these people pay" if baskets.of_audience else "the store's, since nobody of them ever ordered"
    )
    between = f"orders of {say_money(low, currency)}"
    between += f" to {say_money(high, currency)}, the middle half" if low != high else ""
    return Expected(
        low=cost(low, used.low, _SHIPPING[0]),
        likely=cost(average, used.likely, _SHIPPING[1]),
        high=cost(high, used.high, _SHIPPING[2]),
        basis=f"{say_share(used.likely)} of codes used, on an average order of {say_money(average, currency)}",
        range_basis=f"{say_share(used.low)} to {say_share(used.high)} of codes used ({used.basis}), on {between} ({whose})",
    )


def say_share(share: Decimal) -> str:
    """`5 %`; a small one with its first decimal."""
    percent = share * 100
    return (
        f"{percent:.1f} %"
        if 0 < percent < 10 and percent != percent.to_integral_value()
        else f"{percent:.0f} %"
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


def all_together(every: Sequence[Expected]) -> Expected:
    """What several arms will probably cost: their sums, untold as soon as one of them is."""
    if len(every) == 1:
        return every[0]

    def total(amounts: Sequence[Decimal | None]) -> Decimal | None:
        told = [one for one in amounts if one is not None]
        return sum(told, Decimal(0)) if len(told) == len(amounts) else None

    return Expected(
        low=total([one.low for one in every]),
        likely=total([one.likely for one in every]),
        high=total([one.high for one in every]),
        basis="; ".join(dict.fromkeys(one.basis for one in every)),
        range_basis="; ".join(dict.fromkeys(one.range_basis for one in every if one.range_basis)),
    )


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
