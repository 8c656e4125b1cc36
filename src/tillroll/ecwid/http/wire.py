"""Reading and writing the store's JSON: dates, amounts, optional fields, and the texts of errors.

Dates are `yyyy-MM-dd HH:mm:ss Z` and answered in UTC; queries take UNIX seconds. Unset fields are left out rather than null.
Source: docs.ecwid.com/api-reference (general rules).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode, urlsplit

from tillroll.campaign.text.clean import LONGEST_LINE, CleanText, clean_key, clean_line

_DATE = "%Y-%m-%d %H:%M:%S %z"
_YEARS = range(1970, 9000)  # moments a few years before and after are still dates of Python
_MOST_WHOLE = 2**63 - 1
_MOST_COUNTED = 2**31 - 1
_MOST_MONEY = Decimal(10**14)
_LONGEST_ADDRESS = 2_000  # of a web page
_NOT_IN_ADDRESS = re.compile(r"[\s<>\"'\\\x00-\x1f\x7f]")

Raw = Mapping[str, Any]


def date_out(moment: datetime) -> str:
    """Return a moment as the body of a request has it."""
    return moment.astimezone(UTC).strftime(_DATE)


def seconds_out(moment: datetime) -> int:
    """Return a moment as a query has it: UNIX seconds."""
    return int(moment.timestamp())


def query_out(query: Mapping[str, Any]) -> str:
    """Return a query as the end of an address; values of None are left out."""
    pairs = {name: value for name, value in query.items() if value is not None}
    return f"?{urlencode(pairs, doseq=True)}" if pairs else ""


def date_in(raw: Any) -> datetime | None:
    """Return a moment of an answer; None when it is missing, not a date, or of a year that no shop has seen."""
    try:
        moment = datetime.strptime(str(raw), _DATE).astimezone(UTC) if raw else None
    except (ValueError, OverflowError):
        return None
    return moment if moment is not None and moment.year in _YEARS else None


def decimal(raw: Any) -> Decimal:
    """Return an amount; 0 when it is missing. The API's type is a double, whose shortest text is the intended amount."""
    return maybe_decimal(raw) or Decimal(0)


def maybe_decimal(raw: Any) -> Decimal | None:
    """Return an amount; None when it is missing, not a number, or more than the ledger can hold."""
    if not isinstance(raw, int | float | str | Decimal) or isinstance(raw, bool):
        return None
    try:
        amount = Decimal(str(raw))
    except (InvalidOperation, ValueError):
        return None
    return amount if amount.is_finite() and abs(amount) < _MOST_MONEY else None


def maybe_whole(raw: Any) -> int | None:
    """Return a whole number; None when it is missing, not a number, or larger than both databases can hold."""
    if not isinstance(raw, int | float | str) or isinstance(raw, bool):
        return None
    try:
        number = int(raw)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= _MOST_WHOLE else None


def wholes(raw: Any) -> tuple[int, ...]:
    """Return the whole numbers of a list; none when it is missing or not a list."""
    numbers = map(maybe_whole, raw if isinstance(raw, list) else ())
    return tuple(number for number in numbers if number is not None)


def count(raw: Any) -> int:
    """Return how many; 0 when it is missing or malformed, and never more than a column of counts can hold."""
    return max(0, min(maybe_whole(raw) or 0, _MOST_COUNTED))


def maybe_flag(raw: Any) -> bool | None:
    """Return true or false; None when it is missing, like `acceptMarketing` of a customer who was never asked."""
    return raw if isinstance(raw, bool) else None


def text(raw: Any, *, longest: int = LONGEST_LINE) -> CleanText:
    """Return a text that people read as one clean line; empty when it is missing, or no text and no number."""
    return clean_line(_plain(raw), longest=longest)


def web_address(raw: Any) -> CleanText:
    """Return the address of a page or picture; empty when it is missing or anything else, since e-mails link to it."""
    address = clean_line(_plain(raw), longest=_LONGEST_ADDRESS)
    is_whole = isinstance(raw, str) and len(raw) < _LONGEST_ADDRESS and not _NOT_IN_ADDRESS.search(raw)
    return address if is_whole and address.startswith(("https://", "http://")) else clean_line("", longest=1)


def key_text(raw: Any, what: str) -> CleanText:
    """Return a text that identifies something to the letter; empty when it is missing. Raises `Uncleanable`."""
    return clean_key(_plain(raw), what)


def _plain(raw: Any) -> str:
    return raw if isinstance(raw, str) else str(raw) if isinstance(raw, int | float) else ""


def part(raw: Raw, name: str) -> Raw:
    """Return a nested object; empty when it is missing or not an object."""
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def parts(raw: Raw, name: str) -> Iterator[Raw]:
    """Yield the objects of a nested list; none when it is missing or not a list."""
    value = raw.get(name)
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item


def failure_text(raw: Raw, reason: str) -> tuple[str, str]:
    """Return (message, code) of an error answer. The message may be under either key; without one it is the reason phrase."""
    message = raw.get("errorMessage") or raw.get("error_message") or reason or ""
    return text(message), text(raw.get("errorCode") or raw.get("error"))


def host_of(address: str) -> str:
    """Return the host that an address leads to; empty for a path, or for text that is no address."""
    try:
        return text(urlsplit(address).hostname)
    except ValueError:
        return ""
