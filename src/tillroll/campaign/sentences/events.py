"""Sentences for events; their words are in the records of the event kinds (`language/events/`)."""

from __future__ import annotations

from datetime import timedelta

from tillroll.campaign.language.events.event import Event
from tillroll.campaign.language.events.kind import SOMETHING_HAPPENED, Facts


def say_event(event: Event, currency: str = "", *, after: timedelta = timedelta(0)) -> str:
    """Return what a campaign waits for: `when a cart of €30 or more is abandoned`, `2 hours after a cart is abandoned`.

    `after` is how long after the event the campaign acts. Without a currency, amounts are plain numbers.
    """
    return event.kind.say_awaited(event.conditions, currency, after)


def say_happened(event: Event | None, facts: Facts, currency: str) -> str:
    """Return what happened, from the facts that an entry keeps of its event: `Order 1234 of €55.00`.

    `event` is what its campaign waits for now; None if that is no event any more.
    """
    if event is None:
        return SOMETHING_HAPPENED
    return event.kind.say_happened(event.conditions, facts, currency)
