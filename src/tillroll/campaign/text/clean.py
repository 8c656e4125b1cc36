"""Text from outside, made safe to keep and to show: names, addresses, ids and notes of stores, files, forms and commands.

`CleanText` holds what every later reader relies on:

- It is NFC, except keys, which are kept as they came.
- It has no control characters (C0, DEL, C1), no half surrogates and no noncharacters. So both databases store it, it is valid
  UTF-8, and a terminal does nothing but show it.
- It has no characters that turn the direction of text which isn't theirs (embeddings, overrides, isolates). Letters written from
  right to left, their marks (LRM, RLM, ALM), joiners, emoji and combining marks stay.
- It has no line breaks; a text of `clean_lines` has `\\n` alone.
- It is no longer than it says, and isn't cut amid what a reader sees as one character.

It is still data: `<`, `=`, `[red]` and `=?utf-8?q?…?=` stay. Who writes it into HTML, a spreadsheet, markup or a mail header
encodes it for that place.

What only people read is altered (`clean_line`, `clean_lines`). What identifies something is kept to the letter or refused
(`clean_key`, `clean_address`): an altered SKU, code or address would be someone else's.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NewType
from unicodedata import category, combining, normalize

from tillroll.errors import Refused

CleanText = NewType("CleanText", str)
"""A text that went through this module."""

LONGEST_LINE = 500
"""Characters of a line. In UTF-8 that is at most 2,000 bytes: PostgreSQL can index 2,704."""

LONGEST_TEXT = 20_000
"""Characters of a text of several lines."""

LONGEST_KEY = 255
"""Characters of a key: more than the store allows in a SKU, a coupon's code or an id."""

LONGEST_ADDRESS = 254
"""Characters of an e-mail address (RFC 5321, erratum 1690)."""

_LONGEST_LOCAL, _LONGEST_LABEL = 64, 63

_MOST_MARKS = 30
"""Combining marks on one letter (Unicode's Stream-Safe Text Format): no script needs more, and sorting more takes long."""

_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_SURROGATES = r"\ud800-\udfff"
_NONCHARACTERS = r"\ufdd0-\ufdef" + "".join(f"\\U{plane:04x}fffe\\U{plane:04x}ffff" for plane in range(0x11))
_DIRECTIONS = r"\u202a-\u202e\u2066-\u206f"  # with the deprecated ones, U+206A to U+206F
_HIDDEN = r"\ufeff\ufff9-\ufffb"  # byte order mark, interlinear annotations

_BREAKS = re.compile(r"[\t\n\x0b\x0c\r\x85\u2028\u2029]+")
_ONE_BREAK = re.compile(r"\r\n|[\n\x0b\x0c\r\x85\u2028\u2029]")
UNCLEAN = re.compile(f"[{_CONTROLS}{_SURROGATES}{_NONCHARACTERS}{_DIRECTIONS}{_HIDDEN}]")
UNCLEAN_IN_LINES = re.compile(
    f"[{_CONTROLS}{_SURROGATES}{_NONCHARACTERS}{_DIRECTIONS}{_HIDDEN}]".replace(
        r"\x00-\x1f", r"\x00-\x09\x0b-\x1f"
    )
)
_PLAIN_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
"""Nearly all addresses, found at once; the others are looked at letter by letter."""

_CONTROLS_BUT_SPACES = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"
_FOREIGN = re.compile(
    f"[{_CONTROLS_BUT_SPACES}{_SURROGATES}{_NONCHARACTERS}\\u202d\\u202e\\u206a-\\u206f\\ufff9-\\ufffb]"
)
_FOREIGN_OR_TURNING = re.compile(f"{_FOREIGN.pattern[:-1]}{_DIRECTIONS}]")
_IN_NO_ADDRESS = re.compile(r"[\s\"(),:;<>@\[\\\]]")
_SHORT = 200  # characters; the different ones of a longer text are looked at first
_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols that show nothing


class Unclean(StrEnum):
    """Why a key can't be kept."""

    CONTROL = "control"
    SURROGATE = "surrogate"
    NONCHARACTER = "noncharacter"
    DIRECTION = "direction"
    TOO_LONG = "too_long"
    NO_ADDRESS = "no_address"


_SENTENCES = {
    Unclean.CONTROL: "has a control character or a line break",
    Unclean.SURROGATE: "has half a character (a lone surrogate)",
    Unclean.NONCHARACTER: "has a code point that is no character",
    Unclean.DIRECTION: "has a character that turns the direction of text",
    Unclean.TOO_LONG: "is too long",
    Unclean.NO_ADDRESS: "is not an e-mail address",
}
_FAULTS = tuple(
    (why, re.compile(f"[{characters}]"))
    for why, characters in (
        (Unclean.CONTROL, _CONTROLS),
        (Unclean.SURROGATE, _SURROGATES),
        (Unclean.NONCHARACTER, _NONCHARACTERS),
        (Unclean.DIRECTION, _DIRECTIONS + _HIDDEN),
    )
)


class Uncleanable(Refused):
    """A key that can't be kept to the letter. Its message doesn't hold the key, which may be an address or a code."""

    def __init__(self, what: str, why: Unclean) -> None:
        super().__init__(f"{what} {_SENTENCES[why]}.", hint="Correct it where it comes from.")
        self.why = why
        self.reason = _SENTENCES[why]


