"""Who is kept back to compare with, and who is in which arm: keyed splits that anybody with the key can work out again.

The first eight bytes of HMAC-SHA256(key, "campaign/customer id"), as a fraction of one, against the share. For arms the text is
"campaign/customer id/arm", and the arms stand side by side in the file's order, each as wide as its weight. The same customer is
always on the same side of one campaign, and independently so in another.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from decimal import Decimal


def held_back(*, campaign: str, customer_id: int, share: Decimal, key: bytes) -> bool:
    """Whether a customer belongs to the share (0 to 1) of a campaign that gets nothing."""
    return share > 0 and _drawn(f"{campaign}/{customer_id}", key) < share * 2**64


def arm_of(*, campaign: str, customer_id: int, arms: Sequence[tuple[str, int]], key: bytes) -> str:
    """The arm of a customer; `arms` are names and weights. Empty when there is nothing to compare."""
    if not arms:
        return ""
    at = _drawn(f"{campaign}/{customer_id}/arm", key) * sum(weight for _, weight in arms)
    for name, weight in arms:
        at -= weight * 2**64
        if at < 0:
            return name
    raise AssertionError("a fraction of one lies in one of the arms")


def _drawn(text: str, key: bytes) -> int:
    """A number below 2**64 that follows from the text and the key alone."""
    return int.from_bytes(hmac.digest(key, text.encode(), hashlib.sha256)[:8], "big")
