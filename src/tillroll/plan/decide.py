"""What a run may cost, computed from figures alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import partial

from tillroll.campaign.figures.uptake import Uptake
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import AMOUNT_KINDS, PERCENT_KINDS, SHIPPING_KINDS, Offer, Uses
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.percent import say_percent

_CENT = Decimal("0.01")
_SHIPPING = (
    Decimal("0.25"),
    Decimal("0.5"),
    Decimal(1),
)  # as shares of the most expensive: cheap, usual, and the most expensive itself


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the ledger knows of the audience and of earlier runs. Amounts are in the store's currency."""

    currency: str
    codes: int
    values: Decimal  # the sum of the codes' values: percentages or amounts, depending on the kind of offer
    largest_average_order: Decimal  # over the audience
    baskets: Baskets | None  # None without any order in the store
    uptake: Uptake


@dataclass(frozen=True, kw_only=True)
class Baskets:
    """What an order costs: on average, and the bounds of the middle half of the audience."""

    low: Decimal
    average: Decimal
    high: Decimal
    of_audience: bool  # False: nobody in the audience ever ordered, and all three are the store's average


@dataclass(frozen=True, kw_only=True)
class WorstCase:
    """The most that codes may cost (None: unlimited), and how it was computed."""

    amount: Decimal | None
    basis: str


@dataclass(frozen=True, kw_only=True)
class ExpectedCost:
    """What a run will probably cost, and the range around it; None: unknown."""

    low: Decimal | None
    likely: Decimal | None
    high: Decimal | None
    basis: str
    range_basis: str = ""


NOTHING = ExpectedCost(low=Decimal(0), likely=Decimal(0), high=Decimal(0), basis="no codes")


def worst_case(offer: Offer | None, guardrails: Guardrails, figures: Figures) -> WorstCase:
    """Return what it would cost if every code were used once on the most expensive basket."""
    if offer is None:
        return WorstCase(amount=Decimal(0), basis="no codes")
    if offer.uses is not Uses.SINGLE:
        return WorstCase(amount=None, basis=f"uses: {offer.uses} is unlimited: a code can be passed on")
    basket = max(
        guardrails.largest_basket, figures.largest_average_order, offer.minimum_subtotal or Decimal(0)
    )
    amount, parts = _discounts(offer, basket, figures), []
    if offer.coupon_kind in PERCENT_KINDS:
        parts.append(
            f"{_mean(offer, figures, say_percent)} of the largest basket allowed for, {say_money(basket, figures.currency)}"
        )
    if offer.coupon_kind in AMOUNT_KINDS:
        parts.append(f"{_mean(offer, figures, partial(say_money, currency=figures.currency))} each")
    if offer.kind in SHIPPING_KINDS:
        amount += guardrails.largest_shipping * figures.codes
        parts.append(f"shipping of {say_money(guardrails.largest_shipping, figures.currency)}")
    amount = amount.quantize(_CENT, ROUND_CEILING)
    return WorstCase(
        amount=amount, basis=f"{figures.codes} code{'' if figures.codes == 1 else 's'} × {' + '.join(parts)}"
    )


