"""The last look at an e-mail's bytes: it refuses what must not be there, whoever wrote it.

It knows nothing of how the bytes were made, so a mistake there can't hide itself here.
"""

from __future__ import annotations

import re

from tillroll.errors import Refused

HEADERS = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")
"""The headers that an e-mail of ours has: these, once each, in this order."""

_BEFORE_BULK = 5
BULK_HEADERS = ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Feedback-ID", "Auto-Submitted")
"""Those that an e-mail to many people has besides, after the first five. The second is only there with an https link."""

_BULK = (*HEADERS[:_BEFORE_BULK], *BULK_HEADERS, *HEADERS[_BEFORE_BULK:])
_BULK_WITHOUT_HTTPS = tuple(name for name in _BULK if name != "List-Unsubscribe-Post")

LONGEST_LINE = 998
"""Bytes of a line, without its end: RFC 5322, section 2.1.1."""

_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_ENCODED_WORD = re.compile(rb"=\?utf-8\?b\?[A-Za-z0-9+/=]*\?=")
_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\r\n"))


def refuse_unsound(content: bytes, *, to: str, bulk: bool = False) -> None:
    """Raise `Refused` unless these are the bytes of one e-mail to one address, with our headers and nothing else.

    `bulk`: it goes to many people, and has to say how to stop it.
    """
    problem = _problem_of(content, to, bulk)
    if problem:
        raise Refused(f"The e-mail wasn't sent: {problem}.", hint="Report this: it is a mistake in Tillroll.")


def _problem_of(content: bytes, to: str, bulk: bool) -> str:
    ends = content.count(b"\r\n")
    if content.count(b"\r") != ends or content.count(b"\n") != ends:
        return "half of a line break is in it"
    if len(content.translate(None, _CONTROLS)) != len(content):
        return "a control character is in it"
    if max(map(len, content.split(b"\r\n"))) > LONGEST_LINE:
        return f"a line of it has more than {LONGEST_LINE} bytes"
    lines = content.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").split(b"\r\n")
    names = tuple(line.partition(b":")[0].decode("utf-8", "replace") for line in lines)
    if names not in ((_BULK, _BULK_WITHOUT_HTTPS) if bulk else (HEADERS,)):
        return "it has other headers than ours"
    reader = _ENCODED_WORD.sub(b"", _QUOTED.sub(b"", lines[1].partition(b":")[2])).strip()
    if reader not in (to.encode(), f"<{to}>".encode()):
        return "it is for somebody else"
    return ""
