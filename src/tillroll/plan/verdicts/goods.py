"""What an offer is on, held against the catalogue and the policy: unknown, sold out, barred, or below the margin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tillroll.campaign.folder.goods import Found, Product
from tillroll.campaign.frozen.proposal import Level, Verdict
from tillroll.campaign.language.guardrails import Guardrails


@dataclass(frozen=True, kw_only=True)
class BelowMargin:
    """Products that an offer would sell for less than the margin asked for."""

    count: int
    known: int  # products of the offer whose cost the catalogue knows
    names: tuple[str, ...] = ()  # some of them


def goods_verdicts(found: Found, guardrails: Guardrails | None = None) -> tuple[Verdict, ...]:
    """What the store's catalogue says of the goods that the offer names."""
    off = [*(_called(one) for one in found.products if not one.enabled)]
    shelves = zip(found.categories, found.goods.categories, strict=True)
    off += [on.path for category, on in shelves if not category.enabled]
    barred = [_called(one) for one in found.products if not one.discounts_allowed]
    sold_out = [_called(one) for one in found.products if not one.in_stock]
    varied = [f"{one.by_variation} ({one.name})" for one in found.goods.products if one.by_variation]
    out = Level((guardrails or Guardrails()).out_of_stock)
    held = [
        _names("applies_to", Level.REFUSE, found.unknown, "; ".join(found.unknown), "unknown"),
        _names(
            "discounts_allowed",
            Level.REFUSE,
            barred,
            f"the store allows no discounts on {', '.join(barred)}",
            "without discounts",
        ),
        _names("in_stock", out, sold_out, f"out of stock: {', '.join(sold_out)}", "out of stock"),
        _names("on_sale", Level.WARN, off, f"switched off in the store: {', '.join(off)}", "switched off"),
    ]
    if varied:
        text = f"{', '.join(varied)}: the store limits by product, so every variation gets the discount"
        held.append(_names("by_product", Level.WARN, varied, text, "variations named"))
    if found.below:
        paths = ", ".join(found.below)
        text = f"{paths}: name the categories below it too if they are meant; the store may not count them"
        held.append(_names("by_category", Level.WARN, found.below, text, "with categories below"))
    return tuple(held)


def margin_verdicts(below: Iterable[BelowMargin], guardrails: Guardrails) -> tuple[Verdict, ...]:
    """Whether anything would be sold for less than the margin asked for; `below` holds one for each arm's offer."""
    margin = guardrails.least_margin
    if margin is None:
        return ()
    worst = max(below, key=lambda one: one.count, default=BelowMargin(count=0, known=0))
    limit = f"{margin.normalize():f} % margin"
    if worst.known == 0:
        text = "the catalogue knows the cost of nothing it is on, so nobody can tell"
        return (Verdict(rule="least_margin", level=Level.WARN, measured="unknown", limit=limit, text=text),)
    if not worst.count:
        measured = f"0 of {worst.known} products below"
        return (Verdict(rule="least_margin", level=Level.PASS, measured=measured, limit=limit),)
    what = "below cost" if margin == 0 else f"with less than {margin.normalize():f} % left above the cost"
    more = f" and {worst.count - len(worst.names)} more" if worst.count > len(worst.names) else ""
    return (
        Verdict(
            rule="least_margin",
            level=Level.REFUSE,
            measured=f"{worst.count} of {worst.known} products below",
            limit=limit,
            text=f"it would sell {what}: {', '.join(worst.names)}{more}",
        ),
    )


def _names(rule: str, level: Level, against: Sequence[str], text: str, what: str) -> Verdict:
    """A verdict over names: it passes when none of them is against it."""
    measured = f"{len(against)} {what}"
    if not against:
        return Verdict(rule=rule, level=Level.PASS, measured=measured, limit="0")
    return Verdict(rule=rule, level=level, measured=measured, limit="0", text=text)


def _called(product: Product) -> str:
    return product.name or product.sku
