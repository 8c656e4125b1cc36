"""Reading one rendered e-mail as a whole. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tillroll.campaign.reading.days import days_in
from tillroll.campaign.reading.expected import Expected
from tillroll.campaign.reading.faults import EmailPart, WordFault, WordKind
from tillroll.campaign.reading.figures import figures_in
from tillroll.campaign.reading.gaps import blanks_in, gaps_in
from tillroll.campaign.reading.links import links_in
from tillroll.campaign.reading.visible import lines_of, own_words, visible_text

CLIPPED_FROM = 102 * 1024
"""Bytes of an e-mail's HTML that Gmail shows; it hides the rest behind a link (support.google.com, "clipped" messages)."""

LONGEST_SUBJECT = 78
"""Characters of a subject without its reader's name; programs on a desk show about so many, on a phone fewer."""


@dataclass(frozen=True, kw_only=True)
class EmailWords:
    """An e-mail as it would leave."""

    subject: str
    html: str
    text: str

    def visible(self) -> dict[EmailPart, str]:
        """Return what a reader sees of each part."""
        return {
            EmailPart.SUBJECT: self.subject,
            EmailPart.HTML: visible_text(self.html),
            EmailPart.TEXT: self.text,
        }


def read_email(
    words: EmailWords,
    sources: Mapping[EmailPart, str],
    expected: Expected,
    *,
    marked: EmailWords | None = None,
) -> Iterator[WordFault]:
    """Yield what is wrong in an e-mail. `sources` are the templates of its parts.

    `marked` is the same e-mail with signs for the values that its recipient doesn't have (`gaps.MARKERS`).
    """
    signs = marked.visible() if marked is not None else {}
    for part, text in words.visible().items():
        own = own_words(sources[part])
        yield from gaps_in(text, own, part, expected.names)
        yield from figures_in(text, own, expected, part)
        yield from days_in(text, own, expected, part)
        if part in signs:
            yield from blanks_in(lines_of(text), lines_of(signs[part]), part)
    yield from links_in(words.html, words.text)
    yield from _shape(words, expected)


def _shape(words: EmailWords, expected: Expected) -> Iterator[WordFault]:
    """Yield what is wrong with the parts as such: an empty one, one that is too long, a code that isn't shown."""
    subject = words.subject
    for name in expected.names:
        subject = subject.replace(name, "") if name else subject
    if not words.subject.strip():
        yield WordFault(kind=WordKind.GAPS, part=EmailPart.SUBJECT, problem="it is empty")
    elif len(subject) > LONGEST_SUBJECT:
        problem = f"it has {len(subject)} characters without the name, and most programs show at most {LONGEST_SUBJECT}"
        yield WordFault(kind=WordKind.STYLE, part=EmailPart.SUBJECT, problem=problem)
    for part, text in ((EmailPart.HTML, visible_text(words.html)), (EmailPart.TEXT, words.text)):
        if not text.strip():
            yield WordFault(kind=WordKind.GAPS, part=part, problem="it shows nothing")
        elif expected.code and expected.code not in text:
            problem = "it doesn't show the code; add {{ code.text }}"
            yield WordFault(kind=WordKind.STYLE, part=part, problem=problem)
    size = len(words.html.encode())
    if size > CLIPPED_FROM:
        problem = (
            f"it has {size // 1000} kB, and Gmail shows only the first 102 kB of an e-mail; make it shorter"
        )
        yield WordFault(kind=WordKind.STYLE, part=EmailPart.HTML, problem=problem)
