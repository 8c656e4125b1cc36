"""The calendar: days on which no e-mail leaves, or no campaign runs at all (`rules/calendar.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from tillroll.campaign.text.findings import nearest
from tillroll.campaign.text.units import KeyFault, parse_day, shown
from tillroll.campaign.text.words import Words

if TYPE_CHECKING:
    from holidays import HolidayBase

_YEARLY = re.compile(r"([0-9]{2})-([0-9]{2})")
_LEAP_YEAR = 2000  # so that 29 February can be said
_EXAMPLES = "write it like 2026-12-25, 12-25 (every year), or 2026-12-24..2026-12-26"


@dataclass(frozen=True, kw_only=True)
class Days:
    """A day or a stretch of days, of one year or of every year; both ends count."""

    first: date
    last: date
    yearly: bool = False

    def __contains__(self, day: date) -> bool:
        if not self.yearly:
            return self.first <= day <= self.last
        first, last, this = ((one.month, one.day) for one in (self.first, self.last, day))
        return first <= this <= last if first <= last else this >= first or this <= last

    def __str__(self) -> str:
        form = "%m-%d" if self.yearly else "%Y-%m-%d"
        first, last = f"{self.first:{form}}", f"{self.last:{form}}"
        return first if first == last else f"{first}..{last}"


def _parse_one(text: str) -> tuple[date, bool]:
    match = _YEARLY.fullmatch(text)
    if match is None:
        return parse_day(text), False
    return date(_LEAP_YEAR, int(match[1]), int(match[2])), True


def parse_days(raw: Any) -> Days:
    """`2026-12-25`, `12-25` for every year, or a stretch of either: `12-24..12-26`."""
    if isinstance(raw, Days):
        return raw
    text = raw.isoformat() if isinstance(raw, date) else raw
    problem = ValueError(f"{shown(raw)} is no day or stretch of days; {_EXAMPLES}")
    if not isinstance(text, str):
        raise problem
    try:
        ends = [_parse_one(part.strip()) for part in text.split("..")]
    except ValueError:
        raise problem from None
    if len(ends) > 2 or ends[0][1] != ends[-1][1]:
        raise problem
    (first, yearly), (last, _) = ends[0], ends[-1]
    if not yearly and last < first:
        raise ValueError(f"{shown(raw)} ends before it begins")
    return Days(first=first, last=last, yearly=yearly)


def whole_year(days: Sequence[Days]) -> bool:
    """Whether every day of every year is among them."""
    yearly = [one for one in days if one.yearly]
    start = date(_LEAP_YEAR, 1, 1)
    return bool(yearly) and all(
        any(start + timedelta(days=number) in one for one in yearly) for number in range(366)
    )


_DAY = r"([0-9]{4}-)?[0-9]{2}-[0-9]{2}"
SomeDays = Annotated[
    Days,
    BeforeValidator(parse_days),
    WithJsonSchema({"type": "string", "pattern": rf"^\s*{_DAY}\s*([.][.]\s*{_DAY}\s*)?$"}),
]


def parse_region(raw: Any) -> str:
    """`SI`, or with a part of the country, `DE-BY`; the library `holidays` knows about 250 countries and their parts."""
    text = raw.strip().upper() if isinstance(raw, str) else ""
    country, _, part = text.partition("-")
    known = _known_countries()
    if country not in known:
        near = nearest(country, known)
        hint = f"; did you mean {near}?" if near else "; write its two letters, like SI or DE-BY"
        raise ValueError(f"{shown(raw)}: no holidays are known of such a country{hint}")
    if part and part not in known[country]:
        parts = ", ".join(known[country][:20]) or "none"
        raise ValueError(f"{shown(raw)}: {country} has no such part; it has {parts}")
    return text


@lru_cache(maxsize=1)
def _known_countries() -> dict[str, list[str]]:
    from holidays import list_supported_countries  # a third of a second that most commands don't need

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


class Calendar(Words):
    """Days on which no e-mail leaves, and days on which no campaign begins either: by the campaign's clock (`timezone:`)."""

    quiet_days: tuple[SomeDays, ...] = Field(
        default=(),
        description="No e-mail leaves: a day, a day of every year (12-25), or a stretch (12-24..12-26).",
    )
    holidays: tuple[Region, ...] = Field(
        default=(),
        description="Public holidays of these countries, or parts of them (DE-BY), are quiet days too.",
    )
    blackout: tuple[SomeDays, ...] = Field(
        default=(),
        description="Nothing begins and no e-mail leaves: a run whose slot falls on such a day is refused.",
    )

    @model_validator(mode="after")
    def _leaves_a_day(self) -> Self:
        for key in ("quiet_days", "blackout"):
            if whole_year(getattr(self, key)):
                raise KeyFault(key, "every day of the year is one, so nothing would ever leave")
        return self

    def blacked_out(self, day: date) -> bool:
        """Whether nothing may begin on that day."""
        return any(day in days for days in self.blackout)

    def quiet(self, day: date) -> str:
        """Why no e-mail leaves on that day; empty when one may."""
        if self.blacked_out(day):
            return "a blackout day"
        if any(day in days for days in self.quiet_days):
            return "a quiet day"
        for region in self.holidays:
            if name := _holidays_of(region).get(day):
                return f"{name} ({region})"
        return ""
