"""Events of a customer: they registered, have not ordered for a while, or entered a group."""

from __future__ import annotations

from pydantic import Field

from tillroll.campaign.language.events.kind import EventKind, say_when
from tillroll.campaign.text.block import Block, Line
from tillroll.campaign.text.units import Period, spell_duration


class CustomerCreated(Block):
    """A new customer was created in the store."""


class Inactive(Block):
    """A customer has not ordered for a while."""

    for_: Period = Field(alias="for", description="How long without an order.", examples=["90d"])


class GroupEntered(Block):
    """A customer was put into a customer group of the store, or became a customer in it."""

    group: Line = Field(description="The group's name in the store.", examples=["Wholesale"])


CUSTOMER_CREATED = EventKind(
    name="customer_created",
    conditions=CustomerCreated,
    variables={},
    say_awaited=lambda _, __, after: say_when("somebody becomes a customer", after),
    say_happened=lambda *_: "They became a customer",
    sample=lambda *_: {},
    needs_all_customers=False,
)
INACTIVE = EventKind(
    name="inactive",
    conditions=Inactive,
    variables={},
    say_awaited=lambda inactive, _, after: say_when(
        f"a customer has not ordered for {spell_duration(inactive.for_)}", after
    ),
    say_happened=lambda _, facts, __: f"No order since {facts.get('since', 'long ago')}",
    sample=lambda inactive, source: {"since": source.day(ago=inactive.for_).isoformat()},
)
GROUP_ENTERED = EventKind(
    name="group_entered",
    conditions=GroupEntered,
    variables={},
    say_awaited=lambda entered, _, after: say_when(f"a customer enters the group {entered.group}", after),
    say_happened=lambda entered, *_: f"They entered the group {entered.group}",
    sample=lambda *_: {},
)
KINDS = (CUSTOMER_CREATED, INACTIVE, GROUP_ENTERED)
