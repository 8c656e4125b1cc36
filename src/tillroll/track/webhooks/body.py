"""Reading the JSON body of a webhook or event: bounded before the parser sees it, and without what no ledger can hold."""

from __future__ import annotations

import json
from typing import Any

from tillroll.errors import Refused

_MOST_BYTES = 64 * 1024
_DEEPEST = 20  # levels
_MOST_DIGITS = 100  # of a number: a larger one is no id, and takes long to read


def read_json_object(content: bytes) -> dict[str, Any]:
    """Return the object that a body holds. Raises `Refused` if it is too large, too deep or no object in JSON."""
    if len(content) > _MOST_BYTES:
        raise Refused(f"The body is larger than {_MOST_BYTES // 1024} kB.")
    if content.count(b"[") + content.count(b"{") > _DEEPEST and _depth(content) > _DEEPEST:
        raise Refused(f"The body is nested more than {_DEEPEST} levels deep.")
    try:
        raw = json.loads(content.decode(), parse_constant=_no_number, parse_int=_whole, parse_float=_real)
    except (ValueError, RecursionError) as fault:
        raise Refused("The body is not JSON.") from fault
    if not isinstance(raw, dict):
        raise Refused("The body is not an object.")
    return raw


def _depth(content: bytes) -> int:
    """Return how deep the objects and lists of a JSON text are nested, without parsing it."""
    depth = deepest = 0
    in_text = escaped = False
    for byte in content:
        if in_text:
            if escaped:
                escaped = False
            elif byte == 0x5C:  # \
                escaped = True
            elif byte == 0x22:  # "
                in_text = False
        elif byte == 0x22:
            in_text = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if not abs(value) < float("inf"):
        raise ValueError("a number is too large")
    return value


def _no_number(word: str) -> float:
    """Refuse `NaN` and `Infinity`, which Python reads although JSON has no such numbers."""
    raise ValueError(f"{word} is not a number")
