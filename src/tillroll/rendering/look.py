"""The last look at an e-mail's bytes: it refuses what must not be there, whoever wrote it.

It knows nothing of how the bytes were made, so a mistake there can't hide itself here. The headers are read anew in each e-mail;
of its body, bytes that were looked at before (`encoding/sound.py`) are not read again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tillroll.rendering.encoding.sound import Sound, look_at, refuse_long_lines, unsound

HEADERS = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")
"""The headers that an e-mail of ours has: these, once each, in this order."""

_BEFORE_BULK = 5
BULK_HEADERS = (
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Feedback-ID",
    "Auto-Submitted",
    "Reply-To",
)
"""Those that an e-mail to many people has besides, after the first five. The second is only there with an https link, and the
last only if answers go elsewhere than to the sender."""

_ALL = (*HEADERS[:_BEFORE_BULK], *BULK_HEADERS, *HEADERS[_BEFORE_BULK:])
_OPTIONAL = ({"List-Unsubscribe-Post"}, {"Reply-To"}, {"List-Unsubscribe-Post", "Reply-To"}, set[str]())
_BULK = [[name.encode() for name in _ALL if name not in missing] for missing in _OPTIONAL]
_PLAIN = [[name.encode() for name in HEADERS]]

_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_ENCODED_WORD = re.compile(rb"=\?utf-8\?b\?[A-Za-z0-9+/=]*\?=")


def refuse_unsound(content: bytes, *, to: str, bulk: bool = False) -> None:
    """Raise `Refused` unless these are the bytes of one e-mail to one address, with our headers and nothing else.

    `bulk`: it goes to many people, and has to say how to stop it.
    """
    head, _, body = content.partition(b"\r\n\r\n")
    refuse_unsound_pieces(head, [look_at(body)], to=to, bulk=bulk)


def refuse_unsound_pieces(head: bytes, body: Iterable[Sound], *, to: str, bulk: bool) -> None:
    """Raise `Refused` unless these headers, an empty line and this body are one e-mail to one address, as above."""
    look_at(head)
    refuse_long_lines(body)
    lines = head.replace(b"\r\n ", b" ").split(b"\r\n")
    names = [line.partition(b":")[0] for line in lines]
    if names not in (_BULK if bulk else _PLAIN):
        raise unsound("it has other headers than ours")
    reader = _ENCODED_WORD.sub(b"", _QUOTED.sub(b"", lines[1].partition(b":")[2])).strip()
    if reader not in (to.encode(), f"<{to}>".encode()):
        raise unsound("it is for somebody else")
