"""Canonical JSON and SHA-256 over it, for everything that is approved or chained by digest."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def canonical(value: Any) -> str:
    """Return JSON that is the same text for equal values: sorted keys, no spaces, no escaped characters."""
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


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
