"""One text for one meaning: canonical JSON, and SHA-256 over it. Everything that is signed or chained goes through here."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def canonical(value: Any) -> str:
    """JSON that is the same text for the same meaning: sorted keys, no spaces, text as it is."""
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


class RunningDigest:
    """A digest over many values, one after another, in flat memory."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, value: Any) -> None:
        """Take one more value in; the order counts."""
        self._hash.update(canonical(value).encode() + b"\n")

    def hex(self) -> str:
        """The digest of all values so far."""
        return self._hash.hexdigest()
