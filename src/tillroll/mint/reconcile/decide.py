"""When the store's coupons are compared with the ledger on schedule. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

_NIGHT = (time(1), time(5))
_LONGEST = timedelta(hours=36)
"""After so long the comparison is due by day too: a night was missed."""

_APART = timedelta(hours=12)


def is_nightly_due(last: datetime | None, now: datetime, zone: ZoneInfo) -> bool:
    """Return whether the nightly comparison is due: at night in the store's time zone, or if the last one is too long ago."""
    if last is None or now - last > _LONGEST:
        return True
    start, end = _NIGHT
    return start <= now.astimezone(zone).time() < end and now - last > _APART
