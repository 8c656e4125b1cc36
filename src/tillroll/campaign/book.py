"""All campaign files together: which campaigns they make, and everything that is wrong with them, at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from tillroll.campaign.calendar import Calendar
from tillroll.campaign.contradictions import check_segment
from tillroll.campaign.digest import digest
from tillroll.campaign.findings import Finding, nearest
from tillroll.campaign.guardrails import Guardrails
from tillroll.campaign.links import Known, check_links, check_segment_names
from tillroll.campaign.lists import CustomerList, read_list, recorded_list
from tillroll.campaign.models import Campaign
from tillroll.campaign.overlay import ENVIRONMENTS, extended, in_environment, said_environments
from tillroll.campaign.revision import (
    ENVIRONMENT_MARK,
    LIVE,
    Revision,
    formats_of,
    segments_of,
    templates_of,
)
from tillroll.campaign.rules import CodeFormat
from tillroll.campaign.segment import Segment, lists_of
from tillroll.campaign.source import Source, read_source
from tillroll.campaign.templates import HTML, MJML, PARTS, TEXT, check_template
from tillroll.campaign.units import shown
from tillroll.campaign.uses import check_uses
from tillroll.campaign.validate import validate
from tillroll.errors import FaultyFiles

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NAME_PROBLEM = "a file's name has lower-case letters, digits and hyphens: it is the name others use"
GUARDRAILS, CALENDAR = "rules/guardrails.yaml", "rules/calendar.yaml"
_SINGLE_RULES: Mapping[str, type[BaseModel]] = {GUARDRAILS: Guardrails, CALENDAR: Calendar}
_RULE_FOLDERS = ("rules/segments/", "rules/codes/")
_RULE_PLACES = ("guardrails.yaml", "calendar.yaml", "segments/*.yaml", "codes/*.yaml", "lists/*.csv")


@dataclass(frozen=True, kw_only=True)
class Book:
    """What a campaign folder says."""

    revisions: Mapping[str, Revision]  # the faultless campaigns, by name
    segments: Mapping[str, Segment]
    lists: Mapping[str, CustomerList]  # with their members
    findings: tuple[Finding, ...]
    faulty: frozenset[str]  # campaigns with a finding of their own or in a file they use


@dataclass(kw_only=True)
class _Shelf:
    """Everything read so far."""

    files: Mapping[str, bytes]
    unreadable: Mapping[str, str]
    environment: str
    whole: bool  # else the files are one recorded campaign's, and others can't be known
    elsewhere: Collection[str]  # campaigns of other stores
    sources: dict[str, Source] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)  # by file; faultless ones only
    segments: dict[str, str] = field(default_factory=dict)  # name → file
    formats: dict[str, str] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    templates: dict[str, set[str]] = field(default_factory=dict)  # folder name → its files
    bases: dict[str, tuple[str, ...]] = field(default_factory=dict)  # campaign file → those it extends
    texts: dict[str, str] = field(default_factory=dict)  # of the templates' files
    strays: list[str] = field(default_factory=list)  # in rules/ itself: perhaps meant as the guardrails
    findings: dict[str, list[Finding]] = field(default_factory=dict)  # by file

    def add(self, file: str, findings: list[Finding]) -> None:
        if findings:
            self.findings.setdefault(file, []).extend(findings)

    def complain(self, file: str, problem: str, suggestion: str = "") -> None:
        """A fault of the file as a whole."""
        found = Finding(file=file, line=1, column=1, key="", problem=problem, suggestion=suggestion)
        self.add(file, [found])


def parse_book(
    files: Mapping[str, bytes],
    *,
    unreadable: Mapping[str, str] | None = None,
    environment: str = LIVE,
    whole: bool = True,
    elsewhere: Collection[str] = (),
) -> Book:
    """Read all files: relative POSIX path → content. Never raises: whatever is wrong is a finding.

    `unreadable` are files that are there but couldn't be read, with the reason. Of the campaigns' `environments`, the given
    one is in force; the others are checked all the same. Files that aren't a `whole` folder are one campaign's, as recorded.
    `elsewhere` are campaigns of other stores: a segment that they share may name them.
    """
    missed = unreadable or {}
    shelf = _Shelf(
        files={**files, **dict.fromkeys(missed, b"")},
        unreadable=missed,
        environment=environment,
        whole=whole,
        elsewhere=elsewhere,
    )
    for path in sorted(shelf.files):
        _read_shared(shelf, path)
    _check_segments(shelf)
    known = Known(
        segments=shelf.segments,
        formats=shelf.formats,
        templates={name: frozenset(parts) for name, parts in shelf.templates.items()},
    )
    revisions: dict[str, Revision] = {}
    read: dict[str, str] = {}  # campaign → its file
    for path in sorted(shelf.files):
        if _folder(path) == "campaigns":
            _claim_name(shelf, read, path)
            _open(shelf, path)
    for path in sorted(shelf.files):
        if _folder(path) == "campaigns":
            _read_campaign(shelf, path, known, read)
    for name, path in read.items():
        if (revision := _revision(shelf, path, name)) is not None:
            revisions[name] = revision
    findings = tuple(sorted({finding for found in shelf.findings.values() for finding in found}))
    return Book(
        revisions=revisions,
        segments={name: shelf.models[path] for name, path in shelf.segments.items() if path in shelf.models},
        lists={name: shelf.models[path] for name, path in shelf.lists.items() if path in shelf.models},
        findings=findings,
        faulty=frozenset(read) - revisions.keys(),
    )


def revision_of(name: str, files: Mapping[str, str]) -> Revision:
    """A revision built again from recorded files; `FaultyFiles` if this version of Tillroll can't read them any more."""
    texts = {path: text.encode() for path, text in files.items() if path != ENVIRONMENT_MARK}
    book = parse_book(texts, environment=files.get(ENVIRONMENT_MARK, LIVE), whole=False)
    if name not in book.revisions:
        lines = tuple(finding.render() for finding in book.findings)
        raise FaultyFiles(f"The recorded files of campaign {name!r} can't be read.", lines=lines)
    return book.revisions[name]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]


