"""The calendar: days on which no e-mail is sent, or no campaign runs (`rules/calendar.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from tillroll.campaign.text.block import Block
from tillroll.campaign.text.findings import nearest
from tillroll.campaign.text.units import KeyFault, parse_day, show_value

if TYPE_CHECKING:
    from holidays import HolidayBase

_YEARLY = re.compile(r"([0-9]{2})-([0-9]{2})")
_LEAP_YEAR = 2000  # has a 29 February
_EXAMPLES = "write it like 2026-12-25, 12-25 (every year), or 2026-12-24..2026-12-26"


@dataclass(frozen=True, kw_only=True)
class Days:
    """A day or a range of days, of one year or of every year; both ends are included."""

    first: date
    last: date
    yearly: bool = False

    def __contains__(self, day: date) -> bool:
        if not self.yearly:
            return self.first <= day <= self.last
        first, last, this = ((date.month, date.day) for date in (self.first, self.last, day))
        return first <= this <= last if first <= last else this >= first or this <= last

    def __str__(self) -> str:
        form = "%m-%d" if self.yearly else "%Y-%m-%d"
        first, last = f"{self.first:{form}}", f"{self.last:{form}}"
        return first if first == last else f"{first}..{last}"


def _parse_day(text: str) -> tuple[date, bool]:
    match = _YEARLY.fullmatch(text)
    if match is None:
        return parse_day(text), False
    return date(_LEAP_YEAR, int(match[1]), int(match[2])), True


def parse_days(raw: Any) -> Days:
    """Parse `2026-12-25`, `12-25` for every year, or a range of either: `12-24..12-26`."""
    if isinstance(raw, Days):
        return raw
    text = raw.isoformat() if isinstance(raw, date) else raw
    problem = ValueError(f"{show_value(raw)} is not a day or range of days; {_EXAMPLES}")
    if not isinstance(text, str):
        raise problem
    try:
        ends = [_parse_day(part.strip()) for part in text.split("..")]
    except ValueError:
        raise problem from None
    if len(ends) > 2 or ends[0][1] != ends[-1][1]:
        raise problem
    (first, yearly), (last, _) = ends[0], ends[-1]
    if not yearly and last < first:
        raise ValueError(f"{show_value(raw)} ends before it begins")
    return Days(first=first, last=last, yearly=yearly)


def whole_year(days: Sequence[Days]) -> bool:
    """Return whether every day of every year is covered."""
    yearly = [entry for entry in days if entry.yearly]
    start = date(_LEAP_YEAR, 1, 1)
    return bool(yearly) and all(
        any(start + timedelta(days=number) in entry for entry in yearly) for number in range(366)
    )


_DAY = r"([0-9]{4}-)?[0-9]{2}-[0-9]{2}"
SomeDays = Annotated[
    Days,
    BeforeValidator(parse_days),
    WithJsonSchema({"type": "string", "pattern": rf"^\s*{_DAY}\s*([.][.]\s*{_DAY}\s*)?$"}),
]


def parse_region(raw: Any) -> str:
    """Parse `SI`, or `DE-BY` for a part of a country, as far as the library `holidays` has it."""
    text = raw.strip().upper() if isinstance(raw, str) else ""
    country, _, part = text.partition("-")
    countries = _known_countries()
    if country not in countries:
        near = nearest(country, countries)
        hint = f"; did you mean {near}?" if near else "; write its two letters, like SI or DE-BY"
        raise ValueError(f"{show_value(raw)}: no holidays are known for this country{hint}")
    if part and part not in countries[country]:
        parts = ", ".join(countries[country][:20]) or "none"
        raise ValueError(f"{show_value(raw)}: {country} has no such subdivision; it has {parts}")
    return text


@lru_cache(maxsize=1)
def _known_countries() -> dict[str, list[str]]:
    from holidays import list_supported_countries  # imported late: it takes a third of a second

    return {country: list(parts) for country, parts in list_supported_countries().items()}


Region = Annotated[
    str,
    BeforeValidator(parse_region),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}(-[A-Z0-9]{1,4})?$"}),
]


@lru_cache(maxsize=64)
def _holidays_of(region: str) -> HolidayBase:
    from holidays import country_holidays

    country, _, part = region.partition("-")
    return country_holidays(country, subdiv=part or None, language="en_US")


class Calendar(Block):
    """Days on which no e-mail is sent, and days on which no run begins either, in the campaign's `timezone:`."""

    quiet_days: tuple[SomeDays, ...] = Field(
        default=(),
        description="No e-mail is sent: a day, a day of every year (12-25), or a range (12-24..12-26).",
    )
    holidays: tuple[Region, ...] = Field(
        default=(),
        description="Public holidays of these countries, or parts of them (DE-BY), are quiet days too.",
    )
    blackout: tuple[SomeDays, ...] = Field(
        default=(),
        description="No run begins and no e-mail is sent: a run whose slot falls on such a day is refused.",
    )

    @model_validator(mode="after")
    def _leaves_a_day(self) -> Self:
        for key in ("quiet_days", "blackout"):
            if whole_year(getattr(self, key)):
                raise KeyFault(key, "every day of the year is covered, so nothing would ever be sent")
        return self

    def is_blackout(self, day: date) -> bool:
        """Return whether no run may begin on that day."""
        return any(day in days for days in self.blackout)

    def quiet_reason(self, day: date) -> str:
        """Return why no e-mail is sent on that day; empty if e-mails may be sent."""
        if self.is_blackout(day):
            return "a blackout day"
        if any(day in days for days in self.quiet_days):
            return "a quiet day"
        for region in self.holidays:
            if name := _holidays_of(region).get(day):
                return f"{name} ({region})"
        return ""
