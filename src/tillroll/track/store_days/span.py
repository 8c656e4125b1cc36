"""What the whole store sold in a month or another time, day by day, from the kept days alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy.engine import Connection

from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.zones import zone_of
from tillroll.ledger.records import Store
from tillroll.track.store_days.judge import StoreDay, StoreSales
from tillroll.track.store_days.kept import days_between, first_and_last

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class StoreSpan:
    """Some days of a store, and which of them are known."""

    days: tuple[tuple[date, StoreDay | None], ...]  # every day; None: not known
    today: date  # in the store's zone
    first_kept: date | None  # of all time; None: nothing is kept
    last_kept: date | None

    @property
    def total(self) -> StoreSales:
        """What was sold on the days that are known."""
        known = [day for _, day in self.days if day is not None]
        return StoreSales(
            orders=sum(day.orders for day in known),
            revenue=sum((day.revenue for day in known), Decimal(0)),
            coupon_orders=sum(day.coupon_orders for day in known),
        )

    @property
    def known(self) -> int:
        """How many of the days are known."""
        return sum(day is not None for _, day in self.days)

    @property
    def unknown(self) -> tuple[date, ...]:
        """The days up to today that aren't known."""
        return tuple(at for at, day in self.days if day is None and at <= self.today)

    def sentences(self) -> list[str]:
        """Return which days up to today aren't known, and why."""
        if self.first_kept is None or self.last_kept is None:
            return ["No day is counted yet: a day is counted when it is over and its orders have been read."]
        early = [at for at in self.unknown if at < self.first_kept]
        missed = [at for at in self.unknown if self.first_kept < at < self.last_kept]
        late = [at for at in self.unknown if at > self.last_kept]
        said = []
        if early:
            said.append(
                f"Not known: {_say_days(early)}. The first day that was counted is {_say(self.first_kept)}."
            )
        if missed:
            said.append(
                f"Not known: {count_of(len(missed), 'day')} from {_say(missed[0])} on, when nothing was counted. "
                "To count them: tillroll rebuild sums"
            )
        if late:
            said.append(
                f"Not known yet: {_say_days(late)}. A day is counted when it is over and its orders have been read."
            )
        return said


def load_span(connection: Connection, store: Store, first: date, last: date, now: datetime) -> StoreSpan:
    """Return the days of a time, both ends included. It costs the same whatever the store has sold."""
    found = days_between(connection, store.id, first.isoformat(), last.isoformat())
    kept = first_and_last(connection, store.id)
    days = [first + number * _DAY for number in range((last - first).days + 1)]
    return StoreSpan(
        days=tuple((day, found.get(day.isoformat())) for day in days),
        today=now.astimezone(zone_of(store.timezone)).date(),
        first_kept=kept[0] if kept else None,
        last_kept=kept[1] if kept else None,
    )


def _say_days(days: list[date]) -> str:
    """Return days that follow each other: `29 November 2026`, `1 November to 4 November 2026`."""
    first, last = days[0], days[-1]
    return _say(first) if first == last else f"{first:%-d} {first:%B} to {_say(last)}"


def _say(day: date) -> str:
    return f"{day:%-d} {day:%B} {day:%Y}"
