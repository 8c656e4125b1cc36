"""The files of a campaign folder, each read as what it is: rules, lists and templates, with everything that is wrong in them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.folder.links import check_segment_names
from tillroll.campaign.folder.templates import HTML, MJML, PARTS, TEXT, check_template
from tillroll.campaign.folder.validate import validate
from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.segments.contradictions import check_segment
from tillroll.campaign.segments.lists import read_list, recorded_list
from tillroll.campaign.segments.segment import Segment
from tillroll.campaign.text.findings import Finding, nearest
from tillroll.campaign.text.source import Source, read_source

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NAME_PROBLEM = "a file's name has lower-case letters, digits and hyphens: it is the name others use"
GUARDRAILS, CALENDAR = "rules/guardrails.yaml", "rules/calendar.yaml"
_SINGLE_RULES: Mapping[str, type[BaseModel]] = {GUARDRAILS: Guardrails, CALENDAR: Calendar}
_RULE_FOLDERS = ("rules/segments/", "rules/codes/")
_RULE_PLACES = ("guardrails.yaml", "calendar.yaml", "segments/*.yaml", "codes/*.yaml", "lists/*.csv")


@dataclass(kw_only=True)
class Shelf:
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


def folder_of(path: str) -> str:
    """`rules/segments` of `rules/segments/staff.yaml`."""
    return path.rpartition("/")[0]


def stem_of(path: str) -> str:
    """`staff` of `rules/segments/staff.yaml`: the name that others use."""
    return path.rpartition("/")[2].rpartition(".")[0]


def claim_name(shelf: Shelf, taken: dict[str, str], path: str) -> None:
    """Two files can't have one name: nobody could tell which of them counts."""
    first = taken.setdefault(stem_of(path), path)
    if first != path:
        problem = f"{first.rpartition('/')[2]} has the same name; delete or rename one of them"
        shelf.complain(path, problem)
        shelf.complain(first, f"{path.rpartition('/')[2]} has the same name; delete or rename one of them")


def read_shared(shelf: Shelf, path: str) -> None:
    """A file that campaigns share, or that nothing reads: a rule in the wrong place must not be a rule less."""
    folder, name = folder_of(path), path.rpartition("/")[2]
    if folder == "rules/segments":
        claim_name(shelf, shelf.segments, path)
        _read(shelf, path, Segment)
    elif folder == "rules/codes":
        claim_name(shelf, shelf.formats, path)
        _read(shelf, path, CodeFormat)
    elif folder == "rules/lists" and name.endswith(".csv"):
        claim_name(shelf, shelf.lists, path)
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


def _read(shelf: Shelf, path: str, model: type[BaseModel]) -> None:
    source = open_source(shelf, path)
    if source is None:
        return
    value, findings = validate(model, source)
    if value is not None:
        shelf.models[path] = value
    shelf.add(path, findings)


def _read_list(shelf: Shelf, path: str) -> None:
    """An uploaded list, or what a revision keeps of one."""
    if path in shelf.unreadable:
        shelf.complain(path, f"the file can't be read: {shelf.unreadable[path]}")
        return
    if not _NAME.fullmatch(stem_of(path)):
        shelf.complain(path, _NAME_PROBLEM)
    kept = None if shelf.whole else recorded_list(shelf.files[path].decode("utf-8", "replace"))
    found, findings = (kept, []) if kept else read_list(path, shelf.files[path])
    if found is not None:
        shelf.models[path] = found
    shelf.add(path, findings)


def check_segments(shelf: Shelf) -> None:
    """What shows only when a segment is sound in itself: conditions against each other, and names of lists and campaigns."""
    campaigns = {stem_of(path) for path in shelf.files if folder_of(path) == "campaigns"} | {*shelf.elsewhere}
    for path in shelf.segments.values():
        segment = shelf.models.get(path)
        if segment is not None:
            source = shelf.sources[path]
            known = campaigns if shelf.whole else None
            shelf.add(path, check_segment(source, segment))
            shelf.add(path, check_segment_names(source, segment, lists=shelf.lists, campaigns=known))


def open_source(shelf: Shelf, path: str) -> Source | None:
    """The file as plain data; None when it can't be read at all, or isn't YAML."""
    if path in shelf.unreadable:
        shelf.complain(path, f"the file can't be read: {shelf.unreadable[path]}")
        return None
    source = read_source(path, shelf.files[path])
    shelf.add(path, source.findings)
    if not _NAME.fullmatch(stem_of(path)):
        shelf.add(path, [source.finding((), _NAME_PROBLEM)])
    if source.findings:
        return None
    shelf.sources[path] = source
    return source


def _read_template(shelf: Shelf, path: str, name: str) -> None:
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
        if not _NAME.fullmatch(folder_of(path).removeprefix("templates/")):
            shelf.complain(path, _NAME_PROBLEM.replace("file", "folder"))
