"""Which e-mail addresses are one person's. Pure."""

from __future__ import annotations

import unicodedata
from enum import StrEnum

_DOTS_IGNORED = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
"""The providers that ignore dots in an address, with the domain that their addresses share."""


class SamePerson(StrEnum):
    """When two customers of a store are one person."""

    ADDRESS = "address"  # their addresses differ in case at most
    MAILBOX = "mailbox"  # also where they differ in what follows a plus, or at Gmail in dots


def same_address(email: str) -> str:
    """Return an address as it is compared: without case and surrounding blanks."""
    return unicodedata.normalize("NFC", email).strip().casefold()


def mailbox_of(email: str) -> str:
    """Return the mailbox of an address: without case, what follows a plus, and the dots that Gmail ignores.

    What holds no @ has no mailbox: empty.
    """
    name, at, domain = same_address(email).rpartition("@")
    name = name.partition("+")[0] or name
    if domain in _DOTS_IGNORED:
        name, domain = name.replace(".", ""), _DOTS_IGNORED[domain]
    return f"{name}@{domain}" if at and name else ""


def person_key(email: str, same: SamePerson) -> str:
    """Return what the addresses of one person have in common."""
    return mailbox_of(email) if same is SamePerson.MAILBOX else same_address(email)
