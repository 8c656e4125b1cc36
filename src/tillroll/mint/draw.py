"""Chance, and nothing else: codes, keys, and the order recipients get them in. All of it from the system's own generator."""

from __future__ import annotations

import secrets
import uuid

from tillroll.campaign.rules import CodeFormat

_SYSTEM = secrets.SystemRandom()


def draw_codes(count: int, *, code_format: CodeFormat, prefix: str) -> list[str]:
    """So many different codes, sorted: a sorted insert into a unique index is more than twice as fast.

    Bytes that would favour some symbols (256 is no multiple of most alphabets) are dropped, not folded.
    """
    found: set[str] = set()
    while len(found) < count:
        symbols = _symbols((count - len(found)) * code_format.length, code_format.alphabet)
        for start in range(0, len(symbols), code_format.length):
            found.add(prefix + _grouped(symbols[start : start + code_format.length], code_format.group))
    return sorted(found)


def _symbols(count: int, alphabet: str) -> str:
    """So many symbols of the alphabet, each equally likely."""
    size = len(alphabet)
    fair = 256 - 256 % size
    table = bytes(ord(alphabet[byte % size]) if byte < fair else 0 for byte in range(256))
    unfair = bytes(range(fair, 256))
    drawn = b""
    while len(drawn) < count:
        drawn += secrets.token_bytes(count - len(drawn) + 64).translate(table, unfair)
    return drawn[:count].decode("ascii")


def _grouped(symbols: str, group: int | None) -> str:
    if group is None:
        return symbols
    return "-".join(symbols[start : start + group] for start in range(0, len(symbols), group))


def shuffled(ids: list[int]) -> list[int]:
    """The ids in an order that tells nothing: sorted codes must not follow the customers' numbers."""
    mixed = list(ids)
    _SYSTEM.shuffle(mixed)
    return mixed


def new_key() -> str:
    """A fresh deduplication key: a random UUID, as the batch endpoint wants it."""
    return str(uuid.uuid4())
