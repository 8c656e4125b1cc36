"""The languages of an e-mail: the files of its translations, and which of them a reader gets. Pure.

A template folder is one e-mail: `message.mjml.j2` is in the campaign's own language, and `message.de.mjml.j2` beside it says the
same in German.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Annotated

from pydantic import StringConstraints

LANGUAGE_PATTERN = r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$"
Language = Annotated[str, StringConstraints(pattern=LANGUAGE_PATTERN)]  # BCP 47, as the store writes it

_FILE = re.compile(r"message(?:\.(?P<language>[a-z]{2,3}(?:-[A-Za-z]{2,4})?))?\.(?P<form>mjml|html|txt)\.j2")
_SHOWN = frozenset({"mjml", "html"})


def is_part(file: str) -> bool:
    """Whether a template folder's file is part of the e-mail, in any language."""
    return _FILE.fullmatch(file) is not None


def language_of(file: str) -> str:
    """Return the language that a file's name says; empty for the campaign's own, and for a file of another kind."""
    match = _FILE.fullmatch(file)
    return (match["language"] or "") if match else ""


def file_in(file: str, language: str) -> str:
    """Return the name of a part's translation: `message.de.txt.j2` for `message.txt.j2` in German."""
    return file.replace("message.", f"message.{language}.", 1) if language else file


def translations_in(files: Iterable[str]) -> frozenset[str]:
    """Return the languages that a template folder's files translate the e-mail to, besides the campaign's own."""
    matches = (_FILE.fullmatch(file) for file in files)
    return frozenset(
        match["language"] for match in matches if match and match["language"] and match["form"] in _SHOWN
    )


@lru_cache(maxsize=4096)
def choose_translation(wanted: str, available: frozenset[str]) -> str:
    """Return the translation that a reader of a language gets: `de-AT`, else `de`, else the campaign's own (empty)."""
    by_tag = {language.lower(): language for language in available}
    tag = wanted.replace("_", "-").lower()
    while tag:
        if tag in by_tag:
            return by_tag[tag]
        tag = tag.rpartition("-")[0]
    return ""


def spoken(wanted: str, translation: str) -> str:
    """Return the language in which amounts and dates are written: the reader's, if it is a form of the translation's."""
    return wanted if wanted.replace("_", "-").lower().startswith(f"{translation.lower()}-") else translation


def written_twice(languages: Collection[str]) -> list[str]:
    """Return the languages that are there in two spellings, like `de-AT` and `de-at`."""
    folded = [language.lower() for language in languages]
    return sorted(language for language in languages if folded.count(language.lower()) > 1)