def _claim_name(shelf: _Shelf, taken: dict[str, str], path: str) -> None:
    """Two files can't have one name: nobody could tell which of them counts."""
    first = taken.setdefault(_stem(path), path)
    if first != path:
        problem = f"{first.rpartition('/')[2]} has the same name; delete or rename one of them"
        shelf.complain(path, problem)
        shelf.complain(first, f"{path.rpartition('/')[2]} has the same name; delete or rename one of them")


def _read_shared(shelf: _Shelf, path: str) -> None:
    """A file that campaigns share, or that nothing reads: a rule in the wrong place must not be a rule less."""
    folder, name = _folder(path), path.rpartition("/")[2]
    if folder == "rules/segments":
        _claim_name(shelf, shelf.segments, path)
        _read(shelf, path, Segment)
    elif folder == "rules/codes":
        _claim_name(shelf, shelf.formats, path)
        _read(shelf, path, CodeFormat)
    elif folder == "rules/lists" and name.endswith(".csv"):
        _claim_name(shelf, shelf.lists, path)
        _read_list(shelf, path)
    elif path in _SINGLE_RULES:
        _read(shelf, path, _SINGLE_RULES[path])
    elif path.startswith("rules/"):
        problem = f"nothing reads this file: rules/ holds {', '.join(_RULE_PLACES)}"
        shelf.complain(
            path, problem, nearest(path, [*_SINGLE_RULES, *(f"{one}{name}" for one in _RULE_FOLDERS)])
        )
        if folder == "rules":
            shelf.strays.append(path)
    elif path.startswith("campaigns/") and folder != "campaigns":
        shelf.complain(
            path,
            "nothing reads this file: campaigns stand in campaigns/ itself, or in a folder of it with a store's number",
        )
    elif path.startswith("templates/"):
        shelf.templates.setdefault(folder.removeprefix("templates/"), set()).add(name)
        _read_template(shelf, path, name)


