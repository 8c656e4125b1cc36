"""The event of a customer's rhythm: by how they, or others, bought before, it is time to buy again."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from tillroll.campaign.language.events.kind import EventKind, Facts, SampleSource, say_when
from tillroll.campaign.text.block import Block, Line
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.units import Whole


class TimeToBuyAgain(Block):
    """A customer's last purchase is as long ago as the time that usually passes between two purchases."""

    product: Line | None = Field(
        default=None,
        description="SKU of a product: the time that usually passes until its buyers buy it again. Without it, the customer's "
        "own time between two orders of anything.",
        examples=["TEA-01"],
    )
    orders_at_least: Whole = Field(
        default=3,
        ge=2,
        le=100,
        description="Without product: how many orders, on different days, a customer's own rhythm is counted from.",
    )


def _say_awaited(rhythm: TimeToBuyAgain, _: str, after: timedelta) -> str:
    if rhythm.product is not None:
        return say_when(f"it is time for a customer to buy {rhythm.product} again", after)
    return say_when("it is time for a customer's next order, by their own rhythm", after)


def _say_happened(_: TimeToBuyAgain, facts: Facts, __: str) -> str:
    if "days" not in facts:
        return "It is time to buy again"
    return f"Their last purchase was {count_of(int(facts['days']), 'day')} ago, their usual time"


def _sample(_: TimeToBuyAgain, source: SampleSource) -> Facts:
    return {"since": source.day(ago=timedelta(days=30)).isoformat(), "days": 30}


TIME_TO_BUY_AGAIN = EventKind(
    name="time_to_buy_again",
    conditions=TimeToBuyAgain,
    variables={},
    say_awaited=_say_awaited,
    say_happened=_say_happened,
    sample=_sample,
    default_again=timedelta(days=1),
)
KINDS = (TIME_TO_BUY_AGAIN,)
