"""Links that count who clicked: `https://…/go/TARGET/READER`, which lead on to a page of the shop.

Off unless `rules/brand.yaml` says `count_clicks: true`. Only addresses of the shop's own host become such links; each is sealed
in its target, so that nobody can make one that leads elsewhere. The same e-mail has the same links at every attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tillroll.rendering.bulk.token import LONGEST_TOKEN, SealedWords
from tillroll.rendering.encoding.body import Pieces

PATH = "/go/"

_READER = "READER-OF-THIS-EMAIL"  # stands for the reader's part until an e-mail is filled in for them


@dataclass(frozen=True, kw_only=True)
class ClickTarget:
    """Where a link leads."""

    ecwid_id: int  # the store's own number
    campaign: str  # whose name the address says there
    address: str  # a page of the shop


@dataclass(frozen=True, kw_only=True)
class ClickReader:
    """Whose e-mail a link was in."""

    run_id: int
    message_id: int


class ClickLinks:
    """Makes links, and says what their tokens are about."""

    def __init__(self, url: str, keys: Sequence[str]) -> None:
        """Take the address of the pages, and the installation's keys."""
        self._url = url
        self._targets = SealedWords(keys, b"tillroll click target 1")
        self._readers = SealedWords(keys, b"tillroll click reader 1")

    def link(self, target: ClickTarget) -> str | None:
        """Return the link to a target, without its reader; None if the address is too long for one."""
        token = self._targets.seal(str(target.ecwid_id), target.campaign, target.address)
        return f"{self._url}{PATH}{token}/{_READER}" if len(token) <= LONGEST_TOKEN else None

    def reader(self, reader: ClickReader) -> str:
        """Return the token of a reader."""
        return self._readers.seal(str(reader.run_id), str(reader.message_id))

    def target_of(self, token: str) -> ClickTarget | None:
        """Return where a link leads; None if this installation didn't make it."""
        words = self._targets.opened(token, count=3)
        if words is None:
            return None
        return ClickTarget(ecwid_id=int(words[0]), campaign=words[1], address=words[2])

    def reader_of(self, token: str) -> ClickReader | None:
        """Return whose link it is; None if this installation didn't make it."""
        words = self._readers.opened(token, count=2)
        return ClickReader(run_id=int(words[0]), message_id=int(words[1])) if words is not None else None


@dataclass(frozen=True, kw_only=True)
class ShopClicks:
    """The links of one store's e-mails."""

    links: ClickLinks
    ecwid_id: int

    def counted(self, address: str, *, campaign: str, shop_url: str) -> str | None:
        """Return the link that counts who opens an address; None if it isn't the shop's own, or is no web address."""
        if not is_own(address, shop_url):
            return None
        return self.links.link(ClickTarget(ecwid_id=self.ecwid_id, campaign=campaign, address=address))


def is_own(address: str, shop_url: str) -> bool:
    """Return whether an address is a page of the shop: the same host, by http or https, and no sign-in in it."""
    try:
        parts, own = urlsplit(address), urlsplit(shop_url)
        is_web = parts.scheme in ("http", "https") and not parts.username and "\\" not in address
        return is_web and bool(own.hostname) and (parts.hostname, parts.port) == (own.hostname, own.port)
    except ValueError:
        return False


def for_reader(pieces: Pieces, reader: str) -> Pieces:
    """Return a text with a reader's token in its links."""
    texts = [text.replace(_READER, reader) if _READER in text else text for text in pieces.texts]
    return Pieces(texts, pieces.fixed)
