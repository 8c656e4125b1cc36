"""The end of a code, as an e-mail says it: its last day, and the time too if the code doesn't work to the end of that day."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from typing import Self

from babel import Locale
from babel.dates import format_date, format_time


class LastMoment(datetime):
    """The end of a code in a template's variables: the filter `date` writes it with its time where that matters."""

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """Return the same moment as a last one."""
        return cls.combine(moment.date(), moment.timetz())


def last_day(end: datetime, zone: tzinfo) -> date:
    """Return the last day on which a code works, by the clock of a zone. One that ends at midnight worked on the day before."""
    return (end - timedelta(seconds=1)).astimezone(zone).date()


def say_last_moment(end: datetime, zone: tzinfo, locale: Locale) -> str:
    """Return `December 3, 2026` for a day that is good to its last minute, otherwise `December 3, 2026, 2:00 PM`."""
    day = format_date(last_day(end, zone), format="long", locale=locale)
    wall = (end - timedelta(seconds=1)).astimezone(zone)
    if (wall.hour, wall.minute) == (23, 59) or end.astimezone(zone).strftime("%H:%M") == "23:59":
        return day
    at = format_time(end.astimezone(zone), format="short", locale=locale)
    return str(locale.datetime_formats["medium"]).format(at, day).replace("'", "")
