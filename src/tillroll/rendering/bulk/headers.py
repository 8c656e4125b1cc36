"""The headers of an e-mail to many people: how to stop it, which list it is of, and that a program wrote it. Pure.

RFC 2369 and RFC 8058 (List-Unsubscribe), RFC 2919 (List-Id), RFC 3834 (Auto-Submitted). Feedback-ID is Google's: up to three
names of a group of e-mails and one of the sender, of 5 to 15 characters, never of a single reader
(https://support.google.com/mail/answer/6254652).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

ONE_CLICK = "List-Unsubscribe=One-Click"
"""What a mail program posts to the link (RFC 8058, section 3.1)."""

NAMES = ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Feedback-ID", "Auto-Submitted")
"""In this order. Only the second may be missing."""

_LONGEST_LABEL = 63


@dataclass(frozen=True, kw_only=True)
class BulkHeader:
    """One header, unfolded: a service that takes headers by name gets it as it is."""

    name: str
    value: str  # printable ASCII


def bulk_headers(
    *, link: str, sender: str, ecwid_id: int, campaign: str, run_id: int, kind: str
) -> tuple[BulkHeader, ...]:
    """Return the headers of one reader's e-mail; `link` is theirs (`link.py`), `sender` an address.

    RFC 8058 allows the one-click header only beside an address with https: mail programs post to no other. So an installation
    on a machine of one's own, with a local http address, has the link without it.
    """
    subject = quote(f"unsubscribe {link.rpartition('/')[2]}")
    by_mail = f"mailto:{quote(sender, safe='@')}?subject={subject}"
    values = {
        "List-Unsubscribe": f"<{link}>, <{by_mail}>",
        "List-Unsubscribe-Post": ONE_CLICK if link.startswith("https://") else "",
        "List-Id": f"<{campaign[:_LONGEST_LABEL]}.{ecwid_id}.{sender.rpartition('@')[2]}>",
        "Feedback-ID": f"run{run_id}:{campaign}:{kind}:store{ecwid_id}"[:200],
        "Auto-Submitted": "auto-generated",
    }
    return tuple(BulkHeader(name=name, value=values[name]) for name in NAMES if values[name])
