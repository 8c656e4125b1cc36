"""Reading the headers that steer later calls. A value that makes no sense counts as missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_DEFAULT_WAIT, _LONGEST_WAIT = 10.0, 3600.0  # seconds; the first as in the vendor's own client
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
_MOST_DIGITS = 9


def wait_asked(headers: Mapping[str, str], now: datetime) -> float:
    """Return the seconds that `Retry-After` asks to wait: a number or a date. Between zero and an hour; 10 when it is missing."""
    raw = headers.get("Retry-After", "").strip()
    seconds = _number(raw)
    if seconds is None and (until := _date(raw)) is not None:
        seconds = (until - now).total_seconds()
    return _DEFAULT_WAIT if seconds is None else min(max(seconds, 0.0), _LONGEST_WAIT)


def calls_left(headers: Mapping[str, str]) -> int | None:
    """Return the calls that the store still allows this minute (`X-RateLimit-Remaining`); None when it does not say."""
    raw = headers.get("X-RateLimit-Remaining", "").strip()
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= _MOST_DIGITS else None


def clock_skew(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return how far the store's clock (`Date`) is ahead; None when it does not say.

    The header has whole seconds, so a difference of up to two seconds is none.
    """
    moment = _date(headers.get("Date", ""))
    if moment is None:
        return None
    skew = moment - now
    return skew if abs(skew) > timedelta(seconds=2) else timedelta(0)


def _number(raw: str) -> float | None:
    """Return a finite number; None for anything else, like `inf`."""
    try:
        value = float(raw) if raw.isascii() else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _date(raw: str) -> datetime | None:
    """Return the moment that a header names; None unless it is a date of our times."""
    try:
        moment = parsedate_to_datetime(raw)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    if moment.tzinfo is None:  # "-0000": in UTC, of an unknown zone
        moment = moment.replace(tzinfo=UTC)
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None
