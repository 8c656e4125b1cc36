"""Canonical JSON and SHA-256 over it, for everything that is approved or chained by digest; signatures of what is
posted, and digests with a key."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def canonical(value: Any) -> str:
    """Return JSON that is the same text for equal values: sorted keys, no spaces, no escaped characters."""
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def sign(secret: str, moment: int, content: bytes) -> str:
    """Return the signature header of a body posted at a moment (UNIX seconds): it covers both.

    The scheme is the one payment services use: `t=<UNIX seconds>,v1=<hex>`, where v1 is the HMAC-SHA256 of `{t}.{body}`.
    """
    made = hmac.digest(secret.encode(), b"%d.%b" % (moment, content), hashlib.sha256)
    return f"t={moment},v1={made.hex()}"


class RunningDigest:
    """A digest over a sequence of values, in constant memory."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, value: Any) -> None:
        """Add one more value; the order matters."""
        self._hash.update(canonical(value).encode() + b"\n")

    def hex(self) -> str:
        """Return the digest of all values so far."""
        return self._hash.hexdigest()


class Blinder:
    """Digests by which what somebody is called can be compared and not read, with a key that is kept outside the database.

    Each begins with a mark of its key: digests of different keys say nothing about each other. Without a key there is none.
    """

    def __init__(self, secret: str = "") -> None:
        self._key = hmac.digest(secret.encode(), b"blinder", hashlib.sha256) if secret else b""
        self._mark = hmac.digest(self._key, b"mark", hashlib.sha256).hex()[:4] if secret else ""

    def blind(self, kind: str, text: str) -> str:
        """Return the digest of a text of some kind; empty for no text."""
        if not self._key or not text:
            return ""
        return f"{self._mark}:{hmac.digest(self._key, f'{kind} {text}'.encode(), hashlib.sha256).hex()[:16]}"

    def blind_all(self, kind: str, texts: Iterable[str]) -> str:
        """Return the digests of several texts, separated by blanks."""
        return " ".join(sorted({self.blind(kind, text) for text in texts} - {""}))
