"""Bytes of an e-mail that were looked at: there is no half line break in them, no control character and no long line.

It knows nothing of how the bytes were made, so a mistake there can't hide itself here. Bytes that many e-mails have in common
are looked at once: what is true of the pieces is true of the whole, but for the lines that go on from one to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tillroll.errors import Refused

LONGEST_LINE = 998
"""Bytes of a line, without its end: RFC 5322, section 2.1.1."""

_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\r\n"))


class Sound(NamedTuple):
    """Bytes that were looked at; only `look_at` makes one."""

    data: bytes
    first: int  # bytes of its first line
    last: int  # bytes after its last line break
    is_line: bool  # there is no line break in it


def look_at(data: bytes) -> Sound:
    """Look at some bytes. Raises `Refused` if they can't be part of an e-mail."""
    lines = data.split(b"\r\n")
    breaks = len(lines) - 1
    if data.count(b"\r") != breaks or data.count(b"\n") != breaks:
        raise unsound("half of a line break is in it")
    if len(data.translate(None, _CONTROLS)) != len(data):
        raise unsound("a control character is in it")
    if breaks and max(map(len, lines)) > LONGEST_LINE:
        raise _too_long()
    return Sound(data, len(lines[0]), len(lines[-1]), not breaks)


def refuse_long_lines(pieces: Iterable[Sound]) -> None:
    """Raise `Refused` if a line that goes through several pieces is too long."""
    line = 0
    for piece in pieces:
        if line + piece.first > LONGEST_LINE:
            raise _too_long()
        line = line + piece.last if piece.is_line else piece.last


def unsound(problem: str) -> Refused:
    """Return the error for an e-mail whose bytes aren't what they must be."""
    return Refused(f"The e-mail wasn't sent: {problem}.", hint="Report this: it is a mistake in Tillroll.")


def _too_long() -> Refused:
    return unsound(f"a line of it has more than {LONGEST_LINE} bytes")
