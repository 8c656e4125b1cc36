"""Conditions that contradict each other. A segment that can't match anybody is a mistake; as an exclusion, it excludes nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from typing import Any

from tillroll.campaign.segments.conditions import Moment
from tillroll.campaign.segments.segment import Condition, Segment
from tillroll.campaign.text.findings import Finding
from tillroll.campaign.text.source import Path, Source, dotted

_KEYS = {"not_": "not"}
_ONE_OF = frozenset(
    {"country", "region", "city", "language", "group", "tier"}
)  # a customer has only one of each
_BOUNDED = frozenset({"orders", "spent", "average_order"})
_MOMENTS = frozenset({"first_order", "last_order", "registered"})
_OF_BUYERS = frozenset({"average_order", "bought", "rfm"})
_NO_TIME = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One of several conditions that must all hold."""

    path: Path
    name: str
    value: Any


def check_segment(source: Source, segment: Segment) -> list[Finding]:
    """Return a finding for each condition that contradicts an earlier one."""
    findings = []
    for parts in _groups(segment.where, ("where",)):
        reported: set[Path] = set()
        for first, second in combinations(parts, 2):
            if second.path not in reported and _exclude_each_other(first, second):
                reported.add(second.path)
                problem = f"nobody can match both this and {dotted(first.path)}"
                findings.append(source.finding(second.path, problem, at_key=True))
    return findings


def _groups(condition: Condition, path: Path) -> Iterator[list[_Part]]:
    """Yield every set of conditions that must hold together, the outermost first."""
    parts = list(_together(condition, path))
    yield parts
    for part in parts:
        if part.name == "any":
            for index, inner in enumerate(part.value):
                yield from _groups(inner, (*part.path, index))
        elif part.name == "not_":
            yield from _groups(part.value, part.path)


def _together(condition: Condition, path: Path) -> Iterator[_Part]:
    name, value = condition.only_key
    place = (*path, _KEYS.get(name, name))
    if name == "all":
        for index, inner in enumerate(value):
            yield from _together(inner, (*place, index))
    else:
        yield _Part(path=place, name=name, value=value)


def _exclude_each_other(first: _Part, second: _Part) -> bool:
    if _is_opposite(first, second) or _is_opposite(second, first):
        return True
    if first.name == second.name and (check := _SAME.get(first.name)):
        return check(first.value, second.value)
    if {first.name, second.name} == {"first_order", "last_order"}:
        earlier, later = (first, second) if first.name == "first_order" else (second, first)
        return _last_before_first(earlier.value, later.value)
    return (_never_ordered(first) and _ordered(second)) or (_never_ordered(second) and _ordered(first))


def _is_opposite(part: _Part, other: _Part) -> bool:
    return bool(part.name == "not_" and part.value.only_key == (other.name, other.value))


def _disjoint(first: Any, second: Any) -> bool:
    names = {name.strip().lower() for name in first.in_}
    return names.isdisjoint(name.strip().lower() for name in second.in_)


def _bounds_apart(first: Any, second: Any) -> bool:
    """Return whether two bounds have no number in common; bounds for different times never contradict."""
    if getattr(first, "within", None) != getattr(second, "within", None):
        return False
    least = max((part.at_least for part in (first, second) if part.at_least is not None), default=None)
    most = min((part.at_most for part in (first, second) if part.at_most is not None), default=None)
    return least is not None and most is not None and least > most


def _scores_apart(first: Any, second: Any) -> bool:
    pairs = ((getattr(first, name), getattr(second, name)) for name in ("recency", "frequency", "monetary"))
    return any(a is not None and b is not None and _bounds_apart(a, b) for a, b in pairs)


def _moments_apart(first: Moment, second: Moment) -> bool:
    if first.never or second.never:
        return first.never != second.never
    oldest = min((part.less_than for part in (first, second) if part.less_than is not None), default=None)
    youngest = max(
        (part.more_than for part in (first, second) if part.more_than is not None), default=_NO_TIME
    )
    return oldest is not None and youngest >= oldest


def _last_before_first(first_order: Moment, last_order: Moment) -> bool:
    if first_order.never or last_order.never:
        return first_order.never != last_order.never
    if first_order.less_than is None or last_order.more_than is None:
        return False
    return last_order.more_than >= first_order.less_than


def _never_ordered(part: _Part) -> bool:
    if part.name == "orders":
        return part.value.at_most == 0 and part.value.within is None
    return part.name in {"first_order", "last_order"} and bool(part.value.never)


def _ordered(part: _Part) -> bool:
    if part.name in {"first_order", "last_order"}:
        return not part.value.never
    return part.name in _OF_BUYERS or (part.name == "orders" and bool(part.value.at_least))


_SAME: Mapping[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(_ONE_OF, _disjoint),
    **dict.fromkeys(_BOUNDED, _bounds_apart),
    **dict.fromkeys(_MOMENTS, _moments_apart),
    "rfm": _scores_apart,
    "accepts_marketing": lambda first, second: first != second,
}
