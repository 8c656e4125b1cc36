"""Events of a segment: a customer came into it, or is no longer in it."""

from __future__ import annotations

from pydantic import Field

from tillroll.campaign.language.events.kind import EventKind, say_when
from tillroll.campaign.text.block import Block, Name


class SegmentEntered(Block):
    """A customer came into a segment. Those who were in it when the campaign was first seen don't count."""

    segment: Name = Field(description="A file in rules/segments/.", examples=["champions"])


class SegmentLeft(Block):
    """A customer who was in a segment no longer is."""

    segment: Name = Field(description="A file in rules/segments/.", examples=["champions"])


SEGMENT_ENTERED = EventKind(
    name="segment_entered",
    conditions=SegmentEntered,
    variables={},
    say_awaited=lambda entered, _, after: say_when(
        f"a customer comes into the segment {entered.segment}", after
    ),
    say_happened=lambda entered, *_: f"They came into the segment {entered.segment}",
    sample=lambda *_: {},
)
SEGMENT_LEFT = EventKind(
    name="segment_left",
    conditions=SegmentLeft,
    variables={},
    say_awaited=lambda left, _, after: say_when(f"a customer leaves the segment {left.segment}", after),
    say_happened=lambda left, *_: f"They left the segment {left.segment}",
    sample=lambda *_: {},
)
KINDS = (SEGMENT_ENTERED, SEGMENT_LEFT)
