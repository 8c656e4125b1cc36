"""How the store writes things, whatever the area: dates, money, parts that may be missing, and the texts of its refusals.

Dates: `yyyy-MM-dd HH:mm:ss Z`, answered in UTC; queries take UNIX seconds. Unset fields are left out rather than null.
Source: docs.ecwid.com/api-reference (general rules).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

_DATE = "%Y-%m-%d %H:%M:%S %z"

Raw = Mapping[str, Any]


def date_out(moment: datetime) -> str:
    """A moment in the body of a request."""
    return moment.astimezone(UTC).strftime(_DATE)


def seconds_out(moment: datetime) -> int:
    """A moment in a query."""
    return int(moment.timestamp())


def date_in(raw: Any) -> datetime | None:
    """A moment of an answer; None when it is missing or not a date."""
    try:
        return datetime.strptime(str(raw), _DATE).astimezone(UTC) if raw else None
    except ValueError:
        return None


def decimal(raw: Any) -> Decimal:
    """An amount; 0 when it is missing. The API's own type is a double, so its shortest text is what it means."""
    return maybe_decimal(raw) or Decimal(0)


def maybe_decimal(raw: Any) -> Decimal | None:
    """An amount, or None when it is missing or no number."""
    try:
        return Decimal(str(raw)) if raw is not None and not isinstance(raw, bool) else None
    except InvalidOperation:
        return None


def maybe_whole(raw: Any) -> int | None:
    """A whole number, or None when it is missing or none."""
    try:
        return int(raw) if raw is not None and not isinstance(raw, bool) else None
    except (TypeError, ValueError):
        return None


def maybe_flag(raw: Any) -> bool | None:
    """True or false, or None when it is missing: `acceptMarketing` of somebody who was never asked."""
    return raw if isinstance(raw, bool) else None


def text(raw: Any) -> str:
    """A text; empty when it is missing."""
    return str(raw) if raw is not None else ""


def part(raw: Raw, name: str) -> Raw:
    """A nested object; empty when it is missing or something else."""
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def parts(raw: Raw, name: str) -> Iterator[Raw]:
    """The objects of a nested list; none when it is missing or something else."""
    value = raw.get(name)
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            yield one


def failure_text(content: bytes, reason: str) -> tuple[str, str]:
    """(message, code) of an error answer: any of the body's known spellings, else the reason phrase, else nothing."""
    try:
        raw = json.loads(content) if content else {}
    except ValueError:
        raw = {}
    if not isinstance(raw, dict):
        raw = {}
    message = raw.get("errorMessage") or raw.get("error_message") or reason or ""
    return str(message), str(raw.get("errorCode") or raw.get("error") or "")
