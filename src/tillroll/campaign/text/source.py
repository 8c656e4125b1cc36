"""YAML with positions: plain data, and where every key and value is in the file.

YAML 1.2's core schema applies (`NO` is a country, `21:00` is a time of day, not a number). Positions come from the parser's
events. Anchors and aliases, tags, duplicate keys, more than a megabyte or 10,000 values, and nesting past 40 levels are refused:
no campaign needs them, and they can be used to exhaust memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
import yamlcore

from tillroll.campaign.text.clean import foreign_in_file
from tillroll.campaign.text.findings import MOST_FINDINGS, Finding

MOST_BYTES = 1_048_576
MOST_DEPTH = 40
MOST_EVENTS = 20_000  # a key and its value are two events; the parser needs a kilobyte for each

_CONTROL = re.compile(
    r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # YAML 1.2.2, 5.1

_TEXT_TAG = "tag:yaml.org,2002:str"

Path = tuple[str | int, ...]


class _Loader(yamlcore.CCoreLoader):  # type: ignore[misc]  # yamlcore has no types
    """LibYAML's parser with YAML 1.2's core schema, which keeps dates and clock times as text."""


@dataclass(kw_only=True)
class Source:
    """One parsed YAML file. `findings` are faults of the YAML itself; if there are any, `data` is None."""

    file: str
    lines: list[str]
    data: Any = None
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)  # position of each key
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)  # position of each value
    findings: list[Finding] = field(default_factory=list)
    origins: dict[Path, Source] = field(
        default_factory=dict
    )  # of a merged file: the file each part was written in

    def finding(self, path: Path, problem: str, *, suggestion: str = "", at_key: bool = False) -> Finding:
        """Return a finding at a place in the data: at its value (or its key), else at the nearest known place above."""
        line, column, origin = self._place(path, at_key)
        return origin.finding_at(line, column, problem, key=dotted(path), suggestion=suggestion)

    def finding_at(
        self, line: int, column: int, problem: str, *, key: str = "", suggestion: str = ""
    ) -> Finding:
        """Return a finding at a line and column."""
        source_line = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return Finding(
            file=self.file,
            line=line,
            column=column,
            key=key,
            problem=problem,
            suggestion=suggestion,
            source_line=source_line[:200],
        )

    def _place(self, path: Path, at_key: bool) -> tuple[int, int, Source]:
        order = (self.keys, self.values) if at_key else (self.values, self.keys)
        for end in range(len(path), -1, -1):
            for places in order:
                if path[:end] in places:
                    line, column = places[path[:end]]
                    return line, column, self.origins.get(path[:end], self)
        return 1, 1, self


def dotted(path: Path) -> str:
    """Return a path as text: `offer.value`, `where.all[1].orders`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def position_in(content: bytes, offset: int) -> tuple[int, int]:
    """Return the line and column (from 1, in characters) of a byte of a file."""
    before = content[:offset]
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return before.count(b"\n") + 1, column


def read_source(file: str, content: bytes) -> Source:
    """Parse one file. Never raises: every fault becomes a finding."""
    if len(content) > MOST_BYTES:
        source = Source(file=file, lines=[])
        source.findings.append(source.finding_at(1, 1, f"the file is larger than {MOST_BYTES // 1024} KiB"))
        return source
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        source = Source(file=file, lines=content.decode("utf-8", "replace").splitlines())
        line, column = position_in(content, fault.start)
        source.findings.append(
            source.finding_at(line, column, "this character is not UTF-8; save the file as UTF-8")
        )
        return source
    source = Source(file=file, lines=text.splitlines())
    if control := _CONTROL.search(text):
        before_it = text[: control.start()].splitlines() or [""]
        problem = f"the control character U+{ord(control[0]):04X} is not allowed; delete it"
        at_line_start = text[: control.start()].endswith("\n")
        line, column = (len(before_it) + 1, 1) if at_line_start else (len(before_it), len(before_it[-1]) + 1)
        source.findings.append(source.finding_at(line, column, problem))
        return source
    try:
        _read_events(source, text)
    except _Stop as stop:
        source.findings[:] = [stop.finding]
    except yaml.MarkedYAMLError as fault:
        source.findings[:] = [_yaml_finding(source, fault)]
    except yaml.YAMLError as fault:
        source.findings[:] = [source.finding_at(1, 1, f"this is not YAML: {_one_line(str(fault))}")]
    if source.findings:
        source.data = None
        del source.findings[MOST_FINDINGS:]
    return source


class _Stop(Exception):
    """Raised when reading further is pointless; carries the finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.problem)
        self.finding = finding


def _read_events(source: Source, text: str) -> None:
    """Build the data from the parser's events, each of which is checked first: nothing large or deep is ever built."""
    loader = _Loader(text)
    try:
        events = _guarded_events(source, loader)
        if next((event for event in events if isinstance(event, yaml.DocumentStartEvent)), None) is None:
            source.findings.append(source.finding_at(1, 1, "the file is empty"))
            return
        source.data = _build(source, loader, events, next(events), ())
        others = [_place(event) for event in events if isinstance(event, yaml.DocumentStartEvent)]
        if others:
            raise _Stop(source.finding_at(*others[0], "a second document (---); a file holds one document"))
    finally:
        loader.dispose()


