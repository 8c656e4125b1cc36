"""Compare what a run offers, makes and costs with the guardrails."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import AMOUNT_KINDS, PERCENT_KINDS, Campaign, Offer, Uses
from tillroll.campaign.text.percent import say_percent
from tillroll.plan.verdicts.codes import add_code_verdicts, strength_on
from tillroll.plan.verdicts.held import OtherRuns, VerdictList


def verdicts(
    *,
    campaign: Campaign,
    guardrails: Guardrails,
    code_format: CodeFormat,
    codes: int,
    worst: Decimal | None,
    offers: Sequence[Offer] | None = None,
    others: OtherRuns | None = None,
) -> tuple[Verdict, ...]:
    """Return a verdict for every guardrail that applies: on the plan's own figures, and on all runs together.

    `offers` are the offers of all arms; without it, the campaign's own offer is the only one.
    """
    if offers is None:
        offers = [campaign.offer] if campaign.offer is not None else []
    held = VerdictList(warn_from=guardrails.warn_from)
    _of_offers(held, guardrails, offers)
    text = f"{codes:,} code{'' if codes == 1 else 's'} exceed the limit for one run"
    held.at_most("codes_per_run", codes, guardrails.codes_per_run, text)
    strength = strength_on(campaign, code_format, codes, others or OtherRuns())
    if strength is not None:
        add_code_verdicts(held, guardrails, code_format, campaign.codes.prefix, strength)
    _of_money(held, campaign, guardrails, worst)
    _of_given(held, campaign, (others or OtherRuns()).given)
    _of_all_runs(held, guardrails, codes, worst, others or OtherRuns())
    _of_people(held, campaign, guardrails, codes, worst)
    return tuple(held.verdicts)


def _of_offers(held: VerdictList, guardrails: Guardrails, offers: Sequence[Offer]) -> None:
    if percents := [offer.largest_value for offer in offers if offer.kind in PERCENT_KINDS]:
        value, most = max(percents), guardrails.largest_percent
        text = f"{say_percent(value)} off exceeds the {say_percent(most)} allowed"
        held.at_most("largest_percent", value, most, text, say_percent)
    if amounts := [offer.largest_off for offer in offers if offer.coupon_kind in AMOUNT_KINDS]:
        value, most = max(amounts), guardrails.largest_amount
        held.at_most("largest_amount", value, most, f"{value:,} off exceeds the {most:,} allowed")
    least = guardrails.lowest_basket
    if least is not None and offers:
        lowest = min(offer.minimum_subtotal or Decimal(0) for offer in offers)
        text = f"it works on baskets from {lowest}; give the offer minimum_subtotal: {least} or more"
        held.add(
            "lowest_basket",
            VerdictLevel.PASS if lowest >= least else VerdictLevel.REFUSE,
            lowest,
            least,
            text,
        )


def _of_money(held: VerdictList, campaign: Campaign, guardrails: Guardrails, worst: Decimal | None) -> None:
    budget = campaign.budget.worst_case if campaign.budget else None
    for rule, limit in (("worst_case_per_run", guardrails.worst_case_per_run), ("campaign_budget", budget)):
        if limit is None:
            continue
        if worst is None:
            text = f"the worst case is unlimited, the limit is {limit:,}{_instead(campaign)}"
            held.add(rule, VerdictLevel.REFUSE, "unlimited", limit, text)
        else:
            held.at_most(rule, worst, limit, f"the worst case is {worst:,}, the limit is {limit:,}")


def _of_given(held: VerdictList, campaign: Campaign, given: Decimal) -> None:
    """Refuse a run of a campaign whose orders have taken off all that they may: its codes would be paused at once."""
    limit = campaign.budget.discount if campaign.budget else None
    if limit is None:
        return
    text = f"orders have taken {given:,} off already; raise budget.discount above that"
    held.add(
        "budget_discount", VerdictLevel.PASS if given < limit else VerdictLevel.REFUSE, given, limit, text
    )


def _instead(campaign: Campaign) -> str:
    """Return what to change in a campaign whose worst case is unlimited; empty if its offer alone says so."""
    if campaign.codes.shared is not None:
        return (
            "; anybody can pass a shared code on: write budget: {discount: 500}, at which it is paused in the store, or leave "
            "shared: out, so that each customer gets a code of their own"
        )
    if campaign.offer is not None and campaign.offer.uses is not Uses.SINGLE:
        return "; write uses: single, so that each code works once, or budget: {discount: 500}, at which they are paused"
    return ""


def _of_all_runs(
    held: VerdictList, guardrails: Guardrails, codes: int, worst: Decimal | None, others: OtherRuns
) -> None:
    held.with_others("codes_per_day", codes, others.codes_today, guardrails.codes_per_day, "a day")
    held.with_others("worst_case_per_month", worst, others.month, guardrails.worst_case_per_month, "a month")
    held.with_others(
        "worst_case_of_live_runs", worst, others.live, guardrails.worst_case_of_live_runs, "all live runs"
    )


def _of_people(
    held: VerdictList, campaign: Campaign, guardrails: Guardrails, codes: int, worst: Decimal | None
) -> None:
    """Ask for more approvers than the campaign does, if the run's size requires it."""
    if not guardrails.approvers:
        return
    own_number = campaign.approval.by
    needed = guardrails.quorum(own=own_number, worst=worst, codes=codes)
    level = VerdictLevel.APPROVERS if needed > own_number else VerdictLevel.PASS
    people = f"{needed} different people must approve a run of this size"
    held.add("approvers", level, needed, own_number, people)
