"""What a run offers, makes and costs, held against the policy."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.frozen.proposal import Level, Verdict
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import AMOUNT_KINDS, PERCENT_KINDS, Campaign, Offer
from tillroll.plan.verdicts.codes import of_codes, strength_on
from tillroll.plan.verdicts.held import Held, Others


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
    held = Held(warn_from=guardrails.warn_from)
    _of_offers(held, guardrails, offers)
    text = f"{codes} codes are more than one run may make"
    held.at_most("codes_per_run", codes, guardrails.codes_per_run, text)
    strength = strength_on(campaign, code_format, codes, others or Others())
    if strength is not None:
        of_codes(held, guardrails, code_format, campaign.codes.prefix, strength)
    _of_money(held, campaign, guardrails, worst)
    _of_all_runs(held, guardrails, codes, worst, others or Others())
    _of_people(held, campaign, guardrails, codes, worst)
    return tuple(held.found)


def _of_offers(held: Held, guardrails: Guardrails, offers: Sequence[Offer]) -> None:
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


def _of_money(held: Held, campaign: Campaign, guardrails: Guardrails, worst: Decimal | None) -> None:
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
    held: Held, guardrails: Guardrails, codes: int, worst: Decimal | None, others: Others
) -> None:
    held.with_others("codes_per_day", codes, others.codes_today, guardrails.codes_per_day, "a day")
    held.with_others("worst_case_per_month", worst, others.month, guardrails.worst_case_per_month, "a month")
    held.with_others(
        "worst_case_of_live_runs", worst, others.live, guardrails.worst_case_of_live_runs, "all live runs"
    )


def _of_people(
    held: Held, campaign: Campaign, guardrails: Guardrails, codes: int, worst: Decimal | None
) -> None:
    """More approvers than the campaign asks for, because of the run's size."""
    if not guardrails.approvers:
        return
    asked = campaign.approval.by
    needed = guardrails.quorum(asked=asked, worst=worst, codes=codes)
    level = Level.APPROVERS if needed > asked else Level.PASS
    people = f"{needed} different people must agree to a run of this size"
    held.add("approvers", level, needed, asked, people)
