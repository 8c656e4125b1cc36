"""All campaign files together: which campaigns they make, and everything that is wrong with them, at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from tillroll.campaign.digest import digest
from tillroll.campaign.folder.links import Known, check_links
from tillroll.campaign.folder.shelf import (
    CALENDAR,
    GUARDRAILS,
    Shelf,
    check_segments,
    claim_name,
    folder_of,
    open_source,
    read_shared,
)
from tillroll.campaign.folder.templates import PARTS
from tillroll.campaign.folder.uses import check_uses
from tillroll.campaign.folder.validate import validate
from tillroll.campaign.frozen.revision import (
    ENVIRONMENT_MARK,
    LIVE,
    Revision,
    formats_of,
    segments_of,
    templates_of,
)
from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import Campaign
from tillroll.campaign.segments.lists import CustomerList
from tillroll.campaign.segments.segment import Segment, lists_of
from tillroll.campaign.text.findings import Finding, nearest
from tillroll.campaign.text.overlay import ENVIRONMENTS, extended, in_environment, said_environments
from tillroll.campaign.text.source import Source
from tillroll.campaign.text.units import shown
from tillroll.errors import FaultyFiles


@dataclass(frozen=True, kw_only=True)
class Book:
    """What a campaign folder says."""

    revisions: Mapping[str, Revision]  # the faultless campaigns, by name
    segments: Mapping[str, Segment]
    lists: Mapping[str, CustomerList]  # with their members
    findings: tuple[Finding, ...]
    faulty: frozenset[str]  # campaigns with a finding of their own or in a file they use


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
    shelf = Shelf(
        files={**files, **dict.fromkeys(missed, b"")},
        unreadable=missed,
        environment=environment,
        whole=whole,
        elsewhere=elsewhere,
    )
    for path in sorted(shelf.files):
        read_shared(shelf, path)
    check_segments(shelf)
    known = Known(
        segments=shelf.segments,
        formats=shelf.formats,
        templates={name: frozenset(parts) for name, parts in shelf.templates.items()},
    )
    revisions: dict[str, Revision] = {}
    read: dict[str, str] = {}  # campaign → its file
    for path in sorted(shelf.files):
        if folder_of(path) == "campaigns":
            claim_name(shelf, read, path)
            open_source(shelf, path)
    for path in sorted(shelf.files):
        if folder_of(path) == "campaigns":
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


def _read_campaign(shelf: Shelf, path: str, known: Known, names: Mapping[str, str]) -> None:
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
    shelf: Shelf, path: str, source: Source, names: Mapping[str, str], way: tuple[str, ...]
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


def _check_environments(shelf: Shelf, path: str, source: Source) -> None:
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


def _revision(shelf: Shelf, path: str, name: str) -> Revision | None:
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


def _kept(shelf: Shelf, file: str) -> str:
    """What a revision keeps of a file: its text, or who is on a list by the digest."""
    found = shelf.models.get(file)
    return found.recorded() if isinstance(found, CustomerList) else shelf.files[file].decode("utf-8-sig")


def _used_files(shelf: Shelf, path: str, campaign: Campaign) -> list[str]:
    """Every file whose text has a part in what the campaign does."""
    maybe = {path, GUARDRAILS, CALENDAR, *shelf.bases.get(path, ())}
    maybe |= {shelf.segments[one] for one in segments_of(campaign) if one in shelf.segments}
    segments = [shelf.models.get(file) for file in maybe]
    lists = lists_of(one for one in segments if isinstance(one, Segment))
    maybe |= {shelf.lists[one] for one in lists if one in shelf.lists}
    maybe |= {shelf.formats[one] for one in formats_of(campaign) if one in shelf.formats}
    maybe |= {f"templates/{one}/{part}" for one in templates_of(campaign) for part in PARTS}
    return sorted(file for file in maybe if file in shelf.files)
