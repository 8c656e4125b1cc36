"""The link by which a reader stops a store's e-mails: `https://…/unsubscribe/TOKEN`.

The token alone says who and what, so it works for years: without a sign-in, in a forwarded e-mail, after a restore, and after
the recipient's rows are gone. It is sealed (`token.py`): nobody reads an address in it or makes one. The same e-mail has the same
link at every attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tillroll.campaign.text.addresses import same_address
from tillroll.rendering.bulk.click import ClickLinks
from tillroll.rendering.bulk.token import SealedWords

PATH = "/unsubscribe/"

EXAMPLE_LINK = "https://shop.example/unsubscribe/EXAMPLE"
"""Stands for the link where an e-mail is only shown."""

NEEDS_URL = "Set TILLROLL_URL to the public address of the pages, like https://tillroll.shop.example."
"""What to do where no links can be made."""

_PURPOSE = b"tillroll unsubscribe 1"


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
        self._words = SealedWords(keys, _PURPOSE)
        self.clicks = ClickLinks(self._url, keys)

    def __bool__(self) -> bool:
        """Whether links can be made."""
        return bool(self._url)

    def link(self, subscription: Subscription) -> str:
        """Return the link for one e-mail."""
        return f"{self._url}{PATH}{self.token(subscription)}"

    def token(self, subscription: Subscription) -> str:
        """Return the token of one e-mail's link."""
        return self._words.seal(
            str(subscription.ecwid_id),
            same_address(subscription.address),
            subscription.campaign,
            str(subscription.run_id),
            subscription.kind,
        )

    def opened(self, token: str) -> Subscription | None:
        """Return what a token is about; None if this installation didn't make it."""
        words = self._words.opened(token, count=5)
        if words is None:
            return None
        store, address, campaign, run_id, kind = words
        return Subscription(
            ecwid_id=int(store), address=address, campaign=campaign, run_id=int(run_id), kind=kind
        )
