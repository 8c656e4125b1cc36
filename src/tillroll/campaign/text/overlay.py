"""Merging one file over another, for `extends:` and `environments:`. Every value keeps the position where it was written.

Blocks are merged key by key; text, numbers and lists replace the value below; `~` removes a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tillroll.campaign.text.source import Path, Source

ENVIRONMENTS = ("sandbox", "live")
NOT_INHERITED = frozenset({"extends", "status"})
"""Keys that are not taken over: an extended copy of an active campaign is a draft until its own file says otherwise."""


def merge(base: Source, overlay: Source, *, at: Path = ()) -> Source:
    """Return the base's data with the other file's data (or its part `at` a path) merged over it; both must be blocks."""
    merged = Source(file=overlay.file, lines=overlay.lines)
    above: Any = overlay.data
    for part in at:
        above = above[part]
    merged.data = _merge(merged, (), base, (), base.data, overlay, at, above)
    return merged


def extend(base: Source, own: Source) -> Source:
    """Merge a campaign's file over the one it extends."""
    kept = {key: value for key, value in base.data.items() if key not in NOT_INHERITED}
    inherited = Source(
        file=base.file, lines=base.lines, data=kept, keys=base.keys, values=base.values, origins=base.origins
    )
    return merge(inherited, own)


def for_environment(source: Source, environment: str) -> Source:
    """Return the campaign with the overrides of one environment."""
    overrides = source.data.get("environments")
    if not isinstance(overrides, dict) or not isinstance(overrides.get(environment), dict):
        return source
    return merge(source, source, at=("environments", environment))


def named_environments(data: Any) -> tuple[str, ...]:
    """Return the environments for which a file has overrides."""
    overrides = data.get("environments") if isinstance(data, dict) else None
    if not isinstance(overrides, dict):
        return ()
    return tuple(name for name in ENVIRONMENTS if isinstance(overrides.get(name), dict))


def _merge(
    merged: Source, path: Path, base: Source, low: Path, below: Any, overlay: Source, high: Path, above: Any
) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return _copy(merged, path, overlay, high, above)
    _note(merged, path, overlay, high)
    built: dict[str, Any] = {}
    for key in (*below, *(key for key in above if key not in below)):
        here, under, upper = (*path, key), (*low, key), (*high, key)
        if key not in above:
            built[key] = _copy(merged, here, base, under, below[key])
        elif key not in below:
            built[key] = _copy(merged, here, overlay, upper, above[key])
        elif above[key] is not None:
            built[key] = _merge(merged, here, base, under, below[key], overlay, upper, above[key])
    return built


def _copy(merged: Source, path: Path, source: Source, origin: Path, value: Any) -> Any:
    """Take a value from one file, with the positions of everything in it."""
    _note(merged, path, source, origin)
    parts: Mapping[Any, Any] = {}
    if isinstance(value, dict):
        parts = value
    elif isinstance(value, list):
        parts = dict(enumerate(value))
    for key, part in parts.items():
        _copy(merged, (*path, key), source, (*origin, key), part)
    return value


def _note(merged: Source, path: Path, source: Source, origin: Path) -> None:
    """Record where a value of the merged file was written."""
    if origin in source.keys:
        merged.keys[path] = source.keys[origin]
    if origin in source.values:
        merged.values[path] = source.values[origin]
    merged.origins[path] = source.origins.get(origin, source)
