"""When an e-mail may be sent: outside quiet hours and quiet days. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tillroll.campaign.frozen.revision import Revision
from tillroll.campaign.language.message import Send
from tillroll.campaign.text.units import ClockWindow
from tillroll.campaign.timing.places import Residence, zones_of

_MOST_DAYS = 400
_LONGEST_HOURS = timedelta(days=3)
"""If no moment is found in so long at which it is quiet in none of a country's zones, there is none on any day."""


def earliest_send(
    now: datetime, *, zone: ZoneInfo, quiet_hours: ClockWindow | None, is_quiet: Callable[[date], bool]
) -> datetime:
    """Return the first moment (UTC) from `now` on at which an e-mail may be sent."""
    moment = now
    for _ in range(_MOST_DAYS):
        wall = moment.astimezone(zone)
        if is_quiet(wall.date()):
            moment = _at(wall.date() + timedelta(days=1), time(0), zone)
        elif quiet_hours is not None and quiet_hours.contains(wall.time()):
            ends_next_day = quiet_hours.start > quiet_hours.end and wall.time() >= quiet_hours.start
            moment = _at(wall.date() + timedelta(days=int(ends_next_day)), quiet_hours.end, zone)
        else:
            break
    return moment


def _at(day: date, wall: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, wall, zone).astimezone(UTC)


@dataclass(frozen=True, kw_only=True)
class QuietTimes:
    """When a campaign's e-mails don't leave: on quiet days by its own clock, and in quiet hours by the reader's.

    A reader whose address lies in one of several zones gets no e-mail while it is quiet in any of them. The campaign's own zone
    counts for a reader whose place isn't known, and where it is always quiet in one of the zones.
    """

    zone: ZoneInfo  # the campaign's
    hours: ClockWindow | None
    is_quiet: Callable[[date], bool]

    def opens(self, now: datetime, place: Residence | None = None) -> datetime:
        """Return the first moment from `now` on at which an e-mail may leave to a place; without one, by the campaign's clock."""
        zones = zones_of(place) if place is not None and self.hours is not None else ()
        if not zones:
            return earliest_send(now, zone=self.zone, quiet_hours=self.hours, is_quiet=self.is_quiet)
        moment = now
        for _ in range(_MOST_DAYS):
            day = self.days_end(moment)
            hour = _earliest_in_all(day, zones, self.hours)
            if hour is None:
                return self.opens(now)
            if hour == moment:
                break
            moment = hour
        return moment

    def days_end(self, now: datetime) -> datetime:
        """Return the first moment from `now` on that isn't on a quiet day."""
        return earliest_send(now, zone=self.zone, quiet_hours=None, is_quiet=self.is_quiet)

    def differs(self, place: Residence, now: datetime) -> bool:
        """Return whether the clock of a place isn't the campaign's."""
        own = now.astimezone(self.zone).utcoffset()
        return any(now.astimezone(zone).utcoffset() != own for zone in zones_of(place))


def quiet_times(revision: Revision, send: Send, zone: ZoneInfo) -> QuietTimes:
    """Return the quiet times of a campaign's e-mails; `zone` is the store's."""
    calendar = revision.calendar

    def is_quiet(day: date) -> bool:
        return bool(calendar.quiet_reason(day)) or any(day in days for days in send.quiet_days)

    return QuietTimes(zone=revision.campaign.when.zone(zone.key), hours=send.quiet_hours, is_quiet=is_quiet)


def _earliest_in_all(
    now: datetime, zones: Iterable[ZoneInfo], quiet_hours: ClockWindow | None
) -> datetime | None:
    """Return the first moment from `now` on at which it is quiet in none of these zones; None if there is none."""
    later = now + _LONGEST_HOURS
    unlike = {(now.astimezone(zone).utcoffset(), later.astimezone(zone).utcoffset()): zone for zone in zones}
    moment = now
    while moment <= later:
        latest = max(
            earliest_send(moment, zone=zone, quiet_hours=quiet_hours, is_quiet=_never)
            for zone in unlike.values()
        )
        if latest == moment:
            return moment
        moment = latest
    return None


def _never(_day: date) -> bool:
    return False
