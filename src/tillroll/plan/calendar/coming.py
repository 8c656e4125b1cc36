"""What a calendar is made of and what it says: campaigns, runs that come or do not, weeks. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.models import Send, Status, Valid, When


@dataclass(frozen=True, kw_only=True)
class Money:
    """What something costs. Worst case None: without bound. Expected None: can't be told."""

    worst: Decimal | None = Decimal(0)
    expected: Decimal | None = Decimal(0)

    def __add__(self, other: Money) -> Money:
        return Money(worst=_sum(self.worst, other.worst), expected=_sum(self.expected, other.expected))

    def times(self, factor: Decimal) -> Money:
        """So many of it, to the cent."""
        worst, expected = (
            None if one is None else (one * factor).quantize(Decimal("0.01"))
            for one in (self.worst, self.expected)
        )
        return Money(worst=worst, expected=expected)


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """A campaign by the clock, as its files and the ledger know it now."""

    name: str
    title: str
    status: Status
    when: When
    zone: ZoneInfo  # whose wall clock it follows
    calendar: Calendar
    send: Send
    first_seen: datetime
    considered_until: datetime  # slots up to here are runs already, or were let pass
    gives: str  # the offer as a sentence; empty: an e-mail without a code
    people: int  # who would get an e-mail now
    money: Money  # of one run
    refused: str = ""  # why its plan would be refused as things stand
    valid: Valid | None = None  # when its codes work
    reminder: timedelta | None = None  # so long before they expire a second e-mail leaves
    halted_by: str = ""  # a person who stopped it until it is restarted
    untold: str = ""  # why its people can't be counted on yet


@dataclass(frozen=True, kw_only=True)
class Awaited:
    """A campaign that something in the store sets off: no moment is known, only how often it usually happens."""

    name: str
    title: str
    waits_for: str
    gives: str
    a_day: Decimal  # how often, on an average day of the past
    basis: str  # where that is known from
    people: int  # who gets an e-mail each time, at most
    emails: int  # steps: how many e-mails each of them, at most
    money: Money  # each time

    @property
    def emails_a_week(self) -> int:
        """How many e-mails that usually makes in a week, at most."""
        return round(self.a_day * 7 * self.people * self.emails)

    @property
    def money_a_week(self) -> Money:
        """What a usual week costs."""
        return self.money.times(self.a_day * 7)


@dataclass(frozen=True, kw_only=True)
class Coming:
    """A run that is going to be. Moments are UTC."""

    campaign: str
    title: str
    key: str  # of its slot
    at: datetime  # of its slot
    begins: datetime  # later than `at` only if the slot was missed and is made up for
    leaves: datetime  # the first moment its e-mails may leave
    people: int
    gives: str
    money: Money
    notes: tuple[str, ...] = ()
    reminds: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class NotComing:
    """What will not happen, and why. `at` is None when it is about the campaign as a whole."""

    campaign: str
    why: str
    key: str = ""
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Week:
    """What one week, Monday to Sunday by the store's date, asks of people and money; events come on top of both."""

    first: date
    last: date
    runs: int
    emails: int
    money: Money
    pressure: Mapping[int, int]  # e-mails in this week → how many people get so many
    over: int = 0  # people who get more than the guardrail allows: they are left out, or their e-mail waits


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The calendar."""

    runs: tuple[Coming, ...]
    awaited: tuple[Awaited, ...]
    not_coming: tuple[NotComing, ...]
    weeks: tuple[Week, ...]


@dataclass(frozen=True, kw_only=True)
class Window:
    """The days that are played, and by whose date."""

    zone: ZoneInfo  # the store's
    now: datetime
    start: datetime
    until: datetime
