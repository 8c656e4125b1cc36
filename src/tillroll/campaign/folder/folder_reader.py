"""Reads the files that campaigns share (rules, lists, templates), with all their findings."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from tillroll.campaign.brand.brand import Brand
from tillroll.campaign.brand.partials import (
    FOLDER,
    inclusion_faults,
    inclusions_in,
    is_partial,
    partials_of,
    put_together,
    without_inclusions,
)
from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.codes.strength import bits_of, floor_bits, say_sufficient, sufficient_length
from tillroll.campaign.folder.links import SegmentNames, check_segment_names
from tillroll.campaign.folder.template_words import HTML, MJML, PARTS, TEXT
from tillroll.campaign.folder.templates import check_template
from tillroll.campaign.folder.validate import validate
from tillroll.campaign.language.blocks import StoreHoldout
from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.crm import CrmRules
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.notices import NoticeRules, ReportRules
from tillroll.campaign.language.privacy import ConsentRules, PrivacyRules
from tillroll.campaign.language.translations import file_in, is_part, language_of
from tillroll.campaign.segments.contradictions import check_segment
from tillroll.campaign.segments.iso_codes import check_codes, language_fault
from tillroll.campaign.segments.lists import CustomerList, read_list, recorded_list
from tillroll.campaign.segments.segment import Segment
from tillroll.campaign.segments.tiers import TierRules
from tillroll.campaign.text.clean import foreign_in_file
from tillroll.campaign.text.findings import Finding, nearest
from tillroll.campaign.text.source import Source, read_source

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NAME_PROBLEM = (
    "the name of a {} has only lower-case letters, digits and hyphens, since other files refer to it"
)
GUARDRAILS, CALENDAR, BRAND = "rules/guardrails.yaml", "rules/calendar.yaml", "rules/brand.yaml"
PRIVACY, NOTICES, CONSENT = "rules/privacy.yaml", "rules/notices.yaml", "rules/consent.yaml"
REPORTS, HOLDOUT = "rules/reports.yaml", "rules/holdout.yaml"
CRM, TIERS = "rules/crm.yaml", "rules/tiers.yaml"
_SINGLE_RULES: Mapping[str, type[BaseModel]] = {
    GUARDRAILS: Guardrails,
    CALENDAR: Calendar,
    BRAND: Brand,
    PRIVACY: PrivacyRules,
    NOTICES: NoticeRules,
    CONSENT: ConsentRules,
    REPORTS: ReportRules,
    HOLDOUT: StoreHoldout,
    CRM: CrmRules,
    TIERS: TierRules,
}
_RULE_FOLDERS = ("rules/segments/", "rules/codes/")
_RULE_PLACES = (
    "guardrails.yaml",
    "calendar.yaml",
    "brand.yaml",
    "privacy.yaml",
    "notices.yaml",
    "consent.yaml",
    "reports.yaml",
    "holdout.yaml",
    "crm.yaml",
    "tiers.yaml",
    "segments/*.yaml",
    "codes/*.yaml",
    "lists/*.csv",
)


@dataclass(kw_only=True)
class FolderReader:
    """The files of a folder and everything read from them so far."""

    files: Mapping[str, bytes]
    unreadable: Mapping[str, str]
    environment: str
    whole: bool  # False: the files are one recorded campaign's, and other names are unknown
    elsewhere: Collection[str]  # campaigns of other stores
    sources: dict[str, Source] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)  # by file; only those without faults
    segments: dict[str, str] = field(default_factory=dict)  # name → file
    formats: dict[str, str] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    templates: dict[str, set[str]] = field(default_factory=dict)  # folder name → its files
    bases: dict[str, tuple[str, ...]] = field(default_factory=dict)  # campaign file → files it extends
    texts: dict[str, str] = field(
        default_factory=dict
    )  # content of the templates' files, with their partials
    partials: dict[str, tuple[str, ...]] = field(default_factory=dict)  # template file → files it includes
    strays: list[str] = field(
        default_factory=list
    )  # unknown files in rules/ itself: maybe misnamed guardrails
    findings: dict[str, list[Finding]] = field(default_factory=dict)  # by file
    warnings: list[Finding] = field(default_factory=list)  # what stops no campaign

    def add(self, file: str, findings: list[Finding]) -> None:
        """Record findings of a file."""
        if findings:
            self.findings.setdefault(file, []).extend(findings)

    def complain(self, file: str, problem: str, suggestion: str = "") -> None:
        """Record a fault of the file as a whole."""
        finding = Finding(file=file, line=1, column=1, key="", problem=problem, suggestion=suggestion)
        self.add(file, [finding])

    def recorded(self, file: str) -> str:
        """Return what a revision keeps of a file: its text, or the count and digest of a list."""
        model = self.models.get(file)
        return model.recorded() if isinstance(model, CustomerList) else self.files[file].decode("utf-8-sig")


def folder_of(path: str) -> str:
    """Return `rules/segments` for `rules/segments/staff.yaml`."""
    return path.rpartition("/")[0]


def stem_of(path: str) -> str:
    """Return `staff` for `rules/segments/staff.yaml`: the name that other files use."""
    return path.rpartition("/")[2].rpartition(".")[0]


def claim_name(reader: FolderReader, taken: dict[str, str], path: str) -> None:
    """Record a file's name in `taken`; if two files have the same name, both get a finding."""
    first = taken.setdefault(stem_of(path), path)
    if first != path:
        problem = f"{first.rpartition('/')[2]} has the same name; delete or rename one of them"
        reader.complain(path, problem)
        reader.complain(first, f"{path.rpartition('/')[2]} has the same name; delete or rename one of them")


