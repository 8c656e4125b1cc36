"""Checks of a campaign's references to other files, of its subjects, its cron line and its lists of names.

They use the plain data, not the model, so that a fault elsewhere in the file hides none of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tillroll.campaign.folder.goods import fold_name
from tillroll.campaign.folder.template_words import HTML, MJML
from tillroll.campaign.folder.templates import check_template
from tillroll.campaign.language.models import Codes
from tillroll.campaign.language.translations import is_part, language_of
from tillroll.campaign.segments.segment import Segment, leaves
from tillroll.campaign.text.findings import Finding, nearest
from tillroll.campaign.text.source import Path, Source
from tillroll.campaign.timing.schedule import cron_fault

_MOST_LISTED = 12


@dataclass(frozen=True, kw_only=True)
class KnownNames:
    """The names that a campaign may use, including those of files with faults."""

    segments: Collection[str]
    formats: Collection[str]
    templates: Mapping[str, frozenset[str]]  # folder → its files
    tiers: Collection[str] | None = ()  # None: their file has faults


@dataclass(frozen=True, kw_only=True)
class SegmentNames:
    """The names that a segment's conditions may use; None: unknown, so they are not checked."""

    lists: Collection[str]
    campaigns: Collection[str] | None
    tiers: Collection[str] | None


def check_links(source: Source, known_names: KnownNames) -> list[Finding]:
    """Return all unknown or repeated names, and all faults of subjects and the cron line."""
    findings = _named(source, ("who", "segment"), "segment", known_names.segments)
    findings += _each_named(source, ("who", "exclude"), "segment", known_names.segments)
    findings += _check_exclude(source)
    for event in ("segment_entered", "segment_left"):
        findings += _named(source, ("when", "on", event, "segment"), "segment", known_names.segments)
    findings += _tier(source, ("when", "on", "tier_entered", "tier"), known_names.tiers)
    blocks = [(), *(("steps", index) for index in range(_length(source, ("steps",))))]
    for block in blocks:
        findings += _each_named(source, (*block, "unless_in"), "segment", known_names.segments)
        findings += _check_codes(source, block, known_names)
        findings += _check_message(source, (*block, "message"), known_names)
        findings += _check_goods(source, (*block, "offer"))
    for index in range(_length(source, ("variants",))):
        findings += _check_message(source, ("variants", index, "message"), known_names)
        findings += _check_goods(source, ("variants", index, "offer"))
    cron = _at(source.data, ("when", "cron"))
    if isinstance(cron, str) and (fault := cron_fault(cron)):
        findings.append(source.finding(("when", "cron"), fault))
    return findings


def check_segment_names(source: Source, segment: Segment, names: SegmentNames) -> list[Finding]:
    """Return all unknown lists, campaigns and tiers in a segment's conditions."""
    findings = []
    for path, name, value in leaves(segment.where):
        if name == "list":
            findings += _each_named(source, (*path, "in"), "list", names.lists)
        elif name == "tier":
            findings += _tier(source, path, names.tiers)
            for index in range(_length(source, (*path, "in"))):
                findings += _tier(source, (*path, "in", index), names.tiers)
        elif names.campaigns is not None and hasattr(value, "campaigns"):
            findings += _each_named(source, (*path, "campaigns"), "campaign", names.campaigns)
    return findings


def _tier(source: Source, path: Path, valid_names: Collection[str] | None) -> list[Finding]:
    """Check the name of a tier; without `rules/tiers.yaml` there is none."""
    name = _at(source.data, path)
    if valid_names is None or not isinstance(name, str):
        return []
    if not valid_names:
        return [source.finding(path, f"there is no tier {name[:80]!r}: add rules/tiers.yaml with your tiers")]
    return _named(source, path, "tier", valid_names)


def _check_exclude(source: Source) -> list[Finding]:
    audience = _at(source.data, ("who", "segment"))
    return [
        source.finding(("who", "exclude", index), "this is the audience itself, so nobody would be left")
        for index in range(_length(source, ("who", "exclude")))
        if isinstance(audience, str) and _at(source.data, ("who", "exclude", index)) == audience
    ]