def _read(shelf: _Shelf, path: str, model: type[BaseModel]) -> None:
    source = _open(shelf, path)
    if source is None:
        return
    value, findings = validate(model, source)
    if value is not None:
        shelf.models[path] = value
    shelf.add(path, findings)


def _read_list(shelf: _Shelf, path: str) -> None:
    """An uploaded list, or what a revision keeps of one."""
    if path in shelf.unreadable:
        shelf.complain(path, f"the file can't be read: {shelf.unreadable[path]}")
        return
    if not _NAME.fullmatch(_stem(path)):
        shelf.complain(path, _NAME_PROBLEM)
    kept = None if shelf.whole else recorded_list(shelf.files[path].decode("utf-8", "replace"))
    found, findings = (kept, []) if kept else read_list(path, shelf.files[path])
    if found is not None:
        shelf.models[path] = found
    shelf.add(path, findings)


def _check_segments(shelf: _Shelf) -> None:
    """What shows only when a segment is sound in itself: conditions against each other, and names of lists and campaigns."""
    campaigns = {_stem(path) for path in shelf.files if _folder(path) == "campaigns"} | {*shelf.elsewhere}
    for path in shelf.segments.values():
        segment = shelf.models.get(path)
        if segment is not None:
            source = shelf.sources[path]
            known = campaigns if shelf.whole else None
            shelf.add(path, check_segment(source, segment))
            shelf.add(path, check_segment_names(source, segment, lists=shelf.lists, campaigns=known))


def _open(shelf: _Shelf, path: str) -> Source | None:
    """The file as plain data; None when it can't be read at all, or isn't YAML."""
    if path in shelf.unreadable:
        shelf.complain(path, f"the file can't be read: {shelf.unreadable[path]}")
        return None
    source = read_source(path, shelf.files[path])
    shelf.add(path, source.findings)
    if not _NAME.fullmatch(_stem(path)):
        shelf.add(path, [source.finding((), _NAME_PROBLEM)])
    if source.findings:
        return None
    shelf.sources[path] = source
    return source


def _read_template(shelf: _Shelf, path: str, name: str) -> None:
    if path in shelf.unreadable:
        shelf.complain(path, f"the file can't be read: {shelf.unreadable[path]}")
    elif name not in PARTS:
        problem = f"nothing reads this file: an e-mail is {MJML} or {HTML}, and {TEXT} if you like"
        shelf.complain(path, problem, nearest(name, PARTS))
    else:
        try:
            shelf.texts[path] = shelf.files[path].decode("utf-8-sig")
            shelf.add(path, check_template(path, shelf.texts[path]))
        except UnicodeDecodeError as fault:
            line = shelf.files[path][: fault.start].count(b"\n") + 1
            problem = "a character is not UTF-8; save the file as UTF-8"
            shelf.add(path, [Finding(file=path, line=line, column=1, key="", problem=problem)])
        if not _NAME.fullmatch(_folder(path).removeprefix("templates/")):
            shelf.complain(path, _NAME_PROBLEM.replace("file", "folder"))


def _read_campaign(shelf: _Shelf, path: str, known: Known, names: Mapping[str, str]) -> None:
    """Check a campaign as every environment has it; the one in force is what runs."""
    source = shelf.sources.get(path)
    if source is None:
        return
    whole = _with_bases(shelf, path, source, names, (path,))
    if whole is None:
        return
    _check_environments(shelf, path, whole)
    for environment in {shelf.environment, *said_environments(whole.data)}:
        here = in_environment(whole, environment) if isinstance(whole.data, dict) else whole
        value, findings = validate(Campaign, here)
        if environment == shelf.environment and value is not None:
            shelf.models[path] = value
        if isinstance(here.data, dict):
            told = {(one.line, one.column) for one in findings}
            # the model's word comes first: a place that isn't even a name needs no second complaint
            findings += [one for one in check_links(here, known) if (one.line, one.column) not in told]
        if value is not None:
            findings += check_uses(here, value, shelf.texts)
        shelf.add(path, findings)


