"""Encoding the text of a part (RFC 2045) as quoted-printable, or as base64 where most of it isn't ASCII.

A soft line break stands after each `>`. So the bytes between two of them depend on nothing else, and what a template says in
every e-mail is encoded once (`FixedTexts`). The bytes of a part depend on its text alone: not on how a template, or a form of it
that was prepared for a run, has cut it into pieces.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tillroll.rendering.encoding.sound import Sound, look_at

_LINE = 76  # characters of a line: RFC 2045, sections 6.7 and 6.8
_DROPPED = bytes({*range(0x20), 0x7F} - set(b"\t\n\r"))  # control characters, which no mail program shows
_DROPPED_OF_C1 = re.compile(rb"\xc2[\x80-\x9f]")  # the later ones, in UTF-8
_ASCII = bytes(range(0x80))
_STARTS = re.compile(r"(?<=[\n>])")  # where what follows is encoded apart from what is before
_CUT_FROM = 40  # characters: shorter fixed texts are encoded with what is around them


class Encoded(NamedTuple):
    """A text that is encoded apart from what is around it."""

    clean: bytes  # in UTF-8
    beyond_ascii: int  # bytes of it
    quoted: Sound  # ends with a line break, perhaps a soft one


class _Cut(NamedTuple):
    """A fixed text: its middle is the same whatever is before and after it."""

    head: str
    middle: Encoded
    tail: str


class FixedTexts:
    """The texts that are the same in all e-mails of a template. Each is encoded when it is seen first."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: set[str] = set()
        for text in texts:
            if len(text) >= _CUT_FROM:
                self._texts |= {
                    text,
                    text.lstrip(),
                    text.rstrip() + "\n",
                }  # the last two, at the ends of a part
        self._cuts: dict[str, _Cut | None] = {}

    def cut(self, text: str) -> _Cut | None:
        """Return a text with its encoded middle; None if it isn't fixed, or has none."""
        if len(text) < _CUT_FROM:
            return None
        if text not in self._cuts:
            if text not in self._texts:
                return None
            self._cuts[text] = _cut(text)
        return self._cuts[text]


class Pieces(NamedTuple):
    """The text of a part, as its template yields it."""

    texts: Sequence[str]
    fixed: FixedTexts = FixedTexts()

    def __str__(self) -> str:
        return "".join(self.texts)


def encode_body(pieces: Pieces) -> tuple[str, list[Sound]]:
    """Return the name of the encoding, and the encoded text in pieces."""
    found: list[Encoded] = []
    waiting: list[str] = []  # texts that are encoded together
    for piece in pieces.texts:
        cut = pieces.fixed.cut(piece)
        if cut is None:
            waiting.append(piece)
            continue
        waiting.append(cut.head)
        before = "".join(waiting)
        if before:
            found.append(_encode(before))
        found.append(cut.middle)
        waiting = [cut.tail]
    rest = "".join(waiting)
    if rest:
        found.append(_encode(rest))
    size, beyond_ascii = sum(len(each.clean) for each in found), sum(each.beyond_ascii for each in found)
    if beyond_ascii * 5 > size:  # quoted-printable takes three characters for each of these
        whole = b"".join([each.clean for each in found]).replace(b"\n", b"\r\n")
        return "base64", [look_at(in_base64(whole))]
    quoted = [each.quoted for each in found]
    if quoted and quoted[-1].data.endswith(b"=\r\n"):
        quoted[-1] = look_at(quoted[-1].data[:-3])
    return "quoted-printable", quoted


def _cut(text: str) -> _Cut | None:
    """Cut a fixed text where a part begins that doesn't depend on what is before, and where the last such part begins."""
    starts = [start.start() for start in _STARTS.finditer(text)]
    if not starts or starts[0] == starts[-1]:
        return None
    first, last = starts[0], starts[-1]
    return _Cut(text[:first], _encode(text[first:last]), text[last:])


def _encode(text: str) -> Encoded:
    if len(text) < _LINE and text.isalnum() and text.isascii():  # like a code
        clean = text.encode()
        return Encoded(clean, 0, look_at(clean + b"=\r\n"))
    clean = _clean_bytes(text)
    beyond_ascii = 0 if clean.isascii() else len(clean.translate(None, _ASCII))
    *ended, rest = clean.split(b">")
    quoted = b"".join([*(_quoted(line + b">") for line in ended), _quoted(rest)])
    return Encoded(clean, beyond_ascii, look_at(quoted.replace(b"\n", b"\r\n")))


def _quoted(clean: bytes) -> bytes:
    """Return quoted-printable that ends with a line break: with a soft one, if the text doesn't."""
    quoted = b2a_qp(clean, istext=True)
    if quoted and not quoted.endswith(b"\n"):
        if len(quoted) - quoted.rfind(b"\n") - 1 >= _LINE:  # no room for the = that ends the line
            last = 3 if quoted[-3:-2] == b"=" else 1
            quoted = quoted[:-last] + b"=\n" + quoted[-last:]
        quoted += b"=\n"
    return quoted


def _clean_bytes(text: str) -> bytes:
    """Return a text in UTF-8, with `\\n` at the ends of its lines and without control characters."""
    content = (
        text.encode("utf-8", "replace")
        .replace(b"\r\n", b"\n")
        .replace(b"\r", b"\n")
        .translate(None, _DROPPED)
    )
    return _DROPPED_OF_C1.sub(b"", content) if b"\xc2" in content else content


def in_base64(content: bytes) -> bytes:
    """Return bytes in base64, in lines."""
    encoded = b2a_base64(content, newline=False)
    return b"\r\n".join(encoded[start : start + _LINE] for start in range(0, len(encoded), _LINE))
