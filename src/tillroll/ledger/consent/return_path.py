"""Where a mail server sends an e-mail back that it can't deliver: an address that names the message, and proves that we made it.

`bounce+r12-34-9f2c-<mac>@mail.shop.example` (VERP). Whoever invents a bounce can't make the last part, so it changes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

_SIGNS = 16  # of the proof, in hex: 64 bits
_LONGEST = 64  # characters before the @: RFC 5321, section 4.5.3.1.1


@dataclass(frozen=True, kw_only=True)
class ReturnPath:
    """The addresses that bounces come back to."""

    mailbox: str  # the address that they all lead to, in ASCII
    keys: Sequence[str] = field(
        repr=False
    )  # of the installation: the first makes the proof, each is accepted

    def of(self, message_key: str) -> str:
        """Return a message's own address; the mailbox itself if it would be too long."""
        before, _, domain = self.mailbox.rpartition("@")
        own = f"{before}+{message_key}-{_proof(self.keys[0], message_key)}"
        return f"{own}@{domain}" if len(own) <= _LONGEST else self.mailbox

    def read(self, address: str) -> str:
        """Return the key of the message whose address this is; empty if we didn't make it."""
        before, _, domain = self.mailbox.lower().rpartition("@")
        local, _, at = address.strip().lower().rpartition("@")
        mailbox, _, own = local.partition("+")
        key, _, given = own.rpartition("-")
        if (mailbox, at) != (before, domain) or not key or not given.isascii():
            return ""
        good = [hmac.compare_digest(_proof(one, key), given) for one in self.keys]
        return key if any(good) else ""


def _proof(secret: str, message_key: str) -> str:
    """Return what only we can make. Some servers change the case of an address, so it has none."""
    content = f"tillroll bounce of {message_key.lower()}".encode()
    return hmac.digest(secret.encode(), content, hashlib.sha256).hex()[:_SIGNS]
