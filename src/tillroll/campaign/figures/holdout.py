"""The control groups and the arms of a campaign: splits by a key, which anybody with the key can reproduce.

A customer is in the control group if the first eight bytes of HMAC-SHA256(key, "campaign/customer id"), as a fraction of one, are
below the share. For arms, the text is "campaign/customer id/arm", and the arms divide the range from 0 to 1 in the file's order,
in proportion to their weights. A customer is always in the same group of one campaign, independently of other campaigns.

For the control group of all campaigns together (`rules/holdout.yaml`) the text is "all campaigns/period/customer id". No campaign
is called so, since its name has no blank.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from math import ceil

EVERYWHERE = "control group of all campaigns"
"""Why somebody of it is no recipient, as plans say it."""


def is_held_back(*, campaign: str, customer_id: int, share: Decimal, key: bytes) -> bool:
    """Return whether a customer is in the control group, the `share` (0 to 1) of a campaign that gets nothing."""
    return share > 0 and _drawn(f"{campaign}/{customer_id}", key) < _below(share)


def is_held_everywhere(*, period: int, customer_id: int, share: Decimal, key: bytes) -> bool:
    """Return whether a customer is in the control group of all campaigns, the `share` (0 to 1) that gets nothing in a period."""
    return share > 0 and _drawn(f"all campaigns/{period}/{customer_id}", key) < _below(share)


def arm_of(*, campaign: str, customer_id: int, arms: Sequence[tuple[str, int]], key: bytes) -> str:
    """Return the arm of a customer; `arms` are names and weights. Empty if there are no arms."""
    if not arms:
        return ""
    at = _drawn(f"{campaign}/{customer_id}/arm", key) * sum(weight for _, weight in arms)
    for name, weight in arms:
        at -= weight * 2**64
        if at < 0:
            return name
    raise AssertionError("a fraction of one lies in one of the arms")


@lru_cache(maxsize=64)
def _below(share: Decimal) -> int:
    """Return the number that those who are drawn are below."""
    return ceil(share * 2**64)


def _drawn(text: str, key: bytes) -> int:
    """Return a number below 2**64 that depends only on the text and the key."""
    return int.from_bytes(hmac.digest(key, text.encode(), hashlib.sha256)[:8], "big")
