"""Days that come each year: a customer's birthday, and the anniversary of their first order."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from tillroll.campaign.language.events.kind import EventKind
from tillroll.campaign.text.block import Block, Line
from tillroll.campaign.text.units import Period, spell_duration
from tillroll.campaign.text.written.days import DayOrder

_DAY = timedelta(days=1)
_YEAR = timedelta(days=365)


class Anniversary(Block):
    """The anniversary of a customer's first order."""

    before: Period | None = Field(
        default=None, description="How long before the start of the day.", examples=["7d"]
    )


class Birthday(Block):
    """A customer's birthday, from a customer field of the store."""

    field: Line = Field(description="Title of the customer field that holds the date.", examples=["Birthday"])
    written: DayOrder | None = Field(
        default=None,
        description="Which number comes first in dates like 03/04/1990; by default as the other dates of the field show.",
    )
    before: Period | None = Field(
        default=None, description="How long before the start of the day.", examples=["7d"]
    )


def _say_day(day: str, before: timedelta | None, after: timedelta) -> str:
    """Return `at 09:00, 7 days before a customer's birthday`: 9 hours after the start of the seventh day before."""
    days, clock = divmod(after - (before or timedelta(0)), _DAY)
    distance = spell_duration(abs(days) * _DAY)
    phrase = f"on {day}" if not days else f"{distance} {'before' if days < 0 else 'after'} {day}"
    minutes = clock // timedelta(minutes=1)
    return f"at {minutes // 60:02d}:{minutes % 60:02d}, {phrase}" if clock else phrase


FIRST_ORDER_ANNIVERSARY = EventKind(
    name="first_order_anniversary",
    conditions=Anniversary,
    variables={},
    say_awaited=lambda anniversary, _, after: _say_day(
        "the anniversary of a customer's first order", anniversary.before, after
    ),
    say_happened=lambda _, facts, __: f"Their first order was on {facts.get('day', 'this day')}",
    sample=lambda _, source: {"day": source.day().isoformat()},
    is_yearly=True,
    default_again=_YEAR,
)
BIRTHDAY = EventKind(
    name="birthday",
    conditions=Birthday,
    variables={},
    say_awaited=lambda birthday, _, after: _say_day("a customer's birthday", birthday.before, after),
    say_happened=lambda *_: "Their birthday",
    sample=lambda _, source: {"day": source.day().isoformat()},
    is_yearly=True,
    default_again=_YEAR,
)
KINDS = (FIRST_ORDER_ANNIVERSARY, BIRTHDAY)
