"""The headers of an e-mail to many people: how to stop it, which list it is of, and that a program wrote it. Pure.

RFC 2369 and RFC 8058 (List-Unsubscribe), RFC 2919 (List-Id), RFC 3834 (Auto-Submitted). Feedback-ID is Google's: up to three
names of a group of e-mails and one of the sender, of 5 to 15 characters, never of a single reader
(https://support.google.com/mail/answer/6254652).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

ONE_CLICK = "List-Unsubscribe=One-Click"
"""What a mail program posts to the link (RFC 8058, section 3.1)."""

NAMES = ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Feedback-ID", "Auto-Submitted", "Reply-To")
"""In this order. Only the second and the last may be missing."""

_LONGEST_LABEL = 63


@dataclass(frozen=True, kw_only=True)
class BulkHeader:
    """One header, unfolded: a service that takes headers by name gets it as it is."""

    name: str
    value: str  # printable ASCII


def bulk_headers(
    *,
    link: str,
    sender: str,
    ecwid_id: int,
    campaign: str,
    run_id: int,
    kind: str,
    reply_to: str = "",
    mailbox: str = "",
) -> tuple[BulkHeader, ...]:
    """Return the headers of one reader's e-mail; `link` is theirs (`link.py`), `sender` and `reply_to` are addresses.

    `mailbox`: the address that is read for e-mails that unsubscribe (`track/mail/wish.py`); empty: the sender's.

    RFC 8058 allows the one-click header only beside an address with https: mail programs post to no other. So an installation
    on a machine of one's own, with a local http address, has the link without it.
    """
    subject = f"unsubscribe%20{quote(link.rpartition('/')[2])}"
    of_run = _headers_of_run(sender, mailbox or sender, ecwid_id, campaign, run_id, kind, reply_to)
    header = BulkHeader(name="List-Unsubscribe", value=f"<{link}>, <{of_run.by_mail}{subject}>")
    return (header, *(of_run.with_post if link.startswith("https://") else of_run.others))


class _OfRun(NamedTuple):
    """What is the same in all e-mails of a run."""

    by_mail: str  # begins the address to write to
    others: tuple[BulkHeader, ...]
    with_post: tuple[BulkHeader, ...]


@lru_cache(maxsize=64)
def _headers_of_run(
    sender: str, mailbox: str, ecwid_id: int, campaign: str, run_id: int, kind: str, reply_to: str
) -> _OfRun:
    post, *others = (
        BulkHeader(name=name, value=value)
        for name, value in {
            "List-Unsubscribe-Post": ONE_CLICK,
            "List-Id": f"<{campaign[:_LONGEST_LABEL]}.{ecwid_id}.{sender.rpartition('@')[2]}>",
            "Feedback-ID": f"run{run_id}:{campaign}:{kind}:store{ecwid_id}"[:200],
            "Auto-Submitted": "auto-generated",
            "Reply-To": reply_to,
        }.items()
        if value
    )
    return _OfRun(f"mailto:{quote(mailbox, safe='@')}?subject=", tuple(others), (post, *others))
