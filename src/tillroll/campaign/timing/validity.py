"""From when until when codes work, by the store's clock and in UTC. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from tillroll.campaign.language.models import Valid


def validity(valid: Valid, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """From when until when the codes work, in UTC to the second; a length of time runs to the end of its last day."""
    if valid.for_ is not None:
        last_day = (now + valid.for_).astimezone(zone).date()
        return now.replace(microsecond=0), datetime.combine(last_day, time(23, 59, 59), zone).astimezone(UTC)
    assert valid.until is not None  # noqa: S101 - the model refuses anything else
    start = valid.from_.replace(tzinfo=zone).astimezone(UTC) if valid.from_ else now.replace(microsecond=0)
    return start, valid.until.replace(tzinfo=zone).astimezone(UTC)
