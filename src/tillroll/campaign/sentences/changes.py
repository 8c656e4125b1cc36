"""Differences between two revisions of a campaign, by meaning: comments and layout don't count. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from tillroll.campaign.frozen.revision import MARKS, Revision
from tillroll.campaign.segments.lists import CustomerList, recorded_list
from tillroll.campaign.segments.segment import Segment
from tillroll.campaign.segments.sentence import say_segment
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.units import say_duration

_LONGEST = 90


@dataclass(frozen=True, kw_only=True)
class RevisionDifference:
    """One difference. An empty text means that there was, or is, no value."""

    where: str  # a key of the campaign, like offer.value, or a file with its key
    before: str
    after: str

    def sentence(self) -> str:
        """Return the difference in words: `offer.value: 15, was 10`."""
        if not self.before:
            return f"{self.where}: {self.after or 'added'} (new)"
        if not self.after:
            return f"{self.where}: removed (was {self.before})"
        return f"{self.where}: {self.after}, was {self.before}"


def compare_revisions(before: Revision, after: Revision) -> tuple[RevisionDifference, ...]:
    """Return all keys with a different meaning, in the order of the files, then the lines of e-mails that differ."""
    differences = list(_of_models(before.campaign, after.campaign, ""))
    differences += _of_rules("rules/segments/{}.yaml", before.segments, after.segments)
    differences += _of_rules("rules/codes/{}.yaml", before.code_formats, after.code_formats)
    differences += _of_models(before.guardrails, after.guardrails, "rules/guardrails.yaml: ")
    differences += _of_models(before.calendar, after.calendar, "rules/calendar.yaml: ")
    differences += _of_models(before.store_holdout, after.store_holdout, "rules/holdout.yaml: ")
    differences += _of_models(before.tiers, after.tiers, "rules/tiers.yaml: ")
    differences += _of_models(before.brand, after.brand, "rules/brand.yaml: ")
    differences += _of_files(before.files, after.files)
    return tuple(differences)


def _of_rules(
    path: str, before: Mapping[str, BaseModel], after: Mapping[str, BaseModel]
) -> Iterator[RevisionDifference]:
    for name in sorted(before.keys() | after.keys()):
        yield from _of_models(before.get(name), after.get(name), f"{path.format(name)}: ")


def _of_models(before: BaseModel | None, after: BaseModel | None, at: str) -> Iterator[RevisionDifference]:
    was, now = dict(_leaves(before, "")), dict(_leaves(after, ""))
    for key in [*now, *(key for key in was if key not in now)]:
        if was.get(key, "") != now.get(key, ""):
            where = f"{at}{key}".removesuffix(": ")
            yield RevisionDifference(
                where=where, before=_short(was.get(key, "")), after=_short(now.get(key, ""))
            )


def _leaves(value: Any, at: str) -> Iterator[tuple[str, str]]:
    """Yield every key with its value as a file would write it; a segment's condition as its sentence."""
    if isinstance(value, Segment):
        yield "title", value.title
        yield "where", say_segment(value)
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            key = field.alias or name
            yield from _leaves(getattr(value, name), f"{at}.{key}" if at else key)
    elif isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value):
        for index, item in enumerate(value, start=1):
            name = getattr(item, "name", "") or str(index)
            yield from _leaves(item, f"{at}[{name}]")
    elif value is not None and value != ():
        yield at, _written(value)


def _written(value: Any) -> str:
    """Return a value as a file would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return say_duration(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, tuple | frozenset):
        return ", ".join(_written(item) for item in value)
    return str(value)


def _of_files(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[RevisionDifference]:
    """Yield the differences of files without keys: templates by line, lists by their members."""
    for path in sorted(before.keys() | after.keys()):
        was, now = before.get(path, ""), after.get(path, "")
        if was == now or path.endswith((".yaml", ".yml")):
            continue
        if path in MARKS:
            yield RevisionDifference(where=MARKS[path], before=was, after=now)
            continue
        if path not in before or path not in after:
            yield RevisionDifference(
                where=path, before="" if path not in before else "present", after=now and "added"
            )
            continue
        lists = recorded_list(was), recorded_list(now)
        if lists[0] is not None and lists[1] is not None:
            yield _of_lists(path, lists[0], lists[1])
        else:
            yield _of_lines(path, was.splitlines(), now.splitlines())


def _of_lists(path: str, was: CustomerList, now: CustomerList) -> RevisionDifference:
    """Compare two lists by their counts, without naming members."""
    if was.count == now.count:
        return RevisionDifference(where=path, before="", after=f"other members, still {now.count}")
    return RevisionDifference(where=path, before=f"{was.count}", after=count_of(now.count, "member"))


def _of_lines(path: str, was: list[str], now: list[str]) -> RevisionDifference:
    blocks = [
        opcode
        for opcode in difflib.SequenceMatcher(None, was, now, autojunk=False).get_opcodes()
        if opcode[0] != "equal"
    ]
    if not blocks:
        return RevisionDifference(where=f"{path} (line endings)", before="", after="different")
    _, i, j, k, m = blocks[0]
    lines = sum(max(block[2] - block[1], block[4] - block[3]) for block in blocks)
    more = lines - max(1, min(j - i, 1), min(m - k, 1))
    where = f"{path}:{k + 1}" + (f" (and {count_of(more, 'more line')})" if more > 0 else "")
    old, new = _quoted(was[i:j]), _quoted(now[k:m])
    return RevisionDifference(where=where, before=old, after=new)


def _quoted(lines: list[str]) -> str:
    """Return the first of some lines in quotes; empty without lines."""
    if not lines:
        return ""
    return f"“{_short(lines[0].strip())}”" if lines[0].strip() else "an empty line"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
