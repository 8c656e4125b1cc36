"""Events of other software, received in signed requests."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tillroll.campaign.language.events.kind import EventKind, say_when
from tillroll.campaign.text.block import Block, Name


class Custom(Block):
    """Your own software reported an event, by a signed POST to /events/STORE/NAME."""

    event: Name = Field(description="The event's NAME in the address, like quiz-finished.")


class AnyField(dict[str, Any]):
    """Fields of a made-up custom event: each field exists, and its value is its name in parentheses."""

    def __missing__(self, name: str) -> str:
        return f"({name})"


CUSTOM = EventKind(
    name="custom",
    conditions=Custom,
    variables={"event": {}},
    say_awaited=lambda custom, _, after: say_when(f"the event {custom.event} is received", after),
    say_happened=lambda custom, *_: f"The event {custom.event} was received",
    sample=lambda *_: {"event": AnyField()},
)
KINDS = (CUSTOM,)
