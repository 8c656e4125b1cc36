"""Numbers with their nouns: `1 code`, `2,000 codes`."""

from __future__ import annotations


def count_of(number: int, noun: str, plural: str = "") -> str:
    """Return the number, with thousands separated, and its noun in the right form; `plural` where that isn't noun + s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
