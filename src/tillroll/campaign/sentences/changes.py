"""What two revisions of a campaign say differently: a diff of meaning, so a new comment or another layout is none. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from tillroll.campaign.frozen.revision import Revision
from tillroll.campaign.segments.lists import CustomerList, recorded_list
from tillroll.campaign.segments.segment import Segment
from tillroll.campaign.segments.sentence import say_segment
from tillroll.campaign.text.units import say_duration

_LONGEST = 90


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is said differently. Empty text: it wasn't said, or isn't any more."""

    where: str  # a key of the campaign, like offer.value, or a file with its key
    before: str
    after: str

    def said(self) -> str:
        """`offer.value: 15, was 10`."""
        if not self.before:
            return f"{self.where}: {self.after or 'added'} (new)"
        if not self.after:
            return f"{self.where}: gone (was {self.before})"
        return f"{self.where}: {self.after}, was {self.before}"


def changes(before: Revision, after: Revision) -> tuple[Change, ...]:
    """Every key that means something else, in the order of the files; then the lines of e-mails that differ."""
    found = list(_of_models(before.campaign, after.campaign, ""))
    found += _of_rules("rules/segments/{}.yaml", before.segments, after.segments)
    found += _of_rules("rules/codes/{}.yaml", before.code_formats, after.code_formats)
    found += _of_models(before.guardrails, after.guardrails, "rules/guardrails.yaml: ")
    found += _of_models(before.calendar, after.calendar, "rules/calendar.yaml: ")
    found += _of_files(before.files, after.files)
    return tuple(found)


def _of_rules(path: str, before: Mapping[str, BaseModel], after: Mapping[str, BaseModel]) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        yield from _of_models(before.get(name), after.get(name), f"{path.format(name)}: ")


def _of_models(before: BaseModel | None, after: BaseModel | None, at: str) -> Iterator[Change]:
    was, now = dict(_leaves(before, "")), dict(_leaves(after, ""))
    for key in [*now, *(one for one in was if one not in now)]:
        if was.get(key, "") != now.get(key, ""):
            where = f"{at}{key}".removesuffix(": ")
            yield Change(where=where, before=_short(was.get(key, "")), after=_short(now.get(key, "")))


def _leaves(value: Any, at: str) -> Iterator[tuple[str, str]]:
    """Every key with what it says, as people write it; a segment's condition as its sentence."""
    if isinstance(value, Segment):
        yield "title", value.title
        yield "where", say_segment(value)
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            key = field.alias or name
            yield from _leaves(getattr(value, name), f"{at}.{key}" if at else key)
    elif isinstance(value, tuple) and any(isinstance(one, BaseModel) for one in value):
        for index, one in enumerate(value, start=1):
            name = getattr(one, "name", "") or str(index)
            yield from _leaves(one, f"{at}[{name}]")
    elif value is not None and value != ():
        yield at, _written(value)


def _written(value: Any) -> str:
    """A value as a file would say it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return say_duration(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, tuple | frozenset):
        return ", ".join(_written(one) for one in value)
    return str(value)


def _of_files(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    """Files that have no keys: templates line by line, lists by who is on them."""
    for path in sorted(before.keys() | after.keys()):
        was, now = before.get(path, ""), after.get(path, "")
        if was == now or path.endswith((".yaml", ".yml")):
            continue
        if path not in before or path not in after:
            yield Change(where=path, before="" if path not in before else "there", after=now and "added")
            continue
        lists = recorded_list(was), recorded_list(now)
        if lists[0] is not None and lists[1] is not None:
            yield _of_lists(path, lists[0], lists[1])
        else:
            yield _of_lines(path, was.splitlines(), now.splitlines())


def _of_lists(path: str, was: CustomerList, now: CustomerList) -> Change:
    """A list by how many stand on it: who they are is nobody's business here."""
    if was.count == now.count:
        return Change(where=path, before="", after=f"others on it, still {now.count} in all")
    return Change(where=path, before=f"{was.count}", after=f"{now.count} on it")


def _of_lines(path: str, was: list[str], now: list[str]) -> Change:
    blocks = [
        one
        for one in difflib.SequenceMatcher(None, was, now, autojunk=False).get_opcodes()
        if one[0] != "equal"
    ]
    if not blocks:
        return Change(where=f"{path} (ends of lines)", before="", after="others")
    _, i, j, k, m = blocks[0]
    more = sum(max(one[2] - one[1], one[4] - one[3]) for one in blocks) - max(1, min(j - i, 1), min(m - k, 1))
    where = f"{path}:{k + 1}" + (f" (and {more} more line{'s' if more > 1 else ''})" if more > 0 else "")
    old, new = _quoted(was[i:j]), _quoted(now[k:m])
    return Change(where=where, before=old, after=new)


def _quoted(lines: list[str]) -> str:
    """The first of some lines; nothing where there is none."""
    if not lines:
        return ""
    return f"“{_short(lines[0].strip())}”" if lines[0].strip() else "an empty line"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
