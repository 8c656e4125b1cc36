"""The link by which somebody confirms that they signed up: `https://…/signup/STORE/confirm/TOKEN`.

The token is made like that of `link.py`, with a purpose of its own. The ledger says until when it works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tillroll.rendering.bulk.token import SealedWords

_PURPOSE = b"tillroll confirm sign-up 1"


@dataclass(frozen=True, kw_only=True)
class ConfirmClaim:
    """Whose wish a link confirms."""

    ecwid_id: int  # the store's own number
    sign_up_id: int
    address: str  # as it is compared: after a restore the same number may be somebody else's


class ConfirmLinks:
    """Makes links, and says what a link's token is about."""

    def __init__(self, url: str, keys: Sequence[str]) -> None:
        """Take the address of the pages (empty: there is none, so no links), and the installation's keys."""
        self._url = url.rstrip("/")
        self._words = SealedWords(keys, _PURPOSE)

    def link(self, claim: ConfirmClaim) -> str:
        """Return the link of one e-mail."""
        token = self._words.seal(str(claim.ecwid_id), str(claim.sign_up_id), claim.address)
        return f"{self._url}/signup/{claim.ecwid_id}/confirm/{token}"

    def opened(self, token: str) -> ConfirmClaim | None:
        """Return what a token is about; None if this installation didn't make it."""
        words = self._words.opened(token, count=3)
        if words is None:
            return None
        store, number, address = words
        return ConfirmClaim(ecwid_id=int(store), sign_up_id=int(number), address=address)
