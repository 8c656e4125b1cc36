"""The words that a reader sees in a part of an e-mail, and those that its template has by itself. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape

_HIDDEN = re.compile(r"<(style|script|head|title)\b.*?</\1>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"</?(p|div|tr|td|th|h[1-6]|table|li|ul|ol|mj-[a-z-]+)\b[^>]*>|<br\s*/?>", re.IGNORECASE)
_MARKUP = re.compile(r"<[^>]+>")
_TEMPLATE_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_BLANKS = re.compile(r"[^\S\n]+")
BETWEEN = "\x1f"
"""Stands for a tag of the template in its own words, so that words on both sides of it don't become one."""


def lines_of(text: str) -> tuple[str, ...]:
    """Return the lines of a text that hold something, with single blanks."""
    lines = (_BLANKS.sub(" ", line).strip() for line in text.splitlines())
    return tuple(line for line in lines if line)


@lru_cache(maxsize=256)
def visible_text(html: str) -> str:
    """Return the words of an HTML part as its reader sees them, a block to a line."""
    text = _BREAK.sub("\n", _HIDDEN.sub(" ", " ".join(html.split())))
    return "\n".join(lines_of(unescape(_MARKUP.sub("", text))))


@lru_cache(maxsize=1_000)
def own_words(source: str) -> str:
    """Return the words that a template itself has, without those of its tags; markup is left out."""
    text = _TEMPLATE_TAG.sub(BETWEEN, _HIDDEN_IN_SOURCE.sub(" ", source))
    return unescape(_MARKUP.sub("", _BREAK.sub("\n", text)))


_HIDDEN_IN_SOURCE = re.compile(
    r"<(style|script|mj-style|mj-attributes)\b.*?</\1>|<!--.*?-->", re.DOTALL | re.IGNORECASE
)


def line_with(source: str, words: str) -> int:
    """Return the first line of a template's file that has some words; 0 if none has."""
    wanted = " ".join(words.split())
    for number, line in enumerate(source.splitlines(), start=1):
        if wanted in " ".join(line.split()) or wanted in unescape(line):
            return number
    return 0
