"""Trouble that is nobody's but the transport's: no recipient is at fault, so sending holds until it is over. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum

from tillroll.campaign.figures.retry import RetryPolicy

IN_A_ROW = 3
"""So many recipients in a row get the same answer, which may be about none of them: then it is the transport's trouble."""

MOST_LOST = 2
"""So many answers in a row are lost, after the e-mails' ends were sent: then nothing more is sent for now."""


class Trouble(StrEnum):
    """Why a transport takes no e-mails."""

    UNREACHABLE = "unreachable"
    ENCRYPTION = "encryption"
    LOGIN = "login"
    SENDER = "sender"
    LIMIT = "limit"
    SIZE = "size"
    POLICY = "policy"
    STORAGE = "storage"
    NO_TRANSPORT = "no_transport"
    ADDRESS = "address"
    ACCOUNT = "account"


_SENTENCES = {
    Trouble.UNREACHABLE: "The mail server can't be reached, or ends the conversation",
    Trouble.ENCRYPTION: "The connection to the mail server is not safe",
    Trouble.LOGIN: "The mail server refuses the login",
    Trouble.SENDER: "The mail server refuses the sender's address",
    Trouble.LIMIT: "The mail server takes no more e-mails for now",
    Trouble.SIZE: "The e-mails are larger than the mail server takes",
    Trouble.POLICY: "The mail server refuses one e-mail after the other with the same answer",
    Trouble.STORAGE: "The outbox can't be written",
    Trouble.NO_TRANSPORT: "Nothing leaves this machine: {address} names no way to send e-mails",
    Trouble.ADDRESS: "The mail service doesn't know what {address} names",
    Trouble.ACCOUNT: "The mail service has suspended the account, or not opened it yet",
}
_TO_DO = {
    Trouble.UNREACHABLE: "Check the host and port in {address}, and whether the server runs.",
    Trouble.ENCRYPTION: "Check the server's certificate and its name in {address}; use smtps:// or a port that offers STARTTLS.",
    Trouble.LOGIN: "Check the user and password, or the key, in {address}.",
    Trouble.SENDER: "Set {sender} to an address that this mail server may send from.",
    Trouble.LIMIT: "Nothing needs to be done, unless the limit of your plan is too low.",
    Trouble.SIZE: "Make the template smaller, or ask the mail server's owner for a higher limit.",
    Trouble.POLICY: "Read the answer, and ask the mail server's owner what it means.",
    Trouble.STORAGE: "Check the disk's free space and the folder's permissions.",
    Trouble.NO_TRANSPORT: "Set it to your mail server or mail service (or to `outbox:`, which writes files), and restart.",
    Trouble.ADDRESS: "Check the domain, region and options in {address}.",
    Trouble.ACCOUNT: "Read the mail service's notices to you, and settle it there.",
}
_OWN = re.compile(r"\(MAIL_URL_([0-9]+)\)$")  # at the end of the name of a store's own transport
_PROBES = {
    Trouble.LOGIN: RetryPolicy(first_pause=timedelta(minutes=2), longest_pause=timedelta(minutes=15)),
    Trouble.ACCOUNT: RetryPolicy(first_pause=timedelta(minutes=2), longest_pause=timedelta(minutes=15)),
    Trouble.LIMIT: RetryPolicy(first_pause=timedelta(minutes=1), longest_pause=timedelta(minutes=30)),
    Trouble.NO_TRANSPORT: RetryPolicy(first_pause=timedelta(hours=1), longest_pause=timedelta(hours=1)),
}
_PROBE = RetryPolicy(first_pause=timedelta(seconds=15), longest_pause=timedelta(minutes=10))


def say_trouble(trouble: Trouble, transport: str = "") -> str:
    """Return what is wrong with a transport, as a sentence without its full stop. It names the variables of its own account."""
    return _of_account(_SENTENCES[trouble], transport)


def say_what_to_do(trouble: Trouble, transport: str = "") -> str:
    """Return what a person can do about it. It names the variables of the transport's own account."""
    return _of_account(_TO_DO[trouble], transport)


def _of_account(text: str, transport: str) -> str:
    """Fill in the variables: those of one store, if the transport is that store's alone, since the others' are in order."""
    own = _OWN.search(transport)
    store = f"_{own[1]}" if own is not None else ""
    return text.format(address=f"MAIL_URL{store}", sender=f"TILLROLL_MAIL_FROM{store}")


def say_nothing_leaves() -> str:
    """Return what holds for an installation that has no way to send e-mails, and what to do."""
    trouble = Trouble.NO_TRANSPORT
    return f"{say_trouble(trouble)}. {say_what_to_do(trouble)} Nothing is lost: all e-mails wait."


def probe_pause(trouble: Trouble, probes: int) -> timedelta:
    """Return how long to wait before the next e-mail is tried, when `probes` were in vain. A wrong password is tried rarely."""
    return _PROBES.get(trouble, _PROBE).pause_before(probes + 1)