def read_shared(reader: FolderReader, path: str) -> None:
    """Read a file that campaigns share. Files that nothing reads get a finding, so that a misplaced rule isn't lost."""
    folder, name = folder_of(path), path.rpartition("/")[2]
    if folder == "rules/segments":
        claim_name(reader, reader.segments, path)
        _read(reader, path, Segment)
    elif folder == "rules/codes":
        claim_name(reader, reader.formats, path)
        _read(reader, path, CodeFormat)
    elif folder == "rules/lists" and name.endswith(".csv"):
        claim_name(reader, reader.lists, path)
        _read_list(reader, path)
    elif path in _SINGLE_RULES:
        _read(reader, path, _SINGLE_RULES[path])
    elif path.startswith("rules/"):
        problem = f"nothing reads this file: rules/ holds {', '.join(_RULE_PLACES)}"
        reader.complain(
            path, problem, nearest(path, [*_SINGLE_RULES, *(f"{place}{name}" for place in _RULE_FOLDERS)])
        )
        if folder == "rules":
            reader.strays.append(path)
    elif path.startswith("campaigns/") and folder != "campaigns":
        reader.complain(
            path,
            "nothing reads this file: campaigns belong in campaigns/ itself, or in a subfolder named by a store's number",
        )
    elif folder == FOLDER:
        _read_partial(reader, path, name)
    elif path.startswith("templates/") and folder.count("/") != 1:
        _misplaced_template(reader, path)
    elif path.startswith("templates/"):
        reader.templates.setdefault(folder.removeprefix("templates/"), set()).add(name)
        _read_template(reader, path, name)


def _misplaced_template(reader: FolderReader, path: str) -> None:
    """Report a template that isn't in a folder of `templates/` itself; a subfolder may be meant as a language."""
    *_, folder, name = path.split("/")
    if is_part(name) and not language_of(name) and is_part(file_in(name, folder)):
        problem = f"nothing reads this file: a translation is beside the e-mail, as {file_in(name, folder)}"
    else:
        problem = f"nothing reads this file: an e-mail is a folder in templates/, with {MJML}"
    reader.complain(path, problem)


def _read(reader: FolderReader, path: str, model: type[BaseModel]) -> None:
    source = open_source(reader, path)
    if source is None:
        return
    value, findings = validate(model, source)
    if value is not None:
        reader.models[path] = value
    reader.add(path, findings)


def _read_list(reader: FolderReader, path: str) -> None:
    """Read an uploaded list, or what a revision keeps of one."""
    if path in reader.unreadable:
        reader.complain(path, f"the file can't be read: {reader.unreadable[path]}")
        return
    if not _NAME.fullmatch(stem_of(path)):
        reader.complain(path, _NAME_PROBLEM.format("file"))
    kept = None if reader.whole else recorded_list(reader.files[path].decode("utf-8", "replace"))
    members, findings = (kept, []) if kept else read_list(path, reader.files[path])
    if members is not None:
        reader.models[path] = members
    reader.add(path, findings)


def check_segments(reader: FolderReader) -> None:
    """Check valid segments for contradictions and for unknown lists and campaigns."""
    campaigns = {stem_of(path) for path in reader.files if folder_of(path) == "campaigns"} | {
        *reader.elsewhere
    }
    for path in reader.segments.values():
        segment = reader.models.get(path)
        if segment is not None:
            source = reader.sources[path]
            known_campaigns = campaigns if reader.whole else None
            reader.add(path, check_segment(source, segment))
            if reader.whole:  # a recorded file stays readable, whatever the lists of codes say today
                reader.add(path, check_codes(source, segment))
            names = SegmentNames(lists=reader.lists, campaigns=known_campaigns, tiers=tier_names(reader))
            reader.add(path, check_segment_names(source, segment, names))


