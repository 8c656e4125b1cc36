"""How the store writes dates, pages and errors, and how it filters the fields a caller asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

MOST = 100
_FIRST_DAY = date(1970, 1, 1)
_MINUTES = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(1440)]
_SECONDS = [f":{second:02} +0000" for second in range(60)]
_IN = ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")
_ZONED = re.compile(r"(.+) (?:UTC|GMT|Z)(?:([+-]\d{1,2}):?(\d{2}))?")
"""A date that ends in a zone's name, as the vendor's own client writes it (`yyyy-MM-dd HH:mm:ss z`)."""
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}

Query = Mapping[str, str]


class ApiError(Exception):
    """An answer with a status other than 200."""

    def __init__(
        self, status: int, message: str = "", code: str = "", *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        parts = {"errorMessage": message, "errorCode": code}
        self.body: dict[str, Any] | None = {name: text for name, text in parts.items() if text} or None


def wrong(name: str, expected: str) -> ApiError:
    """Return the 400 for a parameter or field."""
    return ApiError(400, f"Wrong parameter '{name}' value: {expected}", "WRONG_PARAMETER")


def out(seconds: float | None) -> str | None:
    """Return a date as answers show it, from UNIX seconds."""
    if seconds is None:
        return None
    day, left = divmod(int(seconds), 86_400)
    return f"{_day(day)} {_MINUTES[left // 60]}{_SECONDS[left % 60]}"


@lru_cache(maxsize=10_000)
def _day(number_: int) -> str:
    return (_FIRST_DAY + timedelta(days=number_)).isoformat()


def moment(name: str, raw: Any) -> int:
    """Return UNIX seconds from any date form that the API accepts; ISO 8601 with a `T` is not one."""
    text = str(raw).strip()
    if re.fullmatch(r"\d{1,12}", text):
        return int(text)
    zoned = _ZONED.fullmatch(text)
    if zoned is not None:
        text = f"{zoned[1]} {int(zoned[2] or 0):+03}{zoned[3] or '00'}"
    for form in _IN:
        try:
            parsed = datetime.strptime(text, form)  # noqa: DTZ007 - without a zone it is UTC
        except ValueError:
            continue
        return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())
    raise wrong(name, "not a date")


def number(name: str, raw: str, *, least: int = 0) -> int:
    """Return a whole number of a query."""
    if not re.fullmatch(r"\d{1,18}", raw) or int(raw) < least:
        message = f"Wrong numeric parameter '{name}' value: not a number or a number out of range"
        raise ApiError(400, message, "WRONG_PARAMETER")
    return int(raw)


def decimal(name: str, raw: str) -> float:
    """Return a number of a query, with or without decimals."""
    if not re.fullmatch(r"\d{1,15}(\.\d{1,6})?", raw):
        message = f"Wrong numeric parameter '{name}' value: not a number or a number out of range"
        raise ApiError(400, message, "WRONG_PARAMETER")
    return float(raw)


def one_of(name: str, raw: str, choices: Collection[str]) -> list[str]:
    """Return a comma-separated list of a query that may hold only these words."""
    wanted = raw.split(",")
    if not set(wanted) <= set(choices):
        raise wrong(name, f"expected one of {', '.join(repr(choice) for choice in choices)}")
    return wanted


def whole_numbers(name: str, raw: str) -> list[int]:
    """Return a comma-separated list of whole numbers of a query."""
    return [number(name, part.strip()) for part in raw.split(",") if part.strip()]


def flag(name: str, raw: str) -> bool:
    """Return a boolean of a query, in any of its spellings."""
    folded = raw.lower()
    if folded in _TRUE or folded in _FALSE:
        return folded in _TRUE
    raise wrong(name, "expected one of 'true', 'false', 'yes', 'no', 'on', 'off', '1', '0'")


def window(created: str, updated: str = "updated") -> dict[str, tuple[str, Callable[[str, str], int]]]:
    """Return the conditions of the four bounds of creation and update, inclusive, in whole seconds, on these columns."""
    return {
        "createdFrom": (f"{created} >= ?", moment),
        "createdTo": (f"{created} < ? + 1", moment),
        "updatedFrom": (f"{updated} >= ?", moment),
        "updatedTo": (f"{updated} < ? + 1", moment),
    }


@dataclass(frozen=True, kw_only=True)
class Page:
    """The part of a list that is requested."""

    offset: int
    limit: int


def page(query: Query, *, over: str) -> Page:
    """Return the page of a query. `over`: what happens to a limit above 100."""
    offset = number("offset", query.get("offset", "0"))
    limit = number("limit", query.get("limit", str(MOST)), least=1)
    if limit > MOST and over == "refuse":
        raise wrong("limit", f"expected at most {MOST}")
    return Page(offset=offset, limit=min(limit, MOST))


def listing(total: int, page_: Page, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the envelope of a list."""
    return {"total": total, "count": len(items), "offset": page_.offset, "limit": page_.limit, "items": items}


class Accepted(dict[str, Any]):
    """An answer with status 202."""

    status = 202


class Unchanging(dict[str, Any]):
    """An answer that is returned many times as it is, so that its JSON is made once. Nobody changes it."""

    text: bytes = b""


@dataclass(frozen=True, kw_only=True)
class RawAnswer:
    """An answer that is not JSON: a page, a document or a file."""

    content: bytes
    kind: str  # its media type


def without_unset(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without its unset fields."""
    return {name: value for name, value in body.items() if value is not None}


def only_fields(answer: Any, wanted: str | None) -> Any:
    """Apply `responseFields=total,items(id,email)`: remove everything else, the envelope's fields too."""
    return _keep(answer, _parse_fields(wanted)) if wanted else answer


def _parse_fields(text: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    stack, last = [tree], ""
    for token in re.findall(r"[^,()\s]+|[()]", text):
        if token == "(":  # noqa: S105 - a bracket
            stack.append(stack[-1].setdefault(last, {}))
        elif token == ")":  # noqa: S105 - a bracket
            if len(stack) > 1:
                stack.pop()
        else:
            last = token
            stack[-1].setdefault(token, {})
    return tree


def _keep(value: Any, tree: dict[str, Any]) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_keep(item, tree) for item in value]
    if isinstance(value, dict):
        return {name: _keep(value[name], below) for name, below in tree.items() if name in value}
    return value
