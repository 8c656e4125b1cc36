"""Encrypting tokens at rest, with keys that are kept outside the database.

Fernet (https://github.com/fernet/spec): AES-128-CBC with HMAC-SHA256. Several keys may be given for rotation: the first
encrypts, and all of them decrypt.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from tillroll.errors import Misconfigured

_HOW_TO_MAKE = "Make one with: tillroll secret new"


class Sealer:
    """Encrypts and decrypts short texts."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            fernets = [Fernet(key) for key in keys]
            self._first, self._fernet = fernets[0], MultiFernet(fernets)
        except ValueError as fault:
            raise Misconfigured(
                "TILLROLL_SECRET_KEYS holds something that is not a key.", hint=_HOW_TO_MAKE
            ) from fault

    def seal(self, text: str) -> str:
        """Return the text encrypted."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def open(self, sealed: str) -> str:
        """Return the text decrypted. Raises `Misconfigured` if no key fits."""
        try:
            return self._fernet.decrypt(sealed.encode("ascii")).decode()
        except InvalidToken as fault:
            raise Misconfigured(
                "The store's token can't be read with the keys in TILLROLL_SECRET_KEYS.",
                hint="Put back the key that it was encrypted with (several keys may be given, separated by commas).",
            ) from fault

    def is_current(self, sealed: str) -> bool:
        """Return whether a text was sealed with the first key."""
        try:
            self._first.decrypt(sealed.encode("ascii"))
        except InvalidToken:
            return False
        return True


def new_key() -> str:
    """Return a new key for TILLROLL_SECRET_KEYS."""
    return Fernet.generate_key().decode("ascii")
