"""Who is kept back to compare with: a keyed split that anybody with the key can work out again.

The first eight bytes of HMAC-SHA256(key, "campaign/customer id"), as a fraction of one, against the share. The same customer
is always on the same side of one campaign, and independently so in another.
"""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal


def held_back(*, campaign: str, customer_id: int, share: Decimal, key: bytes) -> bool:
    """Whether a customer belongs to the share (0 to 1) of a campaign that gets nothing."""
    if share <= 0:
        return False
    drawn = hmac.digest(key, f"{campaign}/{customer_id}".encode(), hashlib.sha256)[:8]
    return int.from_bytes(drawn, "big") < share * 2**64
