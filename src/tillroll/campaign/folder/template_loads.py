"""What a template may not load: what is approved is what is sent, so an e-mail is made of the campaign's files alone.

Pictures, links and web fonts (`mj-font`) are addresses that the reader's mail program opens; Tillroll never does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tillroll.campaign.text.written.holding import may_hold

_WORDS = ("<link", "@import", "mj-include", "<?xml-stylesheet")
_FILE = "file:/"  # not as the end of a word
_SUSPICIOUS = re.compile("|".join([*map(re.escape, _WORDS), f"(?<![a-z]){_FILE}"]), re.IGNORECASE)
_LONGEST_TAG = 500
_STYLESHEET = re.compile(r"<link[^>]*stylesheet", re.IGNORECASE)

Load = tuple[int, str, str]
"""Line, word to point at, problem."""


def loads_of(text: str) -> Iterator[Load]:
    """Yield what a template would load from a network or a disk."""
    if not may_hold(text, (*_WORDS, _FILE)):
        return
    for found in _SUSPICIOUS.finditer(text):
        word = found[0]
        problem = _problem(word.lower(), text[found.start() : found.start() + _LONGEST_TAG])
        if problem:
            yield text.count("\n", 0, found.start()) + 1, word, problem


def _problem(word: str, rest: str) -> str:
    if word == "<link":
        is_stylesheet = _STYLESHEET.match(rest) is not None
        return (
            "a stylesheet isn't loaded; write its rules into a <style> of this file" if is_stylesheet else ""
        )
    if word == "@import":
        return "styles aren't imported; write them into this file, or name a web font with mj-font"
    if word == "file:/":
        return "a file of this machine isn't sent; use the address of a picture on the web"
    if word == "mj-include":
        return 'write <mj-include path="../_partials/footer.mjml.j2" />: only a partial of templates/_partials/ can be included'
    return "a stylesheet isn't loaded; write its rules into a <style> of this file"
