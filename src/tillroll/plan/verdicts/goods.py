"""Compare what an offer applies to with the catalogue and the guardrails: unknown, sold out, barred, or below the margin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tillroll.campaign.folder.goods import GoodsMatch, GoodsProduct
from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.text.percent import say_percent


@dataclass(frozen=True, kw_only=True)
class BelowMargin:
    """How many products an offer would sell below the required margin."""

    count: int
    with_cost: int  # products of the offer that have a cost price
    names: tuple[str, ...] = ()  # some of them


def goods_verdicts(match: GoodsMatch, guardrails: Guardrails | None = None) -> tuple[Verdict, ...]:
    """Return verdicts on the goods that an offer names, by the store's catalogue."""
    off = [*(_name(product) for product in match.products if not product.enabled)]
    pairs = zip(match.categories, match.goods.categories, strict=True)
    off += [on.path for category, on in pairs if not category.enabled]
    barred = [_name(product) for product in match.products if not product.discounts_allowed]
    sold_out = [_name(product) for product in match.products if not product.in_stock]
    varied = [
        f"{product.by_variation} ({product.name})" for product in match.goods.products if product.by_variation
    ]
    out_of_stock = VerdictLevel((guardrails or Guardrails()).out_of_stock)
    verdicts = [
        _names("applies_to", VerdictLevel.REFUSE, match.unknown, "; ".join(match.unknown), "unknown"),
        _names(
            "discounts_allowed",
            VerdictLevel.REFUSE,
            barred,
            f"the store allows no discounts on {', '.join(barred)}",
            "without discounts",
        ),
        _names("in_stock", out_of_stock, sold_out, f"out of stock: {', '.join(sold_out)}", "out of stock"),
        _names(
            "on_sale", VerdictLevel.WARN, off, f"switched off in the store: {', '.join(off)}", "switched off"
        ),
    ]
    if varied:
        text = f"{', '.join(varied)}: the store limits by product, so every variation gets the discount"
        verdicts.append(_names("by_product", VerdictLevel.WARN, varied, text, "variations named"))
    if match.below:
        paths = ", ".join(match.below)
        text = f"{paths}: name the categories below it too if you mean them; the store may not include them"
        verdicts.append(_names("by_category", VerdictLevel.WARN, match.below, text, "with categories below"))
    return tuple(verdicts)


def margin_verdicts(below: Iterable[BelowMargin], guardrails: Guardrails) -> tuple[Verdict, ...]:
    """Check whether a product would be sold below the required margin; `below` has one entry for each arm's offer."""
    margin = guardrails.least_margin
    if margin is None:
        return ()
    worst = max(below, key=lambda each: each.count, default=BelowMargin(count=0, with_cost=0))
    limit = f"{say_percent(margin)} margin"
    if worst.with_cost == 0:
        text = "no product of the offer has a cost price, so the margin is unknown"
        return (
            Verdict(rule="least_margin", level=VerdictLevel.WARN, measured="unknown", limit=limit, text=text),
        )
    if not worst.count:
        measured = f"0 of {worst.with_cost} products below"
        return (Verdict(rule="least_margin", level=VerdictLevel.PASS, measured=measured, limit=limit),)
    what = "below cost" if margin == 0 else f"with less than {say_percent(margin)} left above the cost"
    more = f" and {worst.count - len(worst.names)} more" if worst.count > len(worst.names) else ""
    return (
        Verdict(
            rule="least_margin",
            level=VerdictLevel.REFUSE,
            measured=f"{worst.count} of {worst.with_cost} products below",
            limit=limit,
            text=f"it would sell {what}: {', '.join(worst.names)}{more}",
        ),
    )


def _names(rule: str, level: VerdictLevel, against: Sequence[str], text: str, what: str) -> Verdict:
    """Return a verdict that passes if `against`, the names of the goods at fault, is empty."""
    measured = f"{len(against)} {what}"
    if not against:
        return Verdict(rule=rule, level=VerdictLevel.PASS, measured=measured, limit="0")
    return Verdict(rule=rule, level=level, measured=measured, limit="0", text=text)


def _name(product: GoodsProduct) -> str:
    return product.name or product.sku
