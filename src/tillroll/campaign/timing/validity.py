"""The validity of codes, by the store's clock and in UTC. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from tillroll.campaign.language.models import Valid


def validity(valid: Valid, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """Return start and end of the codes' validity in UTC, to the second.

    Days are counted by the store's calendar, and the last one is whole, whatever its clock does in between. An end that its clock
    shows twice or skips is the later of the two moments: until then the file promises the code.
    """
    start = now.replace(microsecond=0)
    if valid.for_ is not None:
        if not valid.for_.ends_with_day:
            return start, start + valid.for_.length
        last_day = now.astimezone(zone).date() + valid.for_.length
        return start, datetime.combine(last_day, time(23, 59, 59), zone).astimezone(UTC)
    assert valid.until is not None  # noqa: S101 - the model refuses anything else
    if valid.from_ is not None:
        start = valid.from_.replace(tzinfo=zone).astimezone(UTC)
    ends = (valid.until.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return start, max(ends)
