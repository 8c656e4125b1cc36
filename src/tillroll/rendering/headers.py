"""Writing headers (RFC 5322, RFC 2047) from clean text, by code that never reads one.

What isn't plain ASCII goes into encoded words, and so does what looks like one: `=?utf-8?q?…?=` in a customer's name is shown as
those letters, and no program decodes it.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from functools import lru_cache

from tillroll.rendering.addresses import Mailbox

LONGEST = 76
"""Characters of a line, without its end (RFC 2047, section 2)."""

_IN_NO_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_START, _END = "=?utf-8?b?", "?="


def text_header(name: str, text: str) -> str:
    """Return a header with a text, in lines. Control characters and line breaks of a text that isn't clean are left out."""
    text = _IN_NO_LINE.sub(" ", text).strip()
    return _folded(name, text.split(" ")) if _is_plain(text) else _encoded(name, text)


@lru_cache(maxsize=256)  # most are the same in all e-mails of a run
def token_header(name: str, value: str) -> str:
    """Return a header of addresses and tokens, in lines broken at its blanks. Encoding one would take its meaning away."""
    return _folded(name, value.split(" "))


def mailbox_header(name: str, box: Mailbox) -> str:
    """Return a header with one mailbox, in lines."""
    if not box.name:
        return f"{name}: {box.address}"
    quoted = '"' + box.name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    is_short = len(name) + 2 + len(quoted) <= LONGEST
    start = f"{name}: {quoted}" if is_short and _is_plain(box.name) else _encoded(name, box.name)
    address = f"<{box.address}>"
    last = len(start) - (start.rfind("\r\n") + 2 if "\r\n" in start else 0)
    return f"{start} {address}" if last + 1 + len(address) <= LONGEST else f"{start}\r\n {address}"


def _is_plain(text: str) -> bool:
    """Whether a text may stand as it is: ASCII, nothing that looks encoded, no space that folding would lose, no long word."""
    return (
        text.isascii()
        and text.isprintable()
        and "=?" not in text
        and text == " ".join(text.split())
        and max(map(len, text.split(" "))) < LONGEST - len("Subject: ")
    )


def _folded(name: str, words: list[str]) -> str:
    """Return a header with a line break instead of a space where a line would be too long."""
    lines, line = [], f"{name}: {words[0]}"
    for word in words[1:]:
        if len(line) + 1 + len(word) > LONGEST:
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line])


def _encoded(name: str, text: str) -> str:
    """Return a header with encoded words, each of whole characters and on a line of its own."""
    lines, start, piece = [], f"{name}: ", b""
    whole = text.encode()
    if len(start) + len(_START) + _of_base64(len(whole)) + len(_END) <= LONGEST:
        return _word(start, whole)
    for letter in text:
        encoded = letter.encode()
        if len(start) + len(_START) + _of_base64(len(piece) + len(encoded)) + len(_END) > LONGEST:
            lines.append(_word(start, piece))
            start, piece = " ", b""
        piece += encoded
    return "\r\n".join([*lines, _word(start, piece)])


def _of_base64(size: int) -> int:
    """Return how many characters so many bytes take in base64."""
    return (size + 2) // 3 * 4


def _word(start: str, piece: bytes) -> str:
    return f"{start}{_START}{b2a_base64(piece, newline=False).decode('ascii')}{_END}"
