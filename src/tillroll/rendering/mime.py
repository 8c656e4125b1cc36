"""From rendered text to the bytes of an e-mail (RFC 5322, with UTF-8 bodies as quoted-printable or base64).

The bytes are written, never parsed, and are the same at every attempt. `look.py` looks at them once more before they leave.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import cache, cached_property, lru_cache
from typing import NamedTuple

from tillroll.errors import Refused
from tillroll.rendering.addresses import mailbox, sender_of
from tillroll.rendering.bulk.headers import BulkHeader
from tillroll.rendering.compile import Filled, Rendered
from tillroll.rendering.encoding.body import Pieces, encode_body, in_base64
from tillroll.rendering.encoding.sound import Sound, look_at
from tillroll.rendering.headers import mailbox_header, text_header, token_header
from tillroll.rendering.look import refuse_unsound_pieces

BOUNDARY = "=_tillroll"
"""Between the parts. It can't occur in one: after `=`, quoted-printable has digits only, and base64 has nothing."""

_RELATED = "=_tillroll_related"
"""Between the HTML part and its pictures."""

_KEY = re.compile(r"[A-Za-z0-9._-]{1,200}")


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
    rendered: Rendered | Filled,
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
    filled = rendered if isinstance(rendered, Filled) else Filled.of(rendered)
    try:
        writer, reader = _writer(sender), mailbox(to_name, to_email)
    except Refused as fault:
        raise Refused(f"The e-mail can't be built: {fault.message}", hint=fault.hint) from fault
    if not _KEY.fullmatch(key):
        raise Refused("The e-mail's key can't be part of its Message-ID.")
    headers = (
        writer.header,
        mailbox_header("To", reader),
        text_header("Subject", filled.subject),
        _date(at),
        f"Message-ID: <{key}@{writer.domain}>",
        *(token_header(header.name, header.value) for header in bulk),
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"',
    )
    head = "\r\n".join(headers).encode()
    body = [*_part("plain", filled.text), _NEXT, *_html(filled), _END]
    refuse_unsound_pieces(head, body, to=reader.address, bulk=bool(bulk))
    return b"".join([head, b"\r\n\r\n", *(piece.data for piece in body)])


class _Writer(NamedTuple):
    """The sender of e-mails."""

    header: str
    domain: str


@lru_cache(maxsize=64)
def _writer(sender: str) -> _Writer:
    box = sender_of(sender)
    return _Writer(mailbox_header("From", box), box.domain)


@lru_cache(maxsize=64)
def _date(at: datetime) -> str:
    return f"Date: {format_datetime(at)}"


def _part(kind: str, text: Pieces, boundary: str = BOUNDARY) -> list[Sound]:
    """Return one part: its headers, and its text in the shorter of the two encodings."""
    name, body = encode_body(text)
    return [_part_head(kind, name, boundary), *body]


@cache
def _part_head(kind: str, encoding: str, boundary: str) -> Sound:
    head = (
        f"--{boundary}\r\n"
        f'Content-Type: text/{kind}; charset="utf-8"\r\n'
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    return look_at(head.encode())


def _html(filled: Filled) -> list[Sound]:
    """Return the HTML part; together with the pictures that it refers to, if there are some (RFC 2387)."""
    if not filled.pictures:
        return _part("html", filled.html)
    pictures = (
        f'\r\n--{_RELATED}\r\nContent-Type: image/png; name="{picture.name}.png"\r\n'
        f"Content-ID: <{picture.content_id}>\r\n"
        f'Content-Disposition: inline; filename="{picture.name}.png"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n".encode()
        + in_base64(picture.content)
        for picture in filled.pictures
    )
    return [_RELATED_HEAD, *_part("html", filled.html, _RELATED), *map(look_at, pictures), _RELATED_END]


_NEXT = look_at(b"\r\n")
_END = look_at(f"\r\n--{BOUNDARY}--\r\n".encode())
_RELATED_HEAD = look_at(
    f'--{BOUNDARY}\r\nContent-Type: multipart/related; boundary="{_RELATED}"; type="text/html"\r\n\r\n'.encode()
)
_RELATED_END = look_at(f"\r\n--{_RELATED}--\r\n".encode())
