"""How minting so many codes is cut into requests, and what that takes: minting works by it and plans tell it. Pure."""

from __future__ import annotations

import math

CHUNK = 500
"""The most codes that one batch may hold."""

FEW = 5
"""Up to so many codes go one by one: less latency than a batch and its polls."""

_CALLS_A_CHUNK = 2.5  # one to hand it over, one for its answers, and every second time it wasn't quite done


def calls_for(codes: int) -> int:
    """Requests to the store that so many codes take."""
    return codes if codes <= FEW else math.ceil(math.ceil(codes / CHUNK) * _CALLS_A_CHUNK)


def minutes_for(calls: int, per_minute: int) -> float:
    """Minutes so many calls take at the store's pace, to a tenth."""
    return math.ceil(calls / per_minute * 10) / 10
