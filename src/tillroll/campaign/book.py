"""All campaign files together: which campaigns they make, and everything that is wrong with them, at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tillroll.campaign.digest import digest
from tillroll.campaign.findings import Finding, nearest
from tillroll.campaign.models import Campaign
from tillroll.campaign.rules import Calendar, CodeFormat, Guardrails
from tillroll.campaign.schedule import cron_fault
from tillroll.campaign.segment import Segment
from tillroll.campaign.source import Source, read_source
from tillroll.campaign.templates import HTML, MJML, PARTS, check_template
from tillroll.campaign.validate import validate
from tillroll.errors import FaultyFiles

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
GUARDRAILS, CALENDAR = "rules/guardrails.yaml", "rules/calendar.yaml"


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One version of a campaign: its file and everything it uses, as they stood together."""

    name: str
    digest: str  # SHA-256 over path and text of every file below
    campaign: Campaign
    files: Mapping[str, str]  # relative POSIX path → text
    segments: Mapping[str, Segment]  # the audience's and the excluded ones
    code_format: CodeFormat
    guardrails: Guardrails
    calendar: Calendar

    @property
    def template_files(self) -> Mapping[str, str]:
        """The e-mail's files by their names within the template folder."""
        folder = f"templates/{self.campaign.message.template}/"
        return {
            path.removeprefix(folder): text for path, text in self.files.items() if path.startswith(folder)
        }


@dataclass(frozen=True, kw_only=True)
class Book:
    """What a campaign folder says."""

    revisions: Mapping[str, Revision]  # the faultless campaigns, by name
    segments: Mapping[str, Segment]
    findings: tuple[Finding, ...]
    faulty: frozenset[str]  # campaigns with a finding of their own or in a file they use


@dataclass(kw_only=True)
class _Shelf:
    """Everything read so far."""

    files: Mapping[str, bytes]
    sources: dict[str, Source] = field(default_factory=dict)
    segments: dict[str, Segment] = field(default_factory=dict)
    formats: dict[str, CodeFormat] = field(default_factory=dict)
    guardrails: Guardrails | None = None
    calendar: Calendar | None = None
    findings: dict[str, list[Finding]] = field(default_factory=dict)  # by file

    def add(self, file: str, findings: list[Finding]) -> None:
        if findings:
            self.findings.setdefault(file, []).extend(findings)

    def names(self, folder: str) -> list[str]:
        """The names of the YAML files of a folder."""
        return [_stem(path) for path in self.files if _folder(path) == folder]


def parse_book(files: Mapping[str, bytes]) -> Book:
    """Read all files: relative POSIX path → content. Never raises: whatever is wrong is a finding."""
    shelf = _Shelf(files=files)
    _read_rules(shelf)
    _read_templates(shelf)
    revisions: dict[str, Revision] = {}
    faulty: set[str] = set()
    for path in sorted(files):
        if _folder(path) != "campaigns":
            continue
        name = _stem(path)
        revision = _read_campaign(shelf, path, name)
        if revision is None:
            faulty.add(name)
        else:
            revisions[name] = revision
    findings = tuple(sorted({finding for found in shelf.findings.values() for finding in found}))
    return Book(revisions=revisions, segments=shelf.segments, findings=findings, faulty=frozenset(faulty))


def revision_of(name: str, files: Mapping[str, str]) -> Revision:
    """A revision built again from recorded files; `FaultyFiles` if this version of Tillroll can't read them any more."""
    book = parse_book({path: text.encode() for path, text in files.items()})
    if name not in book.revisions:
        lines = tuple(finding.render() for finding in book.findings)
        raise FaultyFiles(f"The recorded files of campaign {name!r} can't be read.", lines=lines)
    return book.revisions[name]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]


def _read_rules(shelf: _Shelf) -> None:
    for path in sorted(shelf.files):
        folder = _folder(path)
        if folder == "rules/segments" and (segment := _read(shelf, path, Segment)):
            shelf.segments[_stem(path)] = segment
        elif folder == "rules/codes" and (code_format := _read(shelf, path, CodeFormat)):
            shelf.formats[_stem(path)] = code_format
        elif path == GUARDRAILS:
            shelf.guardrails = _read(shelf, path, Guardrails)
        elif path == CALENDAR:
            shelf.calendar = _read(shelf, path, Calendar)


