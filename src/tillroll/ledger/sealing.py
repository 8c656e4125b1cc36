"""Tokens at rest: sealed with keys that live outside the database.

Fernet (https://github.com/fernet/spec): AES-128-CBC with HMAC-SHA256. Several keys may be given for rotation: the first
seals, all of them open.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from tillroll.errors import Misconfigured

_HOW_TO_MAKE = "Make one with: tillroll secret new"


class Sealer:
    """Seals and opens short texts."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as fault:
            raise Misconfigured(
                "TILLROLL_SECRET_KEYS holds something that is not a key.", hint=_HOW_TO_MAKE
            ) from fault

    def seal(self, text: str) -> str:
        """The text, unreadable without the key."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def open(self, sealed: str) -> str:
        """The text again; `Misconfigured` when no key fits."""
        try:
            return self._fernet.decrypt(sealed.encode("ascii")).decode()
        except InvalidToken as fault:
            raise Misconfigured(
                "The store's token can't be read with the keys in TILLROLL_SECRET_KEYS.",
                hint="Put the key back that it was sealed with (several keys may be given, parted by commas).",
            ) from fault


def new_key() -> str:
    """A fresh key, as TILLROLL_SECRET_KEYS wants it."""
    return Fernet.generate_key().decode("ascii")
