"""How the store writes things: dates, pages, errors, and the fields a caller asked for."""

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
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}

Query = Mapping[str, str]


class ApiError(Exception):
    """An answer other than 200."""

    def __init__(
        self, status: int, message: str = "", code: str = "", *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        parts = {"errorMessage": message, "errorCode": code}
        self.body: dict[str, Any] | None = {name: text for name, text in parts.items() if text} or None


def wrong(name: str, expected: str) -> ApiError:
    """400 for a parameter or field."""
    return ApiError(400, f"Wrong parameter '{name}' value: {expected}", "WRONG_PARAMETER")


def out(seconds: float | None) -> str | None:
    """A date of an answer, from UNIX seconds."""
    if seconds is None:
        return None
    day, left = divmod(int(seconds), 86_400)
    return f"{_day(day)} {_MINUTES[left // 60]}{_SECONDS[left % 60]}"


@lru_cache(maxsize=10_000)
def _day(number_: int) -> str:
    return (_FIRST_DAY + timedelta(days=number_)).isoformat()


def moment(name: str, raw: Any) -> int:
    """UNIX seconds from any date form the API takes; ISO 8601 with a `T` is none of them."""
    text = str(raw).strip()
    if re.fullmatch(r"\d{1,12}", text):
        return int(text)
    for form in _IN:
        try:
            parsed = datetime.strptime(text, form)  # noqa: DTZ007 - without a zone it is UTC
        except ValueError:
            continue
        return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())
    raise wrong(name, "not a date")


def number(name: str, raw: str, *, least: int = 0) -> int:
    """A whole number of a query."""
    if not re.fullmatch(r"\d{1,18}", raw) or int(raw) < least:
        message = f"Wrong numeric parameter '{name}' value: not a number or a number out of range"
        raise ApiError(400, message, "WRONG_PARAMETER")
    return int(raw)


def decimal(name: str, raw: str) -> float:
    """A number of a query, with or without decimals."""
    if not re.fullmatch(r"\d{1,15}(\.\d{1,6})?", raw):
        message = f"Wrong numeric parameter '{name}' value: not a number or a number out of range"
        raise ApiError(400, message, "WRONG_PARAMETER")
    return float(raw)


def one_of(name: str, raw: str, choices: Collection[str]) -> list[str]:
    """A comma list of a query, of these words only."""
    wanted = raw.split(",")
    if not set(wanted) <= set(choices):
        raise wrong(name, f"expected one of {', '.join(repr(one) for one in choices)}")
    return wanted


def whole_numbers(name: str, raw: str) -> list[int]:
    """A comma list of a query, of whole numbers."""
    return [number(name, one.strip()) for one in raw.split(",") if one.strip()]


def flag(name: str, raw: str) -> bool:
    """A boolean of a query, in any of its spellings."""
    folded = raw.lower()
    if folded in _TRUE or folded in _FALSE:
        return folded in _TRUE
    raise wrong(name, "expected one of 'true', 'false', 'yes', 'no', 'on', 'off', '1', '0'")


def window(created: str, updated: str = "updated") -> dict[str, tuple[str, Callable[[str, str], int]]]:
    """The four bounds of creation and update, inclusive, in whole seconds, on these columns."""
    return {
        "createdFrom": (f"{created} >= ?", moment),
        "createdTo": (f"{created} < ? + 1", moment),
        "updatedFrom": (f"{updated} >= ?", moment),
        "updatedTo": (f"{updated} < ? + 1", moment),
    }


@dataclass(frozen=True, kw_only=True)
class Page:
    """Which part of a list is asked for."""

    offset: int
    limit: int


def page(query: Query, *, over: str) -> Page:
    """The page of a query; `over` says what becomes of a limit above 100."""
    offset = number("offset", query.get("offset", "0"))
    limit = number("limit", query.get("limit", str(MOST)), least=1)
    if limit > MOST and over == "refuse":
        raise wrong("limit", f"expected at most {MOST}")
    return Page(offset=offset, limit=min(limit, MOST))


def listing(total: int, page_: Page, items: list[dict[str, Any]]) -> dict[str, Any]:
    """The envelope of a list."""
    return {"total": total, "count": len(items), "offset": page_.offset, "limit": page_.limit, "items": items}


class Accepted(dict[str, Any]):
    """An answer that is given with 202 rather than 200."""

    status = 202


def without_unset(body: Mapping[str, Any]) -> dict[str, Any]:
    """Unset fields are left out rather than sent as null."""
    return {name: value for name, value in body.items() if value is not None}


def only_fields(answer: Any, wanted: str | None) -> Any:
    """`responseFields=total,items(id,email)`: everything else is removed, the envelope's fields too."""
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
