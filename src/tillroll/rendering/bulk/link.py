"""The link by which a reader stops a store's e-mails: `https://…/unsubscribe/TOKEN`.

The token alone says who and what, so it works for years: without a sign-in, in a forwarded e-mail, after a restore, and after
the recipient's rows are gone. It is encrypted and authenticated (AES-SIV, RFC 5297): nobody reads an address in it or makes one.
The same e-mail has the same link at every attempt. Keys are derived from TILLROLL_SECRET_KEYS: the first makes links, and each of
them opens links, so a link works as long as the key that made it is kept.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from tillroll.campaign.text.addresses import same_address

PATH = "/unsubscribe/"

LONGEST_TOKEN = 600
"""Characters of a token for the longest address and campaign name, with some to spare."""

EXAMPLE_LINK = "https://shop.example/unsubscribe/EXAMPLE"
"""Stands for the link where an e-mail is only shown."""

NEEDS_URL = "Set TILLROLL_URL to the public address of the pages, like https://tillroll.shop.example."
"""What to do where no links can be made."""

_PURPOSE = b"tillroll unsubscribe 1"
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{24,{LONGEST_TOKEN}}}")
_FIELDS = 5
_BETWEEN = "\n"  # no address, name or number holds it


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """What a link is about: which e-mail brought it to whom."""

    ecwid_id: int  # the store's own number, the same in every ledger
    address: str  # as it is compared (`same_address`)
    campaign: str
    run_id: int
    kind: str  # of the e-mail: offer, reminder


class UnsubscribeLinks:
    """Makes links, and says what a link's token is about."""

    def __init__(self, url: str, keys: Sequence[str], *, mailbox: str = "") -> None:
        """Take the address of the pages (empty: there is none, so no links), and the installation's keys.

        `mailbox`: where readers write to who stop e-mails by an e-mail; empty: to the sender's address.
        """
        self.mailbox = mailbox
        self._url = url.rstrip("/")
        self._ciphers = [AESSIV(hmac.digest(key.encode(), _PURPOSE, "sha512")) for key in keys]

    def __bool__(self) -> bool:
        """Whether links can be made."""
        return bool(self._url)

    def link(self, subscription: Subscription) -> str:
        """Return the link for one e-mail."""
        return f"{self._url}{PATH}{self.token(subscription)}"

    def token(self, subscription: Subscription) -> str:
        """Return the token of one e-mail's link."""
        fields = (
            str(subscription.ecwid_id),
            same_address(subscription.address),
            subscription.campaign,
            str(subscription.run_id),
            subscription.kind,
        )
        sealed = self._ciphers[0].encrypt(_BETWEEN.join(fields).encode(), [_PURPOSE])
        return urlsafe_b64encode(sealed).decode("ascii").rstrip("=")

    def opened(self, token: str) -> Subscription | None:
        """Return what a token is about; None if this installation didn't make it. AES-SIV compares in constant time."""
        sealed = _decoded(token)
        if sealed is None:
            return None
        for cipher in self._ciphers:
            try:
                fields = cipher.decrypt(sealed, [_PURPOSE]).decode().split(_BETWEEN)
            except InvalidTag:
                continue
            if len(fields) == _FIELDS:
                store, address, campaign, run_id, kind = fields
                return Subscription(
                    ecwid_id=int(store), address=address, campaign=campaign, run_id=int(run_id), kind=kind
                )
        return None


def _decoded(token: str) -> bytes | None:
    """Return a token's bytes; None if it isn't written as we write it, so that no e-mail has two tokens."""
    if not _TOKEN.fullmatch(token) or len(token) % 4 == 1:
        return None
    sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return sealed if urlsafe_b64encode(sealed).decode("ascii").rstrip("=") == token else None
