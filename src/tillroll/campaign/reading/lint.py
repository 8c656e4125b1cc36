"""What a finished e-mail lacks as an e-mail, whatever it says: to be reachable, readable, lawful, and shown whole. Pure.

`email.py` reads whether its words are true. This reads how it is made, as a careful colleague would before it leaves; a proof
shows it. Words that are said to lead into spam folders are not among it: mail providers judge the sender's record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from html.parser import HTMLParser

from tillroll.campaign.brand.colours import LEAST_CONTRAST, contrast
from tillroll.campaign.reading.email import CLIPPED_FROM, LONGEST_SUBJECT, EmailWords


class LintRule(StrEnum):
    """What is looked at."""

    UNSUBSCRIBE = "unsubscribe"  # a link to stop the e-mails, in both parts
    SUBJECT = "subject"  # its length
    ALT = "alt"  # a text for each picture
    LINKS = "links"  # https, and words that say where they lead
    CONTRAST = "contrast"  # texts that can be read on what they stand on
    HEADING = "heading"  # one heading, so that a screen reader can jump to it
    LANGUAGE = "language"  # said, so that it is spoken right
    DARK = "dark"  # a form for devices that are set to dark
    SIZE = "size"  # not clipped
    TEXT = "text"  # a text part that says something


_POINTS = {
    LintRule.UNSUBSCRIBE: 40,
    LintRule.SIZE: 20,
    LintRule.ALT: 10,
    LintRule.CONTRAST: 10,
    LintRule.LINKS: 10,
}
_FEW_POINTS = 5
BEST = 100

_SHORT_SUBJECT = 45
"""Characters of a subject that a phone shows: the rest may be cut off, so nothing is wrong before `LONGEST_SUBJECT`."""
_LEAST_TEXT = 40
_COLOUR = re.compile(r"(?:^|;)\s*(color|background-color|background)\s*:\s*(#[0-9a-fA-F]{6})\b")
_HIDDEN = re.compile(r"display\s*:\s*none")
_EMPTY = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
_UNSEEN = frozenset({"style", "script", "head", "title"})
_NAMELESS = frozenset({"here", "click here", "link", "hier", "ici", "qui", "aquí", "tukaj"})


@dataclass(frozen=True, kw_only=True, order=True)
class LintNote:
    """One thing that could be better, with its reason."""

    rule: LintRule
    problem: str  # a sentence


def score_of(notes: tuple[LintNote, ...]) -> int:
    """Return points from 0 to 100: each rule that something is said about takes its points once."""
    return max(0, BEST - sum(_POINTS.get(rule, _FEW_POINTS) for rule in {note.rule for note in notes}))


def lint(words: EmailWords, *, unsubscribe_link: str) -> Iterator[LintNote]:
    """Yield what could be better in an e-mail, whose reader stops these e-mails at a link."""
    for part, text in (("HTML", words.html), ("text", words.text)):
        if unsubscribe_link not in text.replace("&amp;", "&"):
            yield LintNote(
                rule=LintRule.UNSUBSCRIBE,
                problem=f"The {part} part has no link to unsubscribe; show {{{{ unsubscribe_link }}}}.",
            )
    if len(words.subject) > LONGEST_SUBJECT:
        long = len(words.subject)
        problem = f"The subject has {long} characters; programs show at most {LONGEST_SUBJECT}, phones {_SHORT_SUBJECT}."
        yield LintNote(rule=LintRule.SUBJECT, problem=problem)
    size = len(words.html.encode())
    if size > CLIPPED_FROM:
        problem = f"The HTML part has {size // 1000} kB; Gmail hides what is behind the first 102 kB."
        yield LintNote(rule=LintRule.SIZE, problem=problem)
    if len(words.text.strip()) < _LEAST_TEXT:
        yield LintNote(
            rule=LintRule.TEXT, problem="The text part says next to nothing; some people read only that."
        )
    page = _Page()
    page.feed(words.html)
    page.close()
    yield from dict.fromkeys(page.notes)
    yield from _of_whole(page, words.html)


def _of_whole(page: _Page, html: str) -> Iterator[LintNote]:
    if page.headings == 0:
        yield LintNote(rule=LintRule.HEADING, problem="There is no heading; put the main words into <h1>.")
    if not page.language:
        yield LintNote(
            rule=LintRule.LANGUAGE, problem='It doesn\'t say its language; begin with <mjml lang="en">.'
        )
    if "prefers-color-scheme" not in html:
        problem = "It has no dark form, so mail programs invert its colours as they like; see _partials/style.mjml.j2."
        yield LintNote(rule=LintRule.DARK, problem=problem)


@dataclass(frozen=True, kw_only=True)
class _Look:
    """The colours at a place, as far as styles in the tags say them."""

    tag: str
    ink: str
    paper: str
    hidden: bool = False  # like the line that mail programs show after the subject


@dataclass
class _Link:
    words: list[str] = field(default_factory=list)


class _Page(HTMLParser):
    """Reads an e-mail's HTML part."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.notes: list[LintNote] = []
        self.headings = 0
        self.language = ""
        self._open: list[_Look] = []
        self._link: _Link | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.headings += tag == "h1"
        if tag == "html":
            self.language = named.get("lang", "")
        elif tag == "img":
            self._see_picture(named)
        elif tag == "a":
            self._link = _Link()
            self._see_address(named.get("href", ""))
        if tag not in _EMPTY:
            self._open.append(self._look_of(tag, named))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._see_words()
        while any(look.tag == tag for look in self._open) and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if not text or any(look.hidden or look.tag in _UNSEEN for look in self._open):
            return
        if self._link is not None:
            self._link.words.append(text)
        look = self._open[-1] if self._open else None
        if look is not None and look.ink and look.paper and look.ink != look.paper:
            ratio = contrast(look.ink, look.paper)
            if ratio < LEAST_CONTRAST:
                colours = f"{look.ink} on {look.paper}"
                problem = (
                    f"“{text[:40]}” is hard to read: {colours} has a contrast of {ratio:.1f} to 1, not 4.5."
                )
                self.notes.append(LintNote(rule=LintRule.CONTRAST, problem=problem))

    def _look_of(self, tag: str, named: dict[str, str]) -> _Look:
        around = self._open[-1] if self._open else _Look(tag="", ink="", paper="#ffffff")
        styles = {name: colour.lower() for name, colour in _COLOUR.findall(named.get("style", ""))}
        paper = styles.get("background-color") or styles.get("background") or around.paper
        hidden = _HIDDEN.search(named.get("style", "")) is not None
        return _Look(tag=tag, ink=styles.get("color", around.ink), paper=paper, hidden=hidden)

    def _see_picture(self, named: dict[str, str]) -> None:
        if "alt" not in named:
            source = named.get("src", "")[:60]
            problem = f'The picture {source} has no alt text; write alt="…", or alt="" if it only decorates.'
            self.notes.append(LintNote(rule=LintRule.ALT, problem=problem))
        elif self._link is not None:
            self._link.words.append(named["alt"])

    def _see_address(self, address: str) -> None:
        if address.startswith("http://"):
            problem = f"A link leads to {address[:60]}, which isn't encrypted; write https://."
            self.notes.append(LintNote(rule=LintRule.LINKS, problem=problem))
        elif not address.strip() or address.strip() == "#":
            self.notes.append(LintNote(rule=LintRule.LINKS, problem="A link leads nowhere."))

    def _see_words(self) -> None:
        words = " ".join(self._link.words).strip() if self._link is not None else "-"
        self._link = None
        if not words:
            self.notes.append(LintNote(rule=LintRule.LINKS, problem="A link has no words, and no alt text."))
        elif words.lower().strip(" .:!›»") in _NAMELESS:
            problem = f"A link is called “{words}”; say where it leads, since links are also read without what is around them."
            self.notes.append(LintNote(rule=LintRule.LINKS, problem=problem))
