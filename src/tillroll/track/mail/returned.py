"""What an e-mail says that came back: a report that one of ours wasn't delivered (RFC 3464), or was called spam (RFC 5965). Pure.

It counts only if it came to an address that we made for that message (`ledger/consent/return_path.py`); all else in it can be
invented. Replies, vacation notes and what can't be read say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email.parser import BytesParser
from email.utils import getaddresses
from typing import Any

from tillroll.campaign.states import MailEventKind
from tillroll.campaign.text.clean import clean_line
from tillroll.campaign.text.masked import mask_text
from tillroll.ledger.consent.return_path import ReturnPath
from tillroll.track.mail.hooks.event import MailEvent

MOST_BYTES = 1024 * 1024
"""Of an e-mail. Reports are short; what they return may be cut off."""

_MOST_PARTS = 50
_MOST_ADDRESSES = 20
_LONGEST_REASON = 300
_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_NO_MAILBOX = frozenset({(1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1), (4, 4)})
"""There is no such mailbox or domain, it has moved or is closed, or takes no mail (RFC 3463, RFC 7505)."""


def read_returned(content: bytes, path: ReturnPath, now: datetime) -> MailEvent | None:
    """Return what an e-mail tells about one of ours; None if nothing follows from it."""
    parsed = BytesParser().parsebytes(content[:MOST_BYTES])
    key = next((key for address in _addresses(parsed) if (key := path.read(address))), "")
    if not key or parsed.get_content_type() != "multipart/report":
        return None
    for part in _parts(parsed):
        found = _told(part)
        if found is not None:
            kind, status, reason = found
            return MailEvent(
                event_key=f"{kind} {status}",
                kind=kind,
                message_key=key,
                reason=mask_text(clean_line(reason, longest=_LONGEST_REASON)),
                happened_at=now,
            )
    return None


def _addresses(parsed: Any) -> Iterator[str]:
    """Yield the addresses that an e-mail came to."""
    headers = [str(value) for name in _TO for value in parsed.get_all(name, [])]
    for _, address in getaddresses(headers[:_MOST_ADDRESSES])[:_MOST_ADDRESSES]:
        yield address


def _parts(parsed: Any) -> Iterator[Any]:
    payload = parsed.get_payload()
    yield from payload[:_MOST_PARTS] if isinstance(payload, list) else ()


def _told(part: Any) -> tuple[MailEventKind, str, str] | None:
    """Return what one part tells: the kind of event, a status, and words."""
    match part.get_content_type():
        case "message/delivery-status":
            return next(filter(None, map(_of_reader, _parts(part))), None)
        case "message/feedback-report":
            fields = part.get_payload()
            text = str(fields[0] if isinstance(fields, list) and fields else fields)
            is_abuse = re.search(r"(?im)^feedback-type:\s*abuse\s*$", text) is not None
            return (MailEventKind.COMPLAINED, "abuse", "") if is_abuse else None
        case _:
            return None


def _of_reader(fields: Any) -> tuple[MailEventKind, str, str] | None:
    """Return what the fields about one recipient tell (RFC 3464, section 2.3)."""
    action, said = str(fields.get("Action", "")).strip().lower(), str(fields.get("Diagnostic-Code", ""))
    if action == "delivered":
        return MailEventKind.DELIVERED, "2.0.0", ""
    if action != "failed":  # delayed: it is still being tried
        return None
    given = _STATUS.search(str(fields.get("Status", "")))
    if given is None or (given[2], given[3]) == ("0", "0"):  # the server's own words say more
        given = _STATUS.search(said) or given
    if given is None:
        return MailEventKind.SOFT_BOUNCED, "", said
    for_good = given[1] == "5" and (int(given[2]), int(given[3])) in _NO_MAILBOX
    kind = MailEventKind.BOUNCED if for_good else MailEventKind.SOFT_BOUNCED
    return kind, given[0], f"{given[0]} {said}".strip()