def _check_codes(source: Source, block: Path, known_names: KnownNames) -> list[Finding]:
    """Check the code format of the campaign or of a step, if codes are drawn with it."""
    if block:
        used = isinstance(_at(source.data, (*block, "codes")), dict)
    else:
        steps = [("steps", index) for index in range(_length(source, ("steps",)))]
        inheriting = [step for step in steps if _at(source.data, (*step, "codes")) is None]
        used = any(_at(source.data, (*path, "offer")) is not None for path in [(), *inheriting])
    if not used or _at(source.data, (*block, "codes", "shared")) is not None:
        return []
    return _named(
        source, (*block, "codes", "format"), "code format", known_names.formats, default=Codes().format
    )


def _check_goods(source: Source, offer: Path) -> list[Finding]:
    findings = _twice(source, (*offer, "applies_to", "products"), "product", str.strip)
    return findings + _twice(source, (*offer, "applies_to", "categories"), "category", fold_name)


def _check_message(source: Source, message: Path, known_names: KnownNames) -> list[Finding]:
    """Check the templates and subjects of an e-mail and of its reminder."""
    findings: list[Finding] = []
    for place in (message, (*message, "reminder")):
        if _at(source.data, place) is None:
            continue
        findings += _check_template(source, (*place, "template"), known_names)
        subjects = _at(source.data, (*place, "subjects"))
        languages: list[Path] = [
            ("subjects", key) for key in (subjects if isinstance(subjects, dict) else ())
        ]
        for key in (("subject",), *languages):
            findings += _check_subject(source, (*place, *key))
    return findings


def _check_subject(source: Source, place: Path) -> list[Finding]:
    subject = _at(source.data, place)
    if not isinstance(subject, str):
        return []
    return [
        source.finding(place, fault.problem, suggestion=fault.suggestion)
        for fault in check_template(source.file, subject, key="message.subject")
    ]


def _at(data: Any, path: Path) -> Any:
    """Return the value at a place; None if there is none."""
    for part in path:
        if isinstance(part, str) and isinstance(data, dict):
            data = data.get(part)
        elif isinstance(part, int) and isinstance(data, list) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _twice(source: Source, path: Path, what: str, key: Callable[[str], str]) -> list[Finding]:
    """Return a finding for every item of a list that means the same as an earlier one."""
    items, first, findings = _at(source.data, path), dict[str, int](), list[Finding]()
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, str) and first.setdefault(key(item), index) != index:
            findings.append(source.finding((*path, index), f"the {what} {item[:80]!r} is listed twice"))
    return findings


def _length(source: Source, path: Path) -> int:
    items = _at(source.data, path)
    return len(items) if isinstance(items, list) else 0


def _each_named(source: Source, path: Path, what: str, valid_names: Collection[str]) -> list[Finding]:
    places = [(*path, index) for index in range(_length(source, path))]
    return [finding for place in places for finding in _named(source, place, what, valid_names)]


def _named(
    source: Source, path: Path, what: str, valid_names: Collection[str], default: str | None = None
) -> list[Finding]:
    """Check that a name is known; the model reports values that aren't text."""
    name = _at(source.data, path)
    if name is None:
        name = default
    if not isinstance(name, str) or name in valid_names:
        return []
    problem = f"there is no {what} {name[:80]!r}{_listed(valid_names)}"
    return [source.finding(path, problem, suggestion=nearest(name, valid_names))]


def _listed(valid_names: Collection[str]) -> str:
    names = sorted(valid_names)
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"; there are {', '.join(names[:_MOST_LISTED])}{more}" if names else ""


def _check_template(source: Source, place: Path, known_names: KnownNames) -> list[Finding]:
    name = _at(source.data, place)
    if isinstance(name, str) and name in known_names.templates:
        if not {MJML, HTML} & known_names.templates[name]:
            problem = f"templates/{name}/ has neither {MJML} nor {HTML}"
            if any(is_part(file) and language_of(file) for file in known_names.templates[name]):
                problem += "; the file in the campaign's own language has no language in its name"
            return [source.finding(place, problem)]
        return []
    return _named(source, place, "template", known_names.templates)


def unknown_campaigns(
    source: Source, path: Path, names: Sequence[str], known: Sequence[str]
) -> list[Finding]:
    """Return the names of a list that no campaign has."""
    return [
        source.finding((*path, place), f"there is no campaign {name}", suggestion=nearest(name, known))
        for place, name in enumerate(names)
        if name not in known
    ]
