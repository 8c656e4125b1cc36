"""How many API calls and minutes minting takes; used by minting and shown in plans. Pure."""

from __future__ import annotations

import math

CHUNK = 500
"""The most codes in one batch."""

FEW = 5
"""Up to this many codes are posted one by one, which is faster than a batch and its polls."""

_CALLS_A_CHUNK = 2.5  # one POST, one poll, and a second poll every other time


def calls_for(codes: int) -> int:
    """Return the number of API calls to mint `codes` codes."""
    return codes if codes <= FEW else math.ceil(math.ceil(codes / CHUNK) * _CALLS_A_CHUNK)


def minutes_for(calls: int, per_minute: int) -> float:
    """Return the minutes for `calls` API calls at the store's pace, rounded up to a tenth."""
    return math.ceil(calls / per_minute * 10) / 10
