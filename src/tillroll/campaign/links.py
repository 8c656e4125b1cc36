"""What a campaign says of other files: do they exist, and do its subject, its schedule and its lists make sense?

Works on the plain data, not on the model, so that a fault elsewhere in the file hides none of these.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tillroll.campaign.findings import Finding, nearest
from tillroll.campaign.goods import folded
from tillroll.campaign.models import Codes
from tillroll.campaign.schedule import cron_fault
from tillroll.campaign.source import Path, Source
from tillroll.campaign.templates import HTML, MJML, check_template

_MOST_LISTED = 12


@dataclass(frozen=True, kw_only=True)
class Known:
    """The names that a campaign may use; also of files that have faults themselves."""

    segments: Collection[str]
    formats: Collection[str]
    templates: Mapping[str, frozenset[str]]  # folder → its files


def check_links(source: Source, known: Known) -> list[Finding]:
    """Every name that leads nowhere or is given twice, and every fault of the subject and the cron line."""
    found = _named(source, ("who", "segment"), "segment", known.segments)
    exclude = _at(source.data, ("who", "exclude"))
    for index in range(len(exclude) if isinstance(exclude, list) else 0):
        found += _named(source, ("who", "exclude", index), "segment", known.segments)
    found += _named(source, ("codes", "format"), "code format", known.formats, default=Codes().format)
    found += _check_template(source, known)
    found += _twice(source, ("offer", "applies_to", "products"), "product", str.strip)
    found += _twice(source, ("offer", "applies_to", "categories"), "category", folded)
    subject = _at(source.data, ("message", "subject"))
    if isinstance(subject, str):
        found += [
            source.finding(("message", "subject"), one.problem, suggestion=one.suggestion)
            for one in check_template(source.file, subject, key="message.subject")
        ]
    cron = _at(source.data, ("when", "cron"))
    if isinstance(cron, str) and (fault := cron_fault(cron)):
        found.append(source.finding(("when", "cron"), fault))
    return found


def _at(data: Any, path: Path) -> Any:
    """What the file says at a place; None when it says nothing there."""
    for part in path:
        if isinstance(part, str) and isinstance(data, dict):
            data = data.get(part)
        elif isinstance(part, int) and isinstance(data, list) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _twice(source: Source, path: Path, what: str, key: Callable[[str], str]) -> list[Finding]:
    """Every item of a list that means the same as one before it."""
    items, first, found = _at(source.data, path), dict[str, int](), list[Finding]()
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, str) and first.setdefault(key(item), index) != index:
            found.append(source.finding((*path, index), f"the {what} {item[:80]!r} is named twice"))
    return found


def _named(
    source: Source, path: Path, what: str, known: Collection[str], default: str | None = None
) -> list[Finding]:
    """Whether the thing that is named exists; what isn't text is the model's to complain about."""
    name = _at(source.data, path)
    if name is None:
        name = default
    if not isinstance(name, str) or name in known:
        return []
    problem = f"there is no {what} {name[:80]!r}{_listed(known)}"
    return [source.finding(path, problem, suggestion=nearest(name, known))]


def _listed(known: Collection[str]) -> str:
    names = sorted(known)
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"; there are {', '.join(names[:_MOST_LISTED])}{more}" if names else ""


def _check_template(source: Source, known: Known) -> list[Finding]:
    where: Path = ("message", "template")
    name = _at(source.data, where)
    if isinstance(name, str) and name in known.templates:
        if not {MJML, HTML} & known.templates[name]:
            return [source.finding(where, f"templates/{name}/ holds neither {MJML} nor {HTML}")]
        return []
    return _named(source, where, "template", known.templates)
