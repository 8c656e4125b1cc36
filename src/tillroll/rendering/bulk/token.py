"""What a link in an e-mail says, in a form that nobody else can read or make (AES-SIV, RFC 5297).

The same words make the same token. Keys are derived from TILLROLL_SECRET_KEYS and a purpose: the first makes tokens, and each of
them opens tokens, so a link works as long as the key that made it is kept. A token of one purpose opens none of another.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

LONGEST_TOKEN = 600
"""Characters of a token for the longest address and campaign name, with some to spare."""

_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{24,{LONGEST_TOKEN}}}")
_BETWEEN = "\n"  # no address, name or number holds it


class SealedWords:
    """Makes and opens tokens of one purpose."""

    def __init__(self, keys: Sequence[str], purpose: bytes) -> None:
        self._purpose = purpose
        self._ciphers = [AESSIV(hmac.digest(key.encode(), purpose, "sha512")) for key in keys]

    def seal(self, *words: str) -> str:
        """Return the token of some words."""
        sealed = self._ciphers[0].encrypt(_BETWEEN.join(words).encode(), [self._purpose])
        return urlsafe_b64encode(sealed).decode("ascii").rstrip("=")

    def opened(self, token: str, *, count: int) -> list[str] | None:
        """Return the words of a token; None if this installation didn't make it. AES-SIV compares in constant time."""
        sealed = _decoded(token)
        if sealed is None:
            return None
        for cipher in self._ciphers:
            try:
                words = cipher.decrypt(sealed, [self._purpose]).decode().split(_BETWEEN)
            except InvalidTag:
                continue
            if len(words) == count:
                return words
        return None


def _decoded(token: str) -> bytes | None:
    """Return a token's bytes; None if it isn't written as we write it, so that no e-mail has two tokens."""
    if not _TOKEN.fullmatch(token) or len(token) % 4 == 1:
        return None
    sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return sealed if urlsafe_b64encode(sealed).decode("ascii").rstrip("=") == token else None
