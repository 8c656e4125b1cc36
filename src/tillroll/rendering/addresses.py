"""The two ends of an e-mail: whom it is from and whom it is for, as a mail server takes them.

Addresses are checked letter by letter (`campaign/text/clean.py`), not parsed. A domain of other letters is written in ASCII
(IDNA); a name before the @ can't be, and needs a server that knows SMTPUTF8 (RFC 6531).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import idna

from tillroll.campaign.text.clean import clean_address, clean_line
from tillroll.errors import Refused

_SENDER = "The sender's address"


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """One end of an e-mail."""

    name: str  # clean, of one line; may be empty
    address: str  # its domain in ASCII

    @property
    def domain(self) -> str:
        """What follows the @."""
        return self.address.rpartition("@")[2]

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 can take it."""
        return not self.address.isascii()


def mailbox(name: str, address: str, what: str = "The recipient's address") -> Mailbox:
    """Return a mailbox from a name and an address. Raises `Refused` if no e-mail could go there; `what` begins its sentence."""
    clean = clean_address(address, what)
    local, _, domain = clean.rpartition("@")
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except UnicodeError as fault:
            raise Refused(
                f"{what} has a domain that can't exist.", hint="Correct it where it comes from."
            ) from fault
    return Mailbox(name=clean_line(name), address=f"{local}@{domain}")


@lru_cache(maxsize=64)  # all e-mails of a run have the same
def sender_of(text: str) -> Mailbox:
    """Return the mailbox of `Shop <hello@shop.example>` or a bare address. Raises `Refused`.

    The address is what is between the last < and a > at the end: it can't hold either, so a name can't move it.
    """
    name, bracket, address = text.strip().rpartition("<")
    if not bracket:
        return mailbox("", text, _SENDER)
    if not address.endswith(">"):
        raise Refused("The sender has no address.", hint="Write it like Shop <hello@shop.example>.")
    return mailbox(name.strip().strip('"'), address[:-1], _SENDER)
