"""Canonical JSON and SHA-256 over it, for everything that is approved or chained by digest; and signatures of what is posted."""

from __future__ import annotations

import hashlib
import hmac
import json
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
