"""When the store's coupons are compared with the ledger by themselves. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

_NIGHT = (time(1), time(5))
_LONGEST = timedelta(hours=36)
"""If a night was missed, the day will do."""

_APART = timedelta(hours=12)


def night_look_is_due(last: datetime | None, now: datetime, zone: ZoneInfo) -> bool:
    """Whether it is time for the nightly look: at night by the store's clock, or if the last one is too long ago."""
    if last is None or now - last > _LONGEST:
        return True
    start, end = _NIGHT
    return start <= now.astimezone(zone).time() < end and now - last > _APART
