"""The words of a campaign: subjects and templates. What else two revisions differ in, and what changed in the words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from tillroll.campaign.frozen.revision import Revision

_WORDS = frozenset({"template", "subject", "subjects", "language"})
_OF_NO_RUN = frozenset({"title", "owner", "status", "approval", "budget", "environments", "extends", "stops"})
"""Keys that say nothing of what a run offers, to whom, and how."""

_BRAND = "rules/brand.yaml"
_OTHER_FILES = ("rules/segments/", "rules/lists/", "rules/codes/")


@dataclass(frozen=True, kw_only=True)
class WordChange:
    """A subject or a template's file that differs between two revisions."""

    place: str  # the file, or `subjects`
    lines: tuple[str, ...]  # of a unified diff: with +, - or a blank in front


def other_changes(old: Revision, new: Revision) -> list[str]:
    """Return the keys and files in which two revisions of a campaign differ besides their words."""
    before, after = (_without_words(revision.campaign.model_dump()) for revision in (old, new))
    keys = [key for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)]
    files = [
        path
        for path in sorted(old.files.keys() | new.files.keys())
        if path.startswith(_OTHER_FILES) and old.files.get(path) != new.files.get(path)
    ]
    return [*(f"{key}:" for key in keys if key not in _OF_NO_RUN), *files]


def word_changes(old: Revision, new: Revision) -> Iterator[WordChange]:
    """Yield what changed in the words."""
    yield from _changed("subjects", _subjects(old), _subjects(new))
    was, now = _templates(old), _templates(new)
    for path in sorted(was.keys() | now.keys()):
        yield from _changed(path, was.get(path, ""), now.get(path, ""))


def _changed(place: str, before: str, after: str) -> Iterator[WordChange]:
    if before != after:
        lines = list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
        yield WordChange(place=place, lines=tuple(lines))


def _subjects(revision: Revision) -> str:
    lines = []
    for message in revision.campaign.messages:
        lines.append(f"{message.template}: {message.subject}")
        lines += [
            f"{message.template} ({language}): {text}" for language, text in sorted(message.subjects.items())
        ]
    return "\n".join(lines)


def _templates(revision: Revision) -> Mapping[str, str]:
    """Return the files that hold the words, the brand's too: its address and reason are words of every e-mail."""
    return {path: text for path, text in revision.files.items() if path.startswith(("templates/", _BRAND))}


def _without_words(value: Any) -> Any:
    """Return a campaign's data without the words of its e-mails."""
    if isinstance(value, dict):
        return {key: _without_words(inner) for key, inner in value.items() if key not in _WORDS}
    if isinstance(value, list | tuple):
        return [_without_words(inner) for inner in value]
    return value
