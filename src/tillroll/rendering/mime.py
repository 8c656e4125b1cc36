"""From rendered text to the bytes of an e-mail (RFC 5322, with UTF-8 bodies as quoted-printable or base64).

The bytes are written, never parsed, and are the same at every attempt. `look.py` reads them once more before they leave.
"""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import cached_property

from tillroll.errors import Refused
from tillroll.rendering.addresses import mailbox, sender_of
from tillroll.rendering.bulk.headers import BulkHeader
from tillroll.rendering.compile import Rendered
from tillroll.rendering.headers import mailbox_header, text_header, token_header
from tillroll.rendering.look import refuse_unsound

BOUNDARY = "=_tillroll"
"""Between the parts. It can't occur in one: after `=`, quoted-printable has digits only, and base64 has nothing."""

_RELATED = "=_tillroll_related"
"""Between the HTML part and its pictures."""

_LINE = 76  # characters of base64: RFC 2045, section 6.8
_KEY = re.compile(r"[A-Za-z0-9._-]{1,200}")
_DROPPED = bytes({*range(0x20), 0x7F} - set(b"\t\n\r"))  # control characters, which no mail program shows
_DROPPED_OF_C1 = re.compile(rb"\xc2[\x80-\x9f]")  # the later ones, in UTF-8
_ASCII = bytes(range(0x80))


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One e-mail, ready to be handed to a transport."""

    message_id: int  # the ledger's row
    key: str  # part of its Message-ID; the same at every attempt
    run_id: int
    campaign: str
    sender: str
    to: str
    subject: str
    code: str
    content: bytes

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of its content."""
        return hashlib.sha256(self.content).hexdigest()


def build(
    *,
    rendered: Rendered,
    sender: str,
    to_email: str,
    to_name: str,
    key: str,
    at: datetime,
    bulk: Sequence[BulkHeader] = (),
) -> bytes:
    """Return the whole e-mail as bytes. `bulk`: the headers of an e-mail to many people; none for a notice.

    Raises `Refused` when an address isn't valid, or the bytes aren't what they must be.
    """
    try:
        writer, reader = sender_of(sender), mailbox(to_name, to_email)
    except Refused as fault:
        raise Refused(f"The e-mail can't be built: {fault.message}", hint=fault.hint) from fault
    if not _KEY.fullmatch(key):
        raise Refused("The e-mail's key can't be part of its Message-ID.")
    headers = (
        mailbox_header("From", writer),
        mailbox_header("To", reader),
        text_header("Subject", rendered.subject),
        f"Date: {format_datetime(at)}",
        f"Message-ID: <{key}@{writer.domain}>",
        *(token_header(header.name, header.value) for header in bulk),
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"',
    )
    content = b"\r\n".join(
        (
            "\r\n".join(headers).encode(),
            b"",
            *_part("plain", rendered.text, BOUNDARY),
            *(_with_pictures(rendered) if rendered.pictures else _part("html", rendered.html, BOUNDARY)),
            f"--{BOUNDARY}--\r\n".encode(),
        )
    )
    refuse_unsound(content, to=reader.address, bulk=bool(bulk))
    return content


def _part(kind: str, text: str, boundary: str) -> tuple[bytes, bytes]:
    """Return one part: its headers, and its text in the shorter of the two encodings."""
    clean = _clean_bytes(text)
    beyond_ascii = 0 if clean.isascii() else len(clean.translate(None, _ASCII))
    if beyond_ascii * 5 > len(clean):  # quoted-printable takes three characters for each of these
        name, body = "base64", _base64(clean.replace(b"\n", b"\r\n"))
    else:
        name, body = "quoted-printable", b2a_qp(clean, istext=True).replace(b"\n", b"\r\n")
    head = (
        f'--{boundary}\r\nContent-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: {name}\r\n'
    )
    return head.encode(), body


def _with_pictures(rendered: Rendered) -> Iterator[bytes]:
    """Yield the HTML part together with the pictures that it refers to (RFC 2387)."""
    yield (
        f'--{BOUNDARY}\r\nContent-Type: multipart/related; boundary="{_RELATED}"; type="text/html"\r\n'
    ).encode()
    yield from _part("html", rendered.html, _RELATED)
    for picture in rendered.pictures:
        yield (
            f'--{_RELATED}\r\nContent-Type: image/png; name="{picture.name}.png"\r\n'
            f"Content-ID: <{picture.content_id}>\r\n"
            f'Content-Disposition: inline; filename="{picture.name}.png"\r\n'
            "Content-Transfer-Encoding: base64\r\n"
        ).encode()
        yield _base64(picture.content)
    yield f"--{_RELATED}--\r\n".encode()


def _clean_bytes(text: str) -> bytes:
    """Return a text in UTF-8, with `\\n` at the ends of its lines and without control characters."""
    content = (
        text.encode("utf-8", "replace")
        .replace(b"\r\n", b"\n")
        .replace(b"\r", b"\n")
        .translate(None, _DROPPED)
    )
    return _DROPPED_OF_C1.sub(b"", content) if b"\xc2" in content else content


def _base64(content: bytes) -> bytes:
    encoded = b2a_base64(content, newline=False)
    return b"\r\n".join(encoded[start : start + _LINE] for start in range(0, len(encoded), _LINE))
