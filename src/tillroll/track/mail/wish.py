"""An e-mail by which a reader stops a store's e-mails, as mail programs write it to the address of `List-Unsubscribe`.

Its subject holds the token of the reader's own link. The token alone counts: who an e-mail is from can be invented. Mail servers
on the way fold a long subject or encode it, so blanks within the token are taken out. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser

from tillroll.rendering.bulk.link import Subscription, UnsubscribeLinks
from tillroll.rendering.bulk.token import LONGEST_TOKEN

SUBJECT = "unsubscribe"
"""What the subject begins with, as `rendering/bulk/headers.py` writes it."""

_MOST_BYTES = 64 * 1024  # of the headers
_WHOLE = re.compile(rf"{SUBJECT}\s+([A-Za-z0-9_\-\s]{{1,{2 * LONGEST_TOKEN}}})", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class MailedWish:
    """An e-mail that asks to stop e-mails."""

    subscription: Subscription | None  # which; None: it was forged, or the key that made it is gone


def read_wish(content: bytes, links: UnsubscribeLinks) -> MailedWish | None:
    """Return what an e-mail asks to stop; None if it asks nothing of that kind."""
    parsed = BytesHeaderParser().parsebytes(content[:_MOST_BYTES])
    subject = str(make_header(decode_header(parsed.get("Subject", "")))).strip()
    found = _WHOLE.fullmatch(subject)
    if found is None:
        return None
    return MailedWish(subscription=links.opened("".join(found[1].split())))