def tier_names(reader: FolderReader) -> Collection[str] | None:
    """Return the names of the tiers; None if their file has faults, so that nobody knows."""
    rules: TierRules | None = reader.models.get(TIERS)
    if rules is not None:
        return [tier.name for tier in rules.tiers]
    return None if reader.findings.get(TIERS) else ()


def check_formats(reader: FolderReader) -> None:
    """Report patterns of codes that can be guessed: a plan with such codes would be refused."""
    least = reader.models.get(GUARDRAILS, Guardrails()).least_bits
    for path in reader.formats.values() if reader.whole else ():
        code_format = reader.models.get(path)
        if code_format is None or code_format.pattern is None:
            continue
        bits = bits_of(code_format)
        if bits < least:
            drawn = sufficient_length(code_format, "", live=1, least_bits=least, most_chance=1.0)
            instead = say_sufficient(code_format, drawn) if drawn is not None else "use more symbols"
            problem = f"codes of this pattern can be guessed: {floor_bits(bits)} bits, and least_bits is {least:g}; {instead}"
            reader.add(path, [reader.sources[path].finding(("pattern",), problem)])


def open_source(reader: FolderReader, path: str) -> Source | None:
    """Return the file as plain data; None if it can't be read or isn't YAML."""
    if path in reader.unreadable:
        reader.complain(path, f"the file can't be read: {reader.unreadable[path]}")
        return None
    source = read_source(path, reader.files[path])
    reader.add(path, source.findings)
    if not _NAME.fullmatch(stem_of(path)):
        reader.add(path, [source.finding((), _NAME_PROBLEM.format("file"))])
    if source.findings:
        return None
    reader.sources[path] = source
    return source


def _foreign_characters(path: str, text: str) -> list[Finding]:
    """Return the first character that no e-mail can have, as a finding."""
    foreign = foreign_in_file(text, isolates=True)
    if foreign is None:
        return []
    line, start = text.count("\n", 0, foreign.start()) + 1, text.rfind("\n", 0, foreign.start()) + 1
    problem = f"the character U+{ord(foreign[0]):04X} is not allowed; delete it"
    return [Finding(file=path, line=line, column=foreign.start() - start + 1, key="", problem=problem)]


def _read_template(reader: FolderReader, path: str, name: str) -> None:
    if path in reader.unreadable:
        reader.complain(path, f"the file can't be read: {reader.unreadable[path]}")
    elif not is_part(name):
        problem = (
            f"nothing reads this file: an e-mail is {MJML} or {HTML}, and optionally {TEXT}; in German, as an example, "
            f"{file_in(MJML, 'de')}"
        )
        reader.complain(path, problem, nearest(name, PARTS))
    elif (language := language_of(name)) and (fault := language_fault(language))[0]:
        reader.complain(
            path, fault[0], file_in(name.replace(f".{language}.", ".", 1), fault[1]) if fault[1] else ""
        )
    else:
        _read_words(reader, path)
        if not _NAME.fullmatch(folder_of(path).removeprefix("templates/")):
            reader.complain(path, _NAME_PROBLEM.format("folder"))


def _read_partial(reader: FolderReader, path: str, name: str) -> None:
    """Read what several templates include."""
    if path in reader.unreadable:
        reader.complain(path, f"the file can't be read: {reader.unreadable[path]}")
    elif not is_partial(name):
        reader.complain(path, "nothing reads this file: a partial is called like footer.mjml.j2")
    else:
        _read_words(reader, path)


def _read_words(reader: FolderReader, path: str) -> None:
    """Read and check a file of a template."""
    try:
        text = reader.texts[path] = reader.files[path].decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = reader.files[path][: fault.start].count(b"\n") + 1
        problem = "a character is not UTF-8; save the file as UTF-8"
        reader.add(path, [Finding(file=path, line=line, column=1, key="", problem=problem)])
        return
    reader.add(path, check_template(path, without_inclusions(text)))
    reader.add(path, _foreign_characters(path, text))


def put_partials(reader: FolderReader) -> None:
    """Put partials into the templates that include them, and report what can't be included."""
    partials = partials_of(reader.texts)
    for path, text in reader.texts.items():
        if "include" in text:
            reader.add(path, inclusion_faults(path, text, partials))
            named = dict.fromkeys(each.partial for each in inclusions_in(text))
            reader.partials[path] = tuple(f"{FOLDER}/{name}" for name in named if name in partials)
            reader.texts[path] = put_together(path, text, partials)
