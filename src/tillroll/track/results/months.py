"""What a store's campaigns have brought in a month, from the kept sums alone: a page may show it whatever the store's size."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.engine import Connection

from tillroll.campaign.text.zones import zone_of
from tillroll.ledger.records import Store
from tillroll.track.results.sums import Earnings, sums_between

_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, kw_only=True)
class Month:
    """One month of the calendar."""

    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime, store: Store) -> Month:
        """Return the month of a moment, by the store's calendar."""
        day = moment.astimezone(zone_of(store.timezone)).date()
        return cls(year=day.year, number=day.month)

    @classmethod
    def parse(cls, text: str) -> Month | None:
        """Return the month that `2026-11` names; None if it names none."""
        match = _MONTH.fullmatch(text)
        return cls(year=int(match[1]), number=int(match[2])) if match else None

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.number, 1)

    @property
    def last(self) -> date:
        """Its last day."""
        return date(self.year, self.number, calendar.monthrange(self.year, self.number)[1])

    @property
    def before(self) -> Month:
        """The month before."""
        day = self.first - timedelta(days=1)
        return Month(year=day.year, number=day.month)

    @property
    def after(self) -> Month:
        """The next month."""
        day = self.last + timedelta(days=1)
        return Month(year=day.year, number=day.month)

    @property
    def key(self) -> str:
        """Like `2026-11`."""
        return f"{self.year}-{self.number:02}"

    @property
    def name(self) -> str:
        """Like `November 2026`."""
        return f"{calendar.month_name[self.number]} {self.year}"


@dataclass(frozen=True, kw_only=True)
class MonthResults:
    """Orders with the codes of a store's campaigns, in one month."""

    month: Month
    total: Earnings
    campaigns: tuple[tuple[str, Earnings], ...]  # by revenue, the largest first
    days: tuple[tuple[date, Earnings], ...]  # every day of the month


def month_results(connection: Connection, store: Store, month: Month) -> MonthResults:
    """Return what one month has brought."""
    sums = sums_between(connection, store.id, month.first.isoformat(), month.last.isoformat())
    by_campaign: dict[str, Earnings] = {}
    by_day: dict[str, Earnings] = {}
    for (day, campaign), earned in sums.items():
        by_campaign[campaign] = by_campaign.get(campaign, Earnings()) + earned
        by_day[day] = by_day.get(day, Earnings()) + earned
    days = (month.first + timedelta(days=number) for number in range(month.last.day))
    ordered = sorted(by_campaign.items(), key=lambda one: (-one[1].revenue, one[0]))
    return MonthResults(
        month=month,
        total=sum(by_campaign.values(), Earnings()),
        campaigns=tuple(ordered),
        days=tuple((day, by_day.get(day.isoformat(), Earnings())) for day in days),
    )