def _with_bases(
    shelf: _Shelf, path: str, source: Source, names: Mapping[str, str], way: tuple[str, ...]
) -> Source | None:
    """The file over those it extends; None, with a finding, when there is no such campaign or they go round in a ring."""
    name = source.data.get("extends") if isinstance(source.data, dict) else None
    if not isinstance(name, str):
        return source
    base_path = names.get(name)
    if base_path is None:
        problem = f"there is no campaign {name[:80]!r} to extend"
        shelf.add(way[0], [source.finding(("extends",), problem, suggestion=nearest(name, names))])
        return None
    if base_path in way:
        shelf.add(way[0], [source.finding(("extends",), f"{name} extends this one: they go round in a ring")])
        return None
    base = shelf.sources.get(base_path)
    if base is None or not isinstance(base.data, dict):
        shelf.add(way[0], [source.finding(("extends",), f"{base_path} has faults of its own")])
        return None
    shelf.bases[way[0]] = (*shelf.bases.get(way[0], ()), base_path)
    under = _with_bases(shelf, base_path, base, names, (*way, base_path))
    return None if under is None else extended(under, source)


def _check_environments(shelf: _Shelf, path: str, source: Source) -> None:
    said = source.data.get("environments") if isinstance(source.data, dict) else None
    if not isinstance(said, dict):
        return
    for name in said:
        place = ("environments", name)
        if name not in ENVIRONMENTS:
            problem = f"there is no such environment; there are {', '.join(ENVIRONMENTS)}"
            word = nearest(str(name), ENVIRONMENTS)
            shelf.add(path, [source.finding(place, problem, suggestion=word, at_key=True)])
        elif not isinstance(said[name], dict):
            shelf.add(path, [source.finding(place, f"{shown(said[name])} is not a block of keys and values")])


def _revision(shelf: _Shelf, path: str, name: str) -> Revision | None:
    """The campaign with all it uses; None when anything of that has a fault."""
    campaign: Campaign | None = shelf.models.get(path)
    if campaign is None:
        return None
    used = _used_files(shelf, path, campaign)
    beside = [
        f"templates/{folder}/{part}"
        for folder in templates_of(campaign)
        for part in shelf.templates.get(folder, ())
    ]
    if any(shelf.findings.get(file) for file in (*used, *beside, *shelf.strays)):
        return None
    files = {file: _kept(shelf, file) for file in used}
    if shelf.environment in campaign.environments:
        files[ENVIRONMENT_MARK] = shelf.environment
    segments = {one: shelf.models[shelf.segments[one]] for one in sorted(segments_of(campaign))}
    lists = {one: shelf.models[shelf.lists[one]] for one in sorted(lists_of(segments.values()))}
    return Revision(
        name=name,
        digest=digest(files),
        campaign=campaign,
        files=files,
        segments=segments,
        lists={name: replace(one, members=()) for name, one in lists.items()},
        code_formats={one: shelf.models[shelf.formats[one]] for one in sorted(formats_of(campaign))},
        guardrails=shelf.models.get(GUARDRAILS) or Guardrails(),
        calendar=shelf.models.get(CALENDAR) or Calendar(),
    )


def _kept(shelf: _Shelf, file: str) -> str:
    """What a revision keeps of a file: its text, or who is on a list by the digest."""
    found = shelf.models.get(file)
    return found.recorded() if isinstance(found, CustomerList) else shelf.files[file].decode("utf-8-sig")


def _used_files(shelf: _Shelf, path: str, campaign: Campaign) -> list[str]:
    """Every file whose text has a part in what the campaign does."""
    maybe = {path, GUARDRAILS, CALENDAR, *shelf.bases.get(path, ())}
    maybe |= {shelf.segments[one] for one in segments_of(campaign) if one in shelf.segments}
    segments = [shelf.models.get(file) for file in maybe]
    lists = lists_of(one for one in segments if isinstance(one, Segment))
    maybe |= {shelf.lists[one] for one in lists if one in shelf.lists}
    maybe |= {shelf.formats[one] for one in formats_of(campaign) if one in shelf.formats}
    maybe |= {f"templates/{one}/{part}" for one in templates_of(campaign) for part in PARTS}
    return sorted(file for file in maybe if file in shelf.files)