def _guarded_events(source: Source, loader: Any) -> Iterator[yaml.Event]:
    """Yield the parser's events. Refuses anchors, aliases, tags, deep nesting and too many values."""
    depth, count = 0, 0
    while loader.check_event():
        event = loader.get_event()
        if isinstance(event, yaml.NodeEvent):
            if isinstance(event, yaml.AliasEvent) or event.anchor:
                problem = "anchors and aliases (& and *) are not allowed; write the value out"
                raise _Stop(source.finding_at(*_place(event), problem))
            if event.tag not in {None, "!"}:  # type: ignore[attr-defined]  # only aliases have none
                raise _Stop(source.finding_at(*_place(event), "tags (!) are not allowed"))
        if count > MOST_EVENTS:
            problem = "the file has more than 10,000 keys and values"
            raise _Stop(source.finding_at(*_place(event), problem))
        count += 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MOST_DEPTH:
                problem = f"nested deeper than {MOST_DEPTH} levels"
                raise _Stop(source.finding_at(*_place(event), problem))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        yield event


def _place(event: yaml.Event) -> tuple[int, int]:
    """Return the line and column of what an event is about, from 1."""
    mark = event.start_mark
    assert mark is not None  # noqa: S101 - every event of a parsed text has one
    return mark.line + 1, mark.column + 1


def _not_allowed(character: str) -> str:
    return f"the character U+{ord(character):04X} is not allowed; delete it"


def _build(source: Source, loader: Any, events: Iterator[yaml.Event], event: yaml.Event, path: Path) -> Any:
    """Return the value that begins with an event; its other events are taken from `events`."""
    source.values[path] = _place(event)
    if isinstance(event, yaml.ScalarEvent):
        return _build_scalar(source, loader, event, path)
    if isinstance(event, yaml.MappingStartEvent):
        return _build_mapping(source, loader, events, path)
    items: list[Any] = []
    for item in _until_end(events):
        items.append(_build(source, loader, events, item, (*path, len(items))))
    return items


def _build_scalar(source: Source, loader: Any, event: yaml.ScalarEvent, path: Path) -> Any:
    text = event.value
    if foreign := foreign_in_file(text):
        source.findings.append(source.finding(path, _not_allowed(foreign[0])))
        return None
    tag = loader.resolve(yaml.ScalarNode, text, event.implicit)
    if tag == _TEXT_TAG:
        return text
    try:
        return loader.construct_object(yaml.ScalarNode(tag, text))
    except ValueError:  # a number of thousands of digits, which Python refuses to read
        source.findings.append(source.finding(path, "this number has too many digits"))
        return None


def _build_mapping(source: Source, loader: Any, events: Iterator[yaml.Event], path: Path) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for event in _until_end(events):
        key = event.value if isinstance(event, yaml.ScalarEvent) else None
        at = path if key is None else (*path, key)
        if key is None:
            source.findings.append(source.finding_at(*_place(event), "a key must be text", key=dotted(path)))
        elif foreign := foreign_in_file(key):
            problem = _not_allowed(foreign[0])
            source.findings.append(source.finding_at(*_place(event), problem, key=dotted(path)))
        elif key in built:
            problem = f"this key is given twice; the first is on line {source.keys[at][0]}"
            source.findings.append(source.finding_at(*_place(event), problem, key=dotted(at)))
        else:
            source.keys[at] = _place(event)
            built[key] = _build(source, loader, events, next(events), at)
            continue
        _skip(events, event)
        _skip(events, next(events))
    return built


def _until_end(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    """Yield the first event of each item of a list, or of each key of a mapping, up to its end."""
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            return
        yield event


def _skip(events: Iterator[yaml.Event], event: yaml.Event) -> None:
    """Leave out the value that begins with an event."""
    if isinstance(event, yaml.CollectionStartEvent):
        for inner in _until_end(events):
            _skip(events, inner)


_SENTENCES = {
    "mapping values are not allowed": "unexpected colon: is the line above complete, or does this text need quotes?",
    "found character '\\t'": "a tab; indent YAML with spaces",
    "found character that cannot start any token": "this character can't begin a value; put the value in quotes",
    "could not find expected ':'": "a colon is missing after a key",
    "found unexpected end of stream": "a quote or bracket is opened but never closed",
    "did not find expected key": "the indentation doesn't match the lines above",
    "did not find expected ',' or ']'": "a list in brackets isn't closed: , or ] is missing",
    "did not find expected ',' or '}'": "a mapping in braces isn't closed: , or } is missing",
}


def _yaml_finding(source: Source, fault: yaml.MarkedYAMLError) -> Finding:
    is_open_quote = (
        fault.context == "while scanning a quoted scalar"
    )  # point at the quote, not at the file's end
    mark = fault.context_mark if is_open_quote else fault.problem_mark or fault.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = _one_line(f"{fault.problem or ''} {fault.context or ''}")
    if line <= len(source.lines) and "\t" in re.split(r"[^\s]", source.lines[line - 1] + "x")[0]:
        return source.finding_at(line, column, _SENTENCES["found character '\\t'"])
    for pattern, sentence in _SENTENCES.items():
        if pattern in problem:
            return source.finding_at(line, column, sentence)
    return source.finding_at(line, column, f"this is not YAML: {problem}")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