def _read(shelf: _Shelf, path: str, model: Any) -> Any:
    source = read_source(path, shelf.files[path])
    shelf.sources[path] = source
    value, findings = validate(model, source)
    if not _NAME.fullmatch(_stem(path)):
        problem = "a file's name has lower-case letters, digits and hyphens: it is the name others use"
        findings = [*findings, source.finding((), problem)]
    shelf.add(path, findings)
    return value


def _read_templates(shelf: _Shelf) -> None:
    for path, content in sorted(shelf.files.items()):
        if path.startswith("templates/") and path.endswith(".j2"):
            try:
                text = content.decode("utf-8")
            except UnicodeDecodeError:
                shelf.add(
                    path, [Finding(file=path, line=1, column=1, key="", problem="this file is not UTF-8")]
                )
                continue
            shelf.add(path, check_template(path, text))


def _read_campaign(shelf: _Shelf, path: str, name: str) -> Revision | None:
    campaign: Campaign | None = _read(shelf, path, Campaign)
    if campaign is None:
        return None
    source = shelf.sources[path]
    shelf.add(path, _cross_check(shelf, source, campaign))
    used = _used_files(shelf, path, campaign)
    if any(shelf.findings.get(file) for file in used):
        return None
    files = {file: shelf.files[file].decode("utf-8-sig") for file in used}
    wanted = {campaign.who.segment, *campaign.who.exclude}
    return Revision(
        name=name,
        digest=digest(files),
        campaign=campaign,
        files=files,
        segments={one: shelf.segments[one] for one in sorted(wanted)},
        code_format=shelf.formats[campaign.codes.format],
        guardrails=shelf.guardrails or Guardrails(),
        calendar=shelf.calendar or Calendar(),
    )


def _used_files(shelf: _Shelf, path: str, campaign: Campaign) -> list[str]:
    """Every file whose text has a part in what the campaign does."""
    names = {campaign.who.segment, *campaign.who.exclude}
    template = f"templates/{campaign.message.template}"
    return sorted(
        file
        for file in shelf.files
        if file in {path, GUARDRAILS, CALENDAR}
        or (_folder(file) == "rules/segments" and _stem(file) in names)
        or (_folder(file) == "rules/codes" and _stem(file) == campaign.codes.format)
        or (_folder(file) == template and file.rpartition("/")[2] in PARTS)
    )


def _cross_check(shelf: _Shelf, source: Source, campaign: Campaign) -> list[Finding]:
    """What a campaign says of other files, and of its schedule and subject."""
    found: list[Finding] = []

    def named(path: tuple[str | int, ...], what: str, name: str, known: list[str]) -> None:
        if name not in known:
            listed = f"; there are {', '.join(sorted(known))}" if known else ""
            found.append(
                source.finding(path, f"there is no {what} {name!r}{listed}", suggestion=nearest(name, known))
            )

    segments = shelf.names("rules/segments")
    named(("who", "segment"), "segment", campaign.who.segment, segments)
    for index, name in enumerate(campaign.who.exclude):
        named(("who", "exclude", index), "segment", name, segments)
    named(("codes", "format"), "code format", campaign.codes.format, shelf.names("rules/codes"))
    found += _check_message(shelf, source, campaign)
    if campaign.when.cron is not None and (fault := cron_fault(campaign.when.cron)):
        found.append(source.finding(("when", "cron"), fault))
    return found


def _check_message(shelf: _Shelf, source: Source, campaign: Campaign) -> list[Finding]:
    found: list[Finding] = []
    folders = sorted(
        {path.split("/")[1] for path in shelf.files if path.startswith("templates/") and path.count("/") == 2}
    )
    template = campaign.message.template
    where = ("message", "template")
    if template not in folders:
        listed = f"; there are {', '.join(folders)}" if folders else ""
        found.append(
            source.finding(
                where, f"there is no template {template!r}{listed}", suggestion=nearest(template, folders)
            )
        )
    elif not {f"templates/{template}/{MJML}", f"templates/{template}/{HTML}"} & shelf.files.keys():
        found.append(source.finding(where, f"templates/{template}/ holds neither {MJML} nor {HTML}"))
    line, column = source.values.get(("message", "subject"), (1, 1))
    subject = check_template(
        source.file, campaign.message.subject, line=line, column=column, key="message.subject"
    )
    return found + [
        source.finding(("message", "subject"), one.problem, suggestion=one.suggestion) for one in subject
    ]
