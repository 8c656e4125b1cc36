"""From words to the bytes of an e-mail (RFC 5322, with UTF-8 bodies as quoted-printable or base64)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from tillroll.errors import Refused
from tillroll.send.compile import Rendered

_LONGEST = 76  # of a line: RFC 2045, section 6.7, and RFC 2047, section 2
_POLICY = policy.SMTP.clone(max_line_length=_LONGEST)
_UNBROKEN = policy.SMTP.clone(max_line_length=250)  # for a Message-ID that the policy would break in two


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One e-mail, ready to leave."""

    message_id: int  # the ledger's row
    key: str  # stands in the Message-ID; the same at every attempt
    run_id: int
    campaign: str
    sender: str
    to: str
    subject: str
    code: str
    content: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of what is handed over."""
        return hashlib.sha256(self.content).hexdigest()


def build(*, rendered: Rendered, sender: str, to_email: str, to_name: str, key: str, at: datetime) -> bytes:
    """The whole message. `Refused` when an address or a header can't be written."""
    message = EmailMessage(policy=_POLICY)
    sender_name, sender_email = parseaddr(sender)
    try:
        message["From"] = Address(sender_name, addr_spec=sender_email)
        message["To"] = Address(to_name, addr_spec=to_email)
        message["Subject"] = rendered.subject
        message["Date"] = format_datetime(at)
        message_id = f"<{key}@{sender_email.partition('@')[2] or 'tillroll.invalid'}>"
        message["Message-ID"] = message_id
        message.set_content(rendered.text)
        message.add_alternative(rendered.html, subtype="html")
        message.set_boundary(f"tillroll-{key}")  # the same bytes at every attempt
        fits = len(f"Message-ID: {message_id}") <= _LONGEST
        return message.as_bytes(policy=_POLICY if fits else _UNBROKEN)
    except (MessageError, ValueError, IndexError, LookupError) as fault:
        raise Refused(f"The message can't be written: {fault}") from fault
