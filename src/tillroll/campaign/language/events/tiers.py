"""The event of a loyalty tier: a customer came into it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from tillroll.campaign.language.events.kind import EventKind, Facts, say_when
from tillroll.campaign.text.block import Block, Name


class ComingFrom(StrEnum):
    """Where a customer comes from as they enter a tier."""

    BELOW = "below"
    ABOVE = "above"
    ANYWHERE = "anywhere"


class TierEntered(Block):
    """A customer came into a loyalty tier. Who was in it at the first count, or came by new rules, doesn't count."""

    tier: Name = Field(description="A tier of rules/tiers.yaml.", examples=["gold"])
    from_: ComingFrom = Field(
        alias="from",
        default=ComingFrom.BELOW,
        description="`below`: they rose to it; `above`: they fell to it; or `anywhere`.",
    )


def _say_awaited(entered: TierEntered) -> str:
    verb = {ComingFrom.BELOW: "rises to", ComingFrom.ABOVE: "falls to", ComingFrom.ANYWHERE: "comes into"}
    return f"a customer {verb[entered.from_]} the tier {entered.tier}"


def _say_happened(entered: TierEntered, facts: Facts, _currency: str) -> str:
    was = facts.get("tier", {}).get("was", "")
    return f"They came into the tier {entered.tier}{f' from {was}' if was else ''}"


TIER_ENTERED = EventKind(
    name="tier_entered",
    conditions=TierEntered,
    variables={"tier": {"name": "", "was": "the tier before; empty: none"}},
    say_awaited=lambda entered, _, after: say_when(_say_awaited(entered), after),
    say_happened=_say_happened,
    sample=lambda entered, _: {"tier": {"name": entered.tier, "was": ""}},
)
KINDS = (TIER_ENTERED,)
