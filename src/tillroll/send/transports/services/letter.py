"""An e-mail taken apart, for services that take fields instead of a whole message.

It is read from the bytes that a mail server would get, so that every transport sends the same words and headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default as modern
from typing import Any

from tillroll.rendering.addresses import Mailbox, mailbox, sender_of
from tillroll.rendering.mime import Outgoing
from tillroll.rendering.pictures.inline import Picture, with_pictures

KEY = "tillroll-key"
"""What services call the message's key. They name it in their events, so that an event finds its message."""

_OWN_FIELDS = frozenset(
    {
        "from",
        "to",
        "subject",
        "date",
        "reply-to",
        "message-id",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
    }
)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One e-mail, in fields."""

    key: str  # of the message; the same at every attempt
    run_id: int
    campaign: str
    sender: Mailbox
    reader: Mailbox
    reply_to: str  # an address, if answers go elsewhere than to the sender
    subject: str
    text: str
    html: str
    pictures: tuple[Picture, ...]  # that the HTML refers to
    headers: tuple[tuple[str, str], ...]  # those that have no field of their own, like List-Unsubscribe
    code: str
    content: bytes  # the whole e-mail

    @property
    def html_alone(self) -> str:
        """The HTML with its pictures in it, for services that take none beside it; not every mail program shows those."""
        return with_pictures(self.html, self.pictures)


def read_letter(message: Outgoing) -> Letter:
    """Return an e-mail's fields. Raises `Refused` for an address that no e-mail can go to."""
    parsed = message_from_bytes(message.content, policy=modern)
    return Letter(
        key=message.key,
        run_id=message.run_id,
        campaign=message.campaign,
        sender=Mailbox(name=_name_in(parsed, "From"), address=sender_of(message.sender).address),
        reader=Mailbox(name=_name_in(parsed, "To"), address=mailbox("", message.to).address),
        reply_to=str(parsed.get("Reply-To", "")),
        subject=message.subject,
        text=_body(parsed, "plain"),
        html=_body(parsed, "html"),
        pictures=tuple(_pictures(parsed)),
        headers=tuple(
            (name, " ".join(str(value).split()))
            for name, value in parsed.items()
            if name.lower() not in _OWN_FIELDS
        ),
        code=message.code,
        content=message.content,
    )


def in_one_line(one: Mailbox) -> str:
    """Return a mailbox as `"Shop" <hello@shop.example>`."""
    if not one.name:
        return one.address
    quoted = one.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{one.address}>'


def in_fields(one: Mailbox, *, longest: int | None = None) -> dict[str, str]:
    """Return a mailbox as an object with `email`, and `name` if it has one: its first `longest` letters."""
    return {"email": one.address, **({"name": one.name[:longest]} if one.name else {})}


def _name_in(parsed: Any, header: str) -> str:
    field = parsed[header]
    addresses = getattr(field, "addresses", ())
    return str(addresses[0].display_name) if addresses else ""


def _pictures(parsed: Any) -> Iterator[Picture]:
    for part in parsed.walk():
        if part.get_content_type() == "image/png":
            name = str(part["Content-ID"]).strip("<>").partition("@")[0]
            yield Picture(name=name, content=part.get_content())


def _body(parsed: Any, kind: str) -> str:
    part = parsed.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""
