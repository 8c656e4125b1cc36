"""When an e-mail may be sent: outside quiet hours and quiet days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tillroll.campaign.text.units import ClockWindow

_MOST_DAYS = 400


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
