"""The values of a forecast: campaigns, runs that will happen or not, and weeks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.models import Send, Status, Valid, When, Who
from tillroll.campaign.segments.segment import Segment


@dataclass(frozen=True, kw_only=True)
class CostRange:
    """What something costs. Worst case None: unlimited. Expected None: unknown."""

    worst: Decimal | None = Decimal(0)
    expected: Decimal | None = Decimal(0)

    def __add__(self, other: CostRange) -> CostRange:
        return CostRange(worst=_sum(self.worst, other.worst), expected=_sum(self.expected, other.expected))

    def times(self, factor: Decimal) -> CostRange:
        """Return the cost multiplied by a factor, to the cent."""
        worst, expected = (
            None if amount is None else (amount * factor).quantize(Decimal("0.01"))
            for amount in (self.worst, self.expected)
        )
        return CostRange(worst=worst, expected=expected)


def _sum(first: Decimal | None, second: Decimal | None) -> Decimal | None:
    return None if first is None or second is None else first + second


@dataclass(frozen=True, kw_only=True)
class ScheduledCampaign:
    """A campaign with a schedule, as its files and the ledger know it now."""

    name: str
    title: str
    status: Status
    when: When
    zone: ZoneInfo  # whose wall clock it follows
    calendar: Calendar
    send: Send
    first_seen: datetime
    considered_until: datetime  # slots up to here are runs already, or were skipped
    gives: str  # the offer as a phrase; empty: an e-mail without a code
    people: int  # who would get an e-mail now
    money: CostRange  # of one run
    refused: str = ""  # why its plan would be refused now; empty: it would not
    valid: Valid | None = None  # when its codes are valid
    reminder: timedelta | None = None  # how long before they expire a second e-mail is sent
    halted_by: str = ""  # the person who halted it; empty: nobody
    reason_unknown: str = ""  # why its audience is unknown yet; empty: it is known
    who: Who = field(default_factory=Who)
    segments: Mapping[str, Segment] = field(default_factory=dict)  # that it names


@dataclass(frozen=True, kw_only=True)
class AwaitedCampaign:
    """A campaign that waits for events: only how often they usually happen is known."""

    name: str
    title: str
    waits_for: str
    gives: str
    a_day: Decimal  # how many events, on an average day
    basis: str  # what that was counted from
    people: int  # who gets an e-mail at each event, at most
    emails: int  # how many e-mails each of them gets, at most
    money: CostRange  # of each event

    @property
    def emails_a_week(self) -> int:
        """How many e-mails a usual week brings, at most."""
        return round(self.a_day * 7 * self.people * self.emails)

    @property
    def money_a_week(self) -> CostRange:
        """What a usual week costs."""
        return self.money.times(self.a_day * 7)


@dataclass(frozen=True, kw_only=True)
class UpcomingRun:
    """A run that will happen. Moments are UTC."""

    campaign: str
    title: str
    key: str  # of its slot
    at: datetime  # of its slot
    begins: datetime  # later than `at` only if the slot was missed and runs late
    leaves: datetime  # the first moment at which its e-mails may be sent
    people: int
    gives: str
    money: CostRange
    notes: tuple[str, ...] = ()
    reminds: datetime | None = None  # when its reminders may be sent
    left_out: frozenset[frozenset[str]] = frozenset()
    """People that it doesn't reach since an earlier run does, by exactly which campaigns' audiences they are in."""


@dataclass(frozen=True, kw_only=True)
class NoRun:
    """A run that will not happen, and why. `at` is None for the campaign as a whole."""

    campaign: str
    why: str
    key: str = ""
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Week:
    """What one week, Monday to Sunday by the store's date, brings in e-mails and cost, without the campaigns of events."""

    first: date
    last: date
    runs: int
    emails: int
    money: CostRange
    pressure: Mapping[int, int]  # by number of e-mails in this week: how many people get so many
    over_limit: int = (
        0  # people who would get more than the guardrails allow: they are excluded, or their e-mail waits
    )


@dataclass(frozen=True, kw_only=True)
class CalendarForecast:
    """The forecast: runs that will happen or not, campaigns of events, and weeks."""

    runs: tuple[UpcomingRun, ...]
    awaited: tuple[AwaitedCampaign, ...]
    not_coming: tuple[NoRun, ...]
    weeks: tuple[Week, ...]


@dataclass(frozen=True, kw_only=True)
class ForecastWindow:
    """The days of a forecast."""

    zone: ZoneInfo  # the store's, which decides what a day is
    now: datetime
    start: datetime
    until: datetime
