"""What a campaign says of other files: do they exist, and do its subject, its schedule and its lists make sense?

Works on the plain data, not on the model, so that a fault elsewhere in the file hides none of these.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tillroll.campaign.folder.goods import folded
from tillroll.campaign.folder.templates import HTML, MJML, check_template
from tillroll.campaign.language.models import Codes
from tillroll.campaign.segments.segment import Segment, leaves
from tillroll.campaign.text.findings import Finding, nearest
from tillroll.campaign.text.source import Path, Source
from tillroll.campaign.timing.schedule import cron_fault

_MOST_LISTED = 12


@dataclass(frozen=True, kw_only=True)
class Known:
    """The names that a campaign may use; also of files that have faults themselves."""

    segments: Collection[str]
    formats: Collection[str]
    templates: Mapping[str, frozenset[str]]  # folder → its files


def check_links(source: Source, known: Known) -> list[Finding]:
    """Every name that leads nowhere or is given twice, and every fault of the subjects and the cron line."""
    found = _named(source, ("who", "segment"), "segment", known.segments)
    found += _each_named(source, ("who", "exclude"), "segment", known.segments)
    found += _check_exclude(source)
    blocks = [(), *(("steps", index) for index in range(_length(source, ("steps",))))]
    for block in blocks:
        found += _each_named(source, (*block, "unless_in"), "segment", known.segments)
        found += _check_codes(source, block, known)
        found += _check_message(source, (*block, "message"), known)
        found += _check_goods(source, (*block, "offer"))
    for index in range(_length(source, ("variants",))):
        found += _check_message(source, ("variants", index, "message"), known)
        found += _check_goods(source, ("variants", index, "offer"))
    cron = _at(source.data, ("when", "cron"))
    if isinstance(cron, str) and (fault := cron_fault(cron)):
        found.append(source.finding(("when", "cron"), fault))
    return found


def check_segment_names(
    source: Source, segment: Segment, *, lists: Collection[str], campaigns: Collection[str] | None
) -> list[Finding]:
    """Every list and campaign that a segment's conditions name and that isn't there; `campaigns` None: not known here."""
    found = []
    for path, name, value in leaves(segment.where):
        if name == "list":
            found += _each_named(source, (*path, "in"), "list", lists)
        elif campaigns is not None and hasattr(value, "campaigns"):
            found += _each_named(source, (*path, "campaigns"), "campaign", campaigns)
    return found


def _check_exclude(source: Source) -> list[Finding]:
    audience = _at(source.data, ("who", "segment"))
    return [
        source.finding(("who", "exclude", index), "this is the audience itself: nobody would be left")
        for index in range(_length(source, ("who", "exclude")))
        if isinstance(audience, str) and _at(source.data, ("who", "exclude", index)) == audience
    ]


def _check_codes(source: Source, block: Path, known: Known) -> list[Finding]:
    """The code format, where codes are drawn by it: of the campaign, or of a step that says its own."""
    if block:
        used = isinstance(_at(source.data, (*block, "codes")), dict)
    else:
        steps = [("steps", index) for index in range(_length(source, ("steps",)))]
        bare = [one for one in steps if _at(source.data, (*one, "codes")) is None]
        used = any(_at(source.data, (*one, "offer")) is not None for one in [(), *bare])
    if not used or _at(source.data, (*block, "codes", "shared")) is not None:
        return []
    return _named(source, (*block, "codes", "format"), "code format", known.formats, default=Codes().format)


def _check_goods(source: Source, offer: Path) -> list[Finding]:
    found = _twice(source, (*offer, "applies_to", "products"), "product", str.strip)
    return found + _twice(source, (*offer, "applies_to", "categories"), "category", folded)


def _check_message(source: Source, message: Path, known: Known) -> list[Finding]:
    """The templates and subjects of an e-mail and of its reminder."""
    found: list[Finding] = []
    for where in (message, (*message, "reminder")):
        found += _check_template(source, (*where, "template"), known)
        subject = _at(source.data, (*where, "subject"))
        if isinstance(subject, str):
            found += [
                source.finding((*where, "subject"), one.problem, suggestion=one.suggestion)
                for one in check_template(source.file, subject, key="message.subject")
            ]
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


def _length(source: Source, path: Path) -> int:
    items = _at(source.data, path)
    return len(items) if isinstance(items, list) else 0


def _each_named(source: Source, path: Path, what: str, known: Collection[str]) -> list[Finding]:
    return [
        one for index in range(_length(source, path)) for one in _named(source, (*path, index), what, known)
    ]


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


def _check_template(source: Source, where: Path, known: Known) -> list[Finding]:
    name = _at(source.data, where)
    if isinstance(name, str) and name in known.templates:
        if not {MJML, HTML} & known.templates[name]:
            return [source.finding(where, f"templates/{name}/ holds neither {MJML} nor {HTML}")]
        return []
    return _named(source, where, "template", known.templates)