def clean_line(raw: str, *, longest: int = LONGEST_LINE) -> CleanText:
    """Return a text for people as one line. Line breaks and tabs become spaces; a text that shows nothing becomes empty."""
    if len(raw) <= longest and raw.isascii() and raw.isprintable():
        return CleanText(raw.strip())
    # what is far behind the end can't matter; runs of breaks and dropped characters are the only things that make it shorter
    kept = UNCLEAN.sub("", _BREAKS.sub(" ", raw[: 4 * longest]))
    return _cut(_composed(kept), longest)


def clean_lines(raw: str, *, longest: int = LONGEST_TEXT) -> CleanText:
    """Return a text for people with its lines, which end in `\\n` alone. Tabs become spaces."""
    if len(raw) <= longest and raw.isascii() and raw.isprintable():
        return CleanText(raw.strip())
    broken = _ONE_BREAK.sub("\n", raw[: 4 * longest]).replace("\t", " ")
    kept = UNCLEAN_IN_LINES.sub("", broken)
    return _cut("\n".join(map(str.rstrip, _composed(kept).split("\n"))), longest)


def clean_key(raw: str, what: str, *, longest: int = LONGEST_KEY) -> CleanText:
    """Return a text that identifies something, to the letter. Raises `Uncleanable`; `what` begins its sentence: "The SKU"."""
    if len(raw) > longest:
        raise Uncleanable(what, Unclean.TOO_LONG)
    if not (raw.isascii() and raw.isprintable()):
        for why, characters in _FAULTS:
            if characters.search(raw):
                raise Uncleanable(what, why)
    return CleanText(raw)


def clean_address(raw: str, what: str = "The e-mail address") -> CleanText:
    """Return an e-mail address to the letter, without spaces around it. Raises `Uncleanable` if no e-mail could go there.

    Letters of any script are good on both sides of the @. Quoted local parts, comments and addresses of hosts by number aren't:
    shops' customers have none, and every parser reads them differently.
    """
    address = clean_key(raw.strip(), what, longest=LONGEST_ADDRESS)
    local, at, domain = address.partition("@")
    if len(local) <= _LONGEST_LOCAL and _PLAIN_ADDRESS.fullmatch(address):
        return address
    labels = domain.split(".")
    if not (at and 0 < len(local) <= _LONGEST_LOCAL and all(map(_is_label, labels))):
        raise Uncleanable(what, Unclean.NO_ADDRESS)
    if _IN_NO_ADDRESS.search(local) or any(category(letter) == "Cf" for letter in local):
        raise Uncleanable(what, Unclean.NO_ADDRESS)
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise Uncleanable(what, Unclean.NO_ADDRESS)
    return address


def foreign_in_file(text: str, *, isolates: bool = False) -> re.Match[str] | None:
    """Return the first character that a text of the user's files may not have; line breaks and tabs are good.

    `isolates`: embeddings and isolates are good too, since an e-mail may be written in a language that needs them. Overrides
    are not: they only make a text look like another.
    """
    if text.isascii() and text.isprintable():
        return None
    pattern = _FOREIGN if isolates else _FOREIGN_OR_TURNING
    if len(text) > _SHORT and not pattern.search(
        "".join(set(text))
    ):  # a text has far fewer different characters
        return None
    return pattern.search(text)


def is_clean(text: str) -> bool:
    """Whether a line is as this module leaves it, whatever its length."""
    return clean_line(text, longest=max(1, len(text))) == text


def _is_label(label: str) -> bool:
    """Whether a part of a domain may be one: letters of any script, digits, and hyphens inside."""
    return (
        0 < len(label) <= _LONGEST_LABEL
        and not label.startswith("-")
        and not label.endswith("-")
        and all(letter == "-" or letter.isalnum() or category(letter)[0] == "M" for letter in label)
    )


def _composed(text: str) -> str:
    """Return the text in NFC, with no more marks on a letter than scripts need."""
    if text.isascii():
        return text
    if not any(map(combining, text)):  # composing makes a few marks of a letter at most
        return normalize("NFC", text)
    return _few_marks(normalize("NFC", _few_marks(text)))


def _few_marks(text: str) -> str:
    kept, run = [], 0
    for letter in text:
        run = run + 1 if combining(letter) else 0
        if run <= _MOST_MARKS:
            kept.append(letter)
    return "".join(kept) if len(kept) < len(text) else text


def _cut(text: str, longest: int) -> CleanText:
    """Return the text without spaces and stray marks at its ends, cut to its length between two visible characters."""
    start = 0
    while start < len(text) and (text[start].isspace() or combining(text[start])):
        start += 1  # a mark without its letter would sit on what is printed before the text
    text = text[start:].rstrip()
    if len(text) > longest:
        end = longest
        while end > 0 and longest - end < 2 * _MOST_MARKS and _belong_together(text, end):
            end -= 1
        text = text[: end or longest].rstrip()
    return CleanText("" if all(map(_shows_nothing, text)) else text)


def _belong_together(text: str, at: int) -> bool:
    """Whether the characters before and after this place are seen as one."""
    before, after = text[at - 1], text[at]
    if before == _JOINER or after == _JOINER or category(after)[0] == "M":
        return True
    if ord(after) in _SKIN_TONES or ord(after) in _TAGS:
        return True
    if ord(after) in _FLAG_LETTERS:  # two of them are a flag
        flags = 0
        while flags < at and ord(text[at - 1 - flags]) in _FLAG_LETTERS:
            flags += 1
        return flags % 2 == 1
    return False


def _shows_nothing(letter: str) -> bool:
    return letter.isspace() or letter in _BLANK_LETTERS or category(letter) in ("Cf", "Mn", "Me")
