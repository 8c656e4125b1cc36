"""Every guardrail held against one plan's figures. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from tillroll.campaign.calendar import Calendar
from tillroll.campaign.goods import Found, Product
from tillroll.campaign.guardrails import Guardrails
from tillroll.campaign.models import AMOUNT_KINDS, PERCENT_KINDS, Campaign, Offer
from tillroll.campaign.proposal import Level, Verdict
from tillroll.campaign.rules import CodeFormat


@dataclass(frozen=True, kw_only=True)
class Others:
    """What other runs of the store hold already."""

    live: Decimal = Decimal(0)  # worst cases of the runs that are live
    campaign: Decimal = Decimal(0)  # those of them that are this campaign's
    month: Decimal = Decimal(0)  # worst cases of what was approved in this calendar month
    codes_today: int = 0  # codes approved on this day


@dataclass(frozen=True, kw_only=True)
class BelowMargin:
    """Products that an offer would sell for less than the margin asked for."""

    count: int
    known: int  # products of the offer whose cost the catalogue knows
    names: tuple[str, ...] = ()  # some of them


@dataclass(kw_only=True)
class _Held:
    """Verdicts as they come together, each with its figure and its limit."""

    warn_from: Decimal | None
    found: list[Verdict] = field(default_factory=list)

    def add(self, rule: str, level: Level, measured: object, limit: object, text: str = "") -> None:
        said = "" if level is Level.PASS else text
        self.found.append(
            Verdict(rule=rule, level=level, measured=str(measured), limit=str(limit), text=said)
        )

    def at_most(
        self, rule: str, measured: Decimal | int, limit: Decimal | int, text: str, unit: str = ""
    ) -> None:
        """Refuse what is over a limit; warn of what comes near it, if the guardrails say from where."""
        level = Level.PASS if measured <= limit else Level.REFUSE
        if level is Level.PASS and self.warn_from is not None and measured * 100 >= limit * self.warn_from:
            level, text = Level.WARN, f"close to the limit: {self.warn_from.normalize():f} % of it or more"
        self.add(rule, level, f"{measured}{unit}", f"{limit}{unit}", text)

    def with_others(
        self,
        rule: str,
        own: Decimal | int | None,
        others: Decimal | int,
        limit: Decimal | int | None,
        whose: str,
    ) -> None:
        """A limit on all runs together: refuse what no run may reach, warn of what only fits once others have ended."""
        if limit is None:
            return
        if own is None:
            self.add(
                rule,
                Level.REFUSE,
                "without bound",
                limit,
                f"the worst case is without bound, the limit {limit}",
            )
        elif own > limit:
            self.add(
                rule, Level.REFUSE, own + others, limit, f"{own} alone is more than the {limit} of {whose}"
            )
        elif own + others > limit:
            text = f"{others} are held by other runs; with {own} more it can't be approved now"
            self.add(rule, Level.WARN, own + others, limit, text)
        else:
            self.at_most(rule, own + others, limit, "")


def verdicts(
    *,
    campaign: Campaign,
    guardrails: Guardrails,
    code_format: CodeFormat,
    codes: int,
    worst: Decimal | None,
    offers: Sequence[Offer] | None = None,
    others: Others | None = None,
) -> tuple[Verdict, ...]:
    """Every guardrail that applies, held against the plan's own figures and, where it is about all runs, theirs.

    `offers` are those of all arms; without them the campaign's own is the only one.
    """
    if offers is None:
        offers = [campaign.offer] if campaign.offer is not None else []
    held = _Held(warn_from=guardrails.warn_from)
    _of_offers(held, guardrails, offers)
    text = f"{codes} codes are more than one run may make"
    held.at_most("codes_per_run", codes, guardrails.codes_per_run, text)
    if codes and campaign.codes.shared is None:
        fits = code_format.bits >= guardrails.least_bits
        measured, limit = f"{code_format.bits:.1f}", f"{guardrails.least_bits:.1f}"
        text = _too_guessable(code_format, guardrails)
        held.add("least_bits", Level.PASS if fits else Level.REFUSE, measured, limit, text)
    _of_money(held, campaign, guardrails, worst)
    _of_all_runs(held, guardrails, codes, worst, others or Others())
    _of_people(held, campaign, guardrails, codes, worst)
    return tuple(held.found)


def _of_offers(held: _Held, guardrails: Guardrails, offers: Sequence[Offer]) -> None:
    if percents := [one.largest_value for one in offers if one.kind in PERCENT_KINDS]:
        value, most = max(percents), guardrails.largest_percent
        held.at_most("largest_percent", value, most, f"{value} % off is more than {most} % allowed", " %")
    if amounts := [one.largest_value for one in offers if one.kind in AMOUNT_KINDS]:
        value, most = max(amounts), guardrails.largest_amount
        held.at_most("largest_amount", value, most, f"{value} off is more than the {most} allowed")
    least = guardrails.lowest_basket
    if least is not None and offers:
        lowest = min(one.minimum_subtotal or Decimal(0) for one in offers)
        text = f"it works on baskets from {lowest}; give the offer minimum_subtotal: {least} or more"
        held.add("lowest_basket", Level.PASS if lowest >= least else Level.REFUSE, lowest, least, text)


def _of_money(held: _Held, campaign: Campaign, guardrails: Guardrails, worst: Decimal | None) -> None:
    budget = campaign.budget.worst_case if campaign.budget else None
    for rule, limit in (("worst_case_per_run", guardrails.worst_case_per_run), ("campaign_budget", budget)):
        if limit is None:
            continue
        if worst is None:
            text = f"the worst case is without bound, the limit {limit}"
            held.add(rule, Level.REFUSE, "without bound", limit, text)
        else:
            held.at_most(rule, worst, limit, f"the worst case is {worst}, the limit {limit}")


def _of_all_runs(
    held: _Held, guardrails: Guardrails, codes: int, worst: Decimal | None, others: Others
) -> None:
    held.with_others("codes_per_day", codes, others.codes_today, guardrails.codes_per_day, "a day")
    held.with_others("worst_case_per_month", worst, others.month, guardrails.worst_case_per_month, "a month")
    held.with_others(
        "worst_case_of_live_runs", worst, others.live, guardrails.worst_case_of_live_runs, "all live runs"
    )


def _of_people(
    held: _Held, campaign: Campaign, guardrails: Guardrails, codes: int, worst: Decimal | None
) -> None:
    """More approvers than the campaign asks for, because of the run's size."""
    if not guardrails.approvers:
        return
    asked = campaign.approval.by
    needed = guardrails.quorum(asked=asked, worst=worst, codes=codes)
    level = Level.APPROVERS if needed > asked else Level.PASS
    people = f"{needed} different people must agree to a run of this size"
    held.add("approvers", level, needed, asked, people)


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


def calendar_verdicts(calendar: Calendar, day: date, *, by_event: bool) -> tuple[Verdict, ...]:
    """Whether a run may begin on its slot's day; what an event set off goes on, and its e-mails wait."""
    if not calendar.blackout:
        return ()
    if not calendar.blacked_out(day):
        return (
            Verdict(rule="blackout", level=Level.PASS, measured=day.isoformat(), limit="no blackout day"),
        )
    text = f"{day:%d %B %Y} is a blackout day of rules/calendar.yaml"
    level = Level.WARN if by_event else Level.REFUSE
    if by_event:
        text += "; its e-mail waits until it is over"
    return (
        Verdict(rule="blackout", level=level, measured=day.isoformat(), limit="no blackout day", text=text),
    )


def _names(rule: str, level: Level, against: Sequence[str], text: str, what: str) -> Verdict:
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
