"""What a plan says, decided from figures alone: exposure, guardrail verdicts, calls and minutes. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from tillroll.campaign.goods import Found, Product
from tillroll.campaign.guardrails import Guardrails
from tillroll.campaign.models import AMOUNT_KINDS, PERCENT_KINDS, SHIPPING_KINDS, Campaign, Offer, Uses
from tillroll.campaign.proposal import Level, Verdict
from tillroll.campaign.rules import CodeFormat

FEW = 5
"""Up to so many codes go one by one: less latency than a batch and its polls."""

CHUNK = 500
_CALLS_A_CHUNK = 4  # one to hand it over, and about three polls
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


def calls_for(codes: int) -> int:
    """Requests to the store that so many codes take."""
    return codes if codes <= FEW else math.ceil(codes / CHUNK) * _CALLS_A_CHUNK


def minutes_for(calls: int, per_minute: int) -> float:
    """Minutes so many calls take at the store's pace, to a tenth."""
    return math.ceil(calls / per_minute * 10) / 10


def verdicts(
    *,
    campaign: Campaign,
    guardrails: Guardrails,
    code_format: CodeFormat,
    codes: int,
    worst: Decimal | None,
    offers: Sequence[Offer] | None = None,
) -> tuple[Verdict, ...]:
    """Every guardrail that applies, held against the plan's own figures. Budgets over live runs are `approve`'s.

    `offers` are those of all arms; without them the campaign's own is the only one.
    """
    if offers is None:
        offers = [campaign.offer] if campaign.offer is not None else []
    found = list[Verdict]()

    def hold(rule: str, holds: bool, measured: object, limit: object, text: str) -> None:
        level = Level.PASS if holds else Level.REFUSE
        found.append(
            Verdict(
                rule=rule, level=level, measured=str(measured), limit=str(limit), text="" if holds else text
            )
        )

    if percents := [one.largest_value for one in offers if one.kind in PERCENT_KINDS]:
        value, most = max(percents), guardrails.largest_percent
        hold(
            "largest_percent",
            value <= most,
            f"{value} %",
            f"{most} %",
            f"{value} % off is more than {most} % allowed",
        )
    if amounts := [one.largest_value for one in offers if one.kind in AMOUNT_KINDS]:
        value, most = max(amounts), guardrails.largest_amount
        hold("largest_amount", value <= most, value, most, f"{value} off is more than the {most} allowed")
    hold(
        "codes_per_run",
        codes <= guardrails.codes_per_run,
        codes,
        guardrails.codes_per_run,
        f"{codes} codes are more than one run may make",
    )
    if codes and campaign.codes.shared is None:
        hold(
            "least_bits",
            code_format.bits >= guardrails.least_bits,
            f"{code_format.bits:.1f}",
            f"{guardrails.least_bits:.1f}",
            _too_guessable(code_format, guardrails),
        )
    for rule, limit in (
        ("worst_case_per_run", guardrails.worst_case_per_run),
        ("campaign_budget", campaign.budget.worst_case if campaign.budget else None),
    ):
        if limit is not None:
            within = worst is not None and worst <= limit
            measured = "without bound" if worst is None else worst
            hold(rule, within, measured, limit, f"the worst case is {measured}, the limit {limit}")
    return tuple(found)


def goods_verdicts(found: Found) -> tuple[Verdict, ...]:
    """What the store's catalogue says of the goods that the offer names."""
    off = [*(_called(one) for one in found.products if not one.enabled)]
    shelves = zip(found.categories, found.goods.categories, strict=True)
    off += [on.path for category, on in shelves if not category.enabled]
    barred = [_called(one) for one in found.products if not one.discounts_allowed]
    sold_out = [_called(one) for one in found.products if not one.in_stock]
    varied = [f"{one.by_variation} ({one.name})" for one in found.goods.products if one.by_variation]
    held = [
        _held("applies_to", Level.REFUSE, found.unknown, "; ".join(found.unknown), "unknown"),
        _held(
            "discounts_allowed",
            Level.REFUSE,
            barred,
            f"the store allows no discounts on {', '.join(barred)}",
            "without discounts",
        ),
        _held("in_stock", Level.WARN, sold_out, f"out of stock: {', '.join(sold_out)}", "out of stock"),
        _held("on_sale", Level.WARN, off, f"switched off in the store: {', '.join(off)}", "switched off"),
    ]
    if varied:
        text = f"{', '.join(varied)}: the store limits by product, so every variation gets the discount"
        held.append(_held("by_product", Level.WARN, varied, text, "variations named"))
    if found.below:
        paths = ", ".join(found.below)
        text = f"{paths}: name the categories below it too if they are meant; the store may not count them"
        held.append(_held("by_category", Level.WARN, found.below, text, "with categories below"))
    return tuple(held)


def _held(rule: str, level: Level, against: Sequence[str], text: str, what: str) -> Verdict:
    """A verdict over names: it passes when none of them is against it."""
    measured = f"{len(against)} {what}"
    if not against:
        return Verdict(rule=rule, level=Level.PASS, measured=measured, limit="0")
    return Verdict(rule=rule, level=level, measured=measured, limit="0", text=text)


def _called(product: Product) -> str:
    return product.name or product.sku


def _too_guessable(code_format: CodeFormat, guardrails: Guardrails) -> str:
    enough = math.ceil(guardrails.least_bits / math.log2(len(code_format.alphabet)))
    return f"codes of this format can be guessed ({code_format.bits:.1f} bits); length: {enough} would do"
