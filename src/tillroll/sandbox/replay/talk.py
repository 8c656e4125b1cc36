"""What a record answers to a request.

Lists are put together from all their recorded pages: any page and any window of dates of them can be asked for again. Other
reads and writes are answered in the order in which the record has them, the last one again and again. The app storage begins
empty and keeps what is written, since every ledger marks it anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

_FORM = 1
_PAGE = 100
_VOLATILE = frozenset(
    {"offset", "limit", "createdFrom", "createdTo", "updatedFrom", "updatedTo", "from_date", "to_date"}
    | {"deduplicationKey", "groupId"}
)
"""Parameters that differ from one reading of a list to the next."""
_FIELDS = "responseFields"
_CREATED = ("createDate", "creationDate", "registered", "created")
_UPDATED = ("updateDate", "updated")
_WINDOW = {
    "createdFrom": _CREATED,
    "createdTo": _CREATED,
    "updatedFrom": _UPDATED,
    "updatedTo": _UPDATED,
    "from_date": ("date",),
    "to_date": ("date",),
}
"""Bound → the fields that it may be about."""


class NoRecord(ValueError):
    """The file is no record; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An answer."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class _RecordedList:
    """A list, put together from its pages."""

    rows: dict[str, Any] = field(default_factory=dict)  # by their ids; the latest version of each
    envelope: dict[str, Any] = field(default_factory=dict)  # of its last page


@dataclass(kw_only=True)
class Talk:
    """A record, and how far its answers were given."""

    lists: dict[str, _RecordedList] = field(default_factory=dict)
    answers: dict[str, list[Recorded]] = field(default_factory=dict)
    storage: dict[str, str] = field(default_factory=dict)
    _given: dict[str, int] = field(default_factory=dict)

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Recorded:
        """Return what the record answers; a 404 with `NOT_RECORDED` if it never heard the like."""
        if path.startswith("/storage/"):
            return self._stored(method, path.removeprefix("/storage/").rstrip("/"), body)
        key = _key(method, path, query)
        known = self.lists.get(key) or self._same_list(path, query)
        if method == "GET" and known is not None:
            return _page(known, query)
        recorded = self.answers.get(key)
        if not recorded:
            text = f"The record has no answer to {method} {path}"
            return Recorded(status=404, body={"errorMessage": text, "errorCode": "NOT_RECORDED"})
        turn = self._given.get(key, 0)
        self._given[key] = turn + 1
        return recorded[min(turn, len(recorded) - 1)]

    def hear(self, call: Mapping[str, Any]) -> None:
        """Take one recorded call."""
        method, path, status, answer = call["method"], call["path"], call.get("status"), call.get("answer")
        if status is None or path.startswith("/storage/"):
            return
        key = _key(method, path, call.get("query") or {})
        rows = answer.get("items") if isinstance(answer, dict) and "total" in answer else None
        if method == "GET" and status == 200 and isinstance(answer, dict) and isinstance(rows, list):
            known = self.lists.setdefault(key, _RecordedList())
            known.envelope = {name: value for name, value in answer.items() if name != "items"}
            for row in rows:
                identity = json.dumps(_identity(row))
                known.rows[identity] = row
        else:
            recorded = Recorded(status=int(status), body=answer, headers=call.get("headers") or {})
            self.answers.setdefault(key, []).append(recorded)

    def _same_list(self, path: str, query: Mapping[str, str]) -> _RecordedList | None:
        """Return the fullest record of a list that was read with other fields; its rows may show more or fewer of them."""
        wanted = _key("GET", path, {name: value for name, value in query.items() if name != _FIELDS})
        same = [known for key, known in self.lists.items() if _without_fields(key) == wanted]
        return max(same, key=lambda known: len(known.rows), default=None)

    def _stored(self, method: str, name: str, body: bytes) -> Recorded:
        if method in {"PUT", "POST"}:
            self.storage[name] = body.decode("utf-8", "replace")
            return Recorded(status=200, body={"updateCount": 1})
        if name not in self.storage:
            return Recorded(status=404, body={"errorMessage": "Key not found", "error": "OTHER"})
        if method == "DELETE":
            del self.storage[name]
            return Recorded(status=200, body={"deleteCount": 1})
        return Recorded(status=200, body={"key": name, "value": self.storage[name]})


def read_talk(file: Path) -> Talk:
    """Read a record. Raises `NoRecord`."""
    try:
        with file.open(encoding="utf-8") as lines:
            return _heard(lines, file)
    except (OSError, UnicodeDecodeError) as fault:
        raise NoRecord(f"{file} can't be read: {fault}") from fault


def _heard(lines: Iterator[str], file: Path) -> Talk:
    talk, number = Talk(), 0
    for number, line in enumerate(lines, start=1):
        try:
            call = json.loads(line)
            if number == 1:
                if call.get("tillroll_record") != _FORM:
                    raise NoRecord(f"{file} is no record of `tillroll store record`, or of another version.")
            else:
                talk.hear(call)
        except (ValueError, AttributeError, KeyError, TypeError) as fault:
            if isinstance(fault, NoRecord):
                raise
            raise NoRecord(f"Line {number} of {file} is no recorded call.") from fault
    if not number:
        raise NoRecord(f"{file} is empty.")
    return talk


def _key(method: str, path: str, query: Mapping[str, Any]) -> str:
    """Return what one kind of question has in common. Of a write the parameters are left out: they differ each time."""
    steady = [] if method != "GET" else sorted((n, str(v)) for n, v in query.items() if n not in _VOLATILE)
    return json.dumps([method, path.rstrip("/"), steady])


def _without_fields(key: str) -> str:
    method, path, steady = json.loads(key)
    return json.dumps([method, path, [pair for pair in steady if pair[0] != _FIELDS]])


def _identity(row: Any) -> Any:
    if not isinstance(row, dict):
        return row
    named = next(
        (name for name in ("id", "cartId", "internalId", "key", "orderId") if row.get(name) is not None), None
    )
    return row if named is None else [named, row[named]]


def _page(known: _RecordedList, query: Mapping[str, str]) -> Recorded:
    rows = [row for row in known.rows.values() if _is_inside(row, query)]
    windowed = any(name in _WINDOW for name in query)
    total = len(rows) if windowed else max(len(rows), int(known.envelope.get("total") or 0))
    offset, limit = _whole(query.get("offset"), 0), min(_whole(query.get("limit"), _PAGE), _PAGE)
    items = rows[offset : offset + limit]
    answer: dict[str, Any] = {
        **known.envelope,
        "total": total,
        "count": len(items),
        "offset": offset,
        "limit": limit,
    }
    shown = {name: value for name, value in answer.items() if name in known.envelope or name == "total"}
    return Recorded(status=200, body={**shown, "items": items})


def _is_inside(row: Any, query: Mapping[str, str]) -> bool:
    """Return whether a row is in the window of dates that is asked for; one without the date is in every window."""
    for name, names in _WINDOW.items():
        bound = query.get(name)
        moment = next(
            (_moment(row[field]) for field in names if isinstance(row, dict) and row.get(field)), None
        )
        if bound is None or moment is None or not bound.isdecimal():
            continue
        if (
            moment < int(bound)
            if name.lower().startswith(("createdfrom", "updatedfrom", "from"))
            else moment > int(bound)
        ):
            return False
    return True


def _moment(raw: Any) -> float | None:
    try:
        return datetime.strptime(str(raw), "%Y-%m-%d %H:%M:%S %z").timestamp()
    except ValueError:
        return None


def _whole(raw: str | None, otherwise: int) -> int:
    return int(raw) if raw is not None and raw.isdecimal() else otherwise
