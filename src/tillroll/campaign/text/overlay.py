"""One file laid over another: what `extends:` and `environments:` mean, with every value still knowing where it was written.

Blocks are merged key by key; anything else (text, numbers, lists) replaces what was there; `~` takes a key away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tillroll.campaign.text.source import Path, Source

ENVIRONMENTS = ("sandbox", "live")
NOT_INHERITED = frozenset({"extends", "status"})
"""A copy of an active campaign isn't active until its own file says so."""


def lay_over(base: Source, over: Source, *, at: Path = ()) -> Source:
    """The base's data with the other file's (or what stands there `at` a place) laid over it; both must be blocks."""
    merged = Source(file=over.file, lines=over.lines)
    above: Any = over.data
    for part in at:
        above = above[part]
    merged.data = _merge(merged, (), base, (), base.data, over, at, above)
    return merged


def extended(base: Source, own: Source) -> Source:
    """A campaign's file over the one it extends."""
    kept = {key: value for key, value in base.data.items() if key not in NOT_INHERITED}
    shown = Source(
        file=base.file, lines=base.lines, data=kept, keys=base.keys, values=base.values, origins=base.origins
    )
    return lay_over(shown, own)


def in_environment(source: Source, environment: str) -> Source:
    """The campaign as one environment has it."""
    said = source.data.get("environments")
    if not isinstance(said, dict) or not isinstance(said.get(environment), dict):
        return source
    return lay_over(source, source, at=("environments", environment))


def said_environments(data: Any) -> tuple[str, ...]:
    """The environments for which a file says something."""
    said = data.get("environments") if isinstance(data, dict) else None
    return tuple(one for one in ENVIRONMENTS if isinstance(said, dict) and isinstance(said.get(one), dict))


def _merge(
    merged: Source, path: Path, base: Source, low: Path, below: Any, over: Source, high: Path, above: Any
) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return _copy(merged, path, over, high, above)
    _note(merged, path, over, high)
    built: dict[str, Any] = {}
    for key in (*below, *(one for one in above if one not in below)):
        here, under, upper = (*path, key), (*low, key), (*high, key)
        if key not in above:
            built[key] = _copy(merged, here, base, under, below[key])
        elif key not in below:
            built[key] = _copy(merged, here, over, upper, above[key])
        elif above[key] is not None:
            built[key] = _merge(merged, here, base, under, below[key], over, upper, above[key])
    return built


def _copy(merged: Source, path: Path, source: Source, there: Path, value: Any) -> Any:
    """A value as it stands in one file, and all places in it."""
    _note(merged, path, source, there)
    parts: Mapping[Any, Any] = {}
    if isinstance(value, dict):
        parts = value
    elif isinstance(value, list):
        parts = dict(enumerate(value))
    for key, part in parts.items():
        _copy(merged, (*path, key), source, (*there, key), part)
    return value


def _note(merged: Source, path: Path, source: Source, there: Path) -> None:
    if there in source.keys:
        merged.keys[path] = source.keys[there]
    if there in source.values:
        merged.values[path] = source.values[there]
    merged.origins[path] = source.origins.get(there, source)
