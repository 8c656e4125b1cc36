"""The shapes on the wire: dates in four spellings in and one out, numbers, and `responseFields`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from tillroll.sandbox.refusal import wrong_parameter

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d)(?: ?([+-])(\d\d):?(\d\d))?)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_moment(raw: object, name: str) -> int:
    """UNIX seconds, `yyyy-MM-dd HH:mm:ss Z`, the same without zone (UTC), or `yyyy-MM-dd`."""
    text = str(raw) if isinstance(raw, (str, int)) and not isinstance(raw, bool) else ""
    if text.isascii() and text.isdigit():
        return int(text)
    match = _MOMENT.fullmatch(text)
    try:
        if match:
            return _seconds(*match.groups())
    except ValueError:
        pass  # such as the 31st of February
    raise wrong_parameter(f"Wrong parameter '{name}' value: expected a date such as '2026-03-01 00:00:00 +0000'")


def _seconds(day: str, time: str | None, sign: str | None, hours: str | None, minutes: str | None) -> int:
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    moment = datetime.fromisoformat(f"{day} {time or '00:00:00'}").replace(tzinfo=timezone(offset))
    return int(moment.timestamp())


def show_moment(seconds: float) -> str:
    """The one format of every date in an answer."""
    return (_EPOCH + timedelta(seconds=int(seconds))).strftime("%Y-%m-%d %H:%M:%S +0000")


def show_number(value: float) -> int | float:
    """15 rather than 15.0, as the API prints it."""
    return int(value) if value == int(value) else value


def without_unset(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Unset fields are left out of answers, never sent as null."""
    return {name: value for name, value in fields.items() if value is not None}


Tree = Mapping[str, Any]
"""Wanted names, each with the tree of what is wanted inside it (empty: all of it)."""


@lru_cache(maxsize=256)
def parse_fields(text: str) -> Tree:
    """`total,items(id,email)` as a tree. Names that don't exist are harmless; stray parentheses too."""
    root: dict[str, Any] = {}
    path = [root]
    last: dict[str, Any] = root
    for token in re.findall(r"[^,()\s]+|[()]", text):
        if token == "(":
            path.append(last)
        elif token == ")":
            path = path[:-1] or [root]
        else:
            last = path[-1].setdefault(token, {})
    return root


def project(value: Any, tree: Tree) -> Any:
    """Only the wanted fields; of a list, the wanted fields of each element."""
    if isinstance(value, list):
        return [project(element, tree) for element in value]
    if not tree or not isinstance(value, dict):
        return value
    return {name: project(value[name], inner) for name, inner in tree.items() if name in value}
