"""Gaps in an e-mail: a value that isn't there shown as `None` or as nothing, and pieces of the template itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tillroll.campaign.reading.faults import EmailPart, WordFault, WordKind

_NO_VALUE = re.compile(r"(?<![\w'’-])(None|nan|NaN|NoneType|Undefined|undefined|null|Infinity)(?![\w'’-])")
_PIECES = re.compile(
    r"\{\{|\}\}|\{%|%\}|Decimal\('|datetime\.\w+\(|<class '|<built-in|&(?:amp|lt|gt|quot|nbsp|#\d+);"
)
_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:\d\d|Z)?")


@dataclass(frozen=True, kw_only=True)
class Marker:
    """A sign that stands for a value which a recipient doesn't have, to see where it would be shown."""

    field: str  # like customer.first_name
    sign: str


MARKERS = tuple(
    Marker(field=name, sign=chr(0xE000 + number))  # from the private use area of Unicode: no text has them
    for number, name in enumerate(
        (
            "customer.first_name",
            "customer.name",
            "customer.language",
            "customer.country",
            "store.email",
            "store.url",
        )
    )
)

_SIGNS = re.compile(f"[{''.join(marker.sign for marker in MARKERS)}]")
_BESIDE = 20  # characters that are compared on each side of a sign


def gaps_in(text: str, own: str, part: EmailPart, names: tuple[str, ...]) -> Iterator[WordFault]:
    """Yield what stands in a text where a value should; `own` are the template's own words, `names` the recipient's."""
    known = {*own.split(), *(word for name in names for word in name.split())}
    own_tokens = set(_NO_VALUE.findall(own)) | {
        match[1] for word in known if (match := _NO_VALUE.fullmatch(word))
    }
    for token in dict.fromkeys(_NO_VALUE.findall(text)):
        if token not in own_tokens:
            yield WordFault(
                kind=WordKind.GAPS, part=part, problem=f"it says “{token}” where a value is missing"
            )
    for piece in dict.fromkeys(match[0] for match in _PIECES.finditer(text)):
        if piece not in own:
            problem = f"it shows a piece of the template or of its markup, “{piece}”"
            yield WordFault(kind=WordKind.GAPS, part=part, problem=problem)
    if (moment := _MOMENT.search(text)) and moment[0] not in own:
        problem = f"it shows a moment as a computer writes it, “{moment[0]}”; add | date"
        yield WordFault(kind=WordKind.DATES, part=part, problem=problem)


def blanks_in(lines: tuple[str, ...], marked: tuple[str, ...], part: EmailPart) -> Iterator[WordFault]:
    """Yield the values that a recipient doesn't have and that an e-mail shows all the same, as nothing: `Hello ,`.

    `marked` are the lines of the same e-mail with a sign for each such value. Where the words on both sides of a sign stand
    side by side in the e-mail itself, nothing was said instead.
    """
    text = "\n".join(["", *lines, ""])
    for marker in MARKERS:
        around = (words for line in marked for words in _around(line, marker.sign) if words in text)
        bare = next(around, None)
        if bare is None:
            continue
        problem = f"{marker.field} is empty, and it says “{bare.strip()}”"
        kind = WordKind.GREETING if marker.field.startswith("customer.") else WordKind.GAPS
        yield WordFault(kind=kind, part=part, problem=problem, literal=marker.field)


def _around(line: str, sign: str) -> Iterator[str]:
    """Yield the words on both sides of each of a line's signs, without it; a line break stands for an end of the line."""
    pieces = line.split(sign)
    for before, after in pairwise(pieces):
        start = "\n" if before == pieces[0] and len(before) <= _BESIDE else ""
        end = "\n" if after == pieces[-1] and len(after) <= _BESIDE else ""
        left, right = _SIGNS.split(before)[-1], _SIGNS.split(after)[0]
        start, end = start if left == before else "", end if right == after else ""
        words = " ".join(f"{left[-_BESIDE:]}{right[:_BESIDE]}".split())
        if words:
            yield f"{start}{words}{end}"
