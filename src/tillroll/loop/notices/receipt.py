"""A plan in short, as the lines of a notice: what it offers, to how many, for how much, and until when to decide. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tillroll.campaign.frozen.proposal import Exposure, StoredPlan, VerdictLevel
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.moments import say_moment


def say_receipt(plan: StoredPlan, timezone: str) -> Iterator[str]:
    """Yield the lines. Nobody's name or address is in them."""
    proposal = plan.proposal
    yield f"Offer: {proposal.offer}" + (f", valid {proposal.valid}" if proposal.valid else "")
    yield f"To {count_of(proposal.audience.count, 'recipient')}, with {count_of(proposal.code_count, 'code')}."
    if proposal.subject:
        yield f"Subject: {proposal.subject}"
    if proposal.power:
        yield proposal.power
    yield _say_costs(proposal.exposure, proposal.currency)
    for verdict in proposal.verdicts:
        if verdict.text and verdict.level is not VerdictLevel.PASS:
            yield f"Guardrail: {verdict.text}"
    yield (
        f"{count_of(proposal.approvers, 'approval')} needed, until "
        f"{say_moment(plan.expires_at, zone_of(timezone))} ({timezone})."
    )


def _say_costs(exposure: Exposure, currency: str) -> str:
    worst = "unlimited" if exposure.worst_case is None else say_money(exposure.worst_case, currency)
    expected = "not known" if exposure.expected is None else say_money(exposure.expected, currency)
    return f"It costs {worst} at worst; expected: {expected}."