def expected_cost(offer: Offer | None, guardrails: Guardrails, figures: Figures) -> ExpectedCost:
    """Return what the run will probably cost, from the audience's own orders and the uptake of earlier runs."""
    if offer is None:
        return NOTHING
    baskets, used, currency = figures.baskets, figures.uptake, figures.currency
    if baskets is None:
        return ExpectedCost(low=None, likely=None, high=None, basis="unknown: the store has no orders yet")
    least = offer.minimum_subtotal or Decimal(0)
    low, average, high = (max(basket, least) for basket in (baskets.low, baskets.average, baskets.high))

    def cost(basket: Decimal, share: Decimal, shipping: Decimal) -> Decimal:
        amount = _discounts(offer, basket, figures)
        if offer.kind in SHIPPING_KINDS:
            amount += guardrails.largest_shipping * shipping * figures.codes
        return (amount * share).quantize(_CENT, ROUND_CEILING)

    source = "of this audience" if baskets.of_audience else "of the store, since nobody here has ordered yet"
    between = f"orders of {say_money(low, currency)}"
    if low != high:
        between = f"the middle half of orders, {say_money(low, currency)} to {say_money(high, currency)}"
    return ExpectedCost(
        low=cost(low, used.low, _SHIPPING[0]),
        likely=cost(average, used.likely, _SHIPPING[1]),
        high=cost(high, used.high, _SHIPPING[2]),
        basis=f"{say_share(used.likely)} of codes used, on an average order of {say_money(average, currency)}",
        range_basis=f"{say_share(used.low)} to {say_share(used.high)} of codes used ({used.basis}), on {between} ({source})",
    )


def say_share(share: Decimal) -> str:
    """Return `5%`; a share under 10% with one decimal, unless it is whole."""
    percent = share * 100
    is_small = 0 < percent < 10 and percent != percent.to_integral_value()
    return say_percent(Decimal(f"{percent:.1f}" if is_small else f"{percent:.0f}"))


def add_costs(costs: Sequence[WorstCase]) -> WorstCase:
    """Return the sum of the arms' worst cases; unlimited if one of them is."""
    if len(costs) == 1:
        return costs[0]
    basis = "; ".join(dict.fromkeys(cost.basis for cost in costs))
    unknown = [cost for cost in costs if cost.amount is None]
    if unknown:
        return WorstCase(amount=None, basis=unknown[0].basis)
    return WorstCase(amount=sum((cost.amount or Decimal(0) for cost in costs), Decimal(0)), basis=basis)


def bound_by_ceiling(cost: WorstCase, ceiling: Decimal | None, currency: str) -> WorstCase:
    """Return an unlimited worst case bounded by what the campaign's orders may take off in all; None: there is no such limit.

    The store counts no uses of a code in total, so Tillroll watches its orders and pauses it.
    """
    if cost.amount is not None or ceiling is None:
        return cost
    basis = (
        f"budget.discount: once orders have taken {say_money(ceiling, currency)} off, the codes are paused in the store; "
        "orders placed in the minutes until then come on top"
    )
    return WorstCase(amount=Decimal(ceiling), basis=basis)


def add_expected(costs: Sequence[ExpectedCost]) -> ExpectedCost:
    """Return the sums of the arms' expected costs; unknown where one of them is."""
    if len(costs) == 1:
        return costs[0]

    def total(amounts: Sequence[Decimal | None]) -> Decimal | None:
        known_amounts = [amount for amount in amounts if amount is not None]
        return sum(known_amounts, Decimal(0)) if len(known_amounts) == len(amounts) else None

    return ExpectedCost(
        low=total([cost.low for cost in costs]),
        likely=total([cost.likely for cost in costs]),
        high=total([cost.high for cost in costs]),
        basis="; ".join(dict.fromkeys(cost.basis for cost in costs)),
        range_basis="; ".join(dict.fromkeys(cost.range_basis for cost in costs if cost.range_basis)),
    )


def _discounts(offer: Offer, basket: Decimal, figures: Figures) -> Decimal:
    """Return the discount on one such basket a code, without shipping."""
    if offer.coupon_kind in PERCENT_KINDS:
        return basket * figures.values / 100
    return min(figures.values, basket * figures.codes) if offer.coupon_kind in AMOUNT_KINDS else Decimal(0)


def _mean(offer: Offer, figures: Figures, say: Callable[[Decimal], str]) -> str:
    """Return the value of one code, or the average of values that differ, as text."""
    if (offer.per_customer is None and offer.at_most is None) or not figures.codes:
        return say(offer.largest_off)
    return f"on average {say((figures.values / figures.codes).quantize(_CENT))}"
