"""The check symbol of a code: one more symbol that shows a typing slip before anybody asks the store.

Crockford's own (https://www.crockford.com/base32.html): the symbols, read as a number with the alphabet's size as its base,
modulo a prime a little above that size (37 for his 32 symbols). Every wrong symbol and every two neighbours that changed places
leave another remainder. He writes the remainders that no symbol stands for as `*~$=U`; what the store takes in a code is only
known of letters and digits, so codes with such a remainder are not drawn at all.
"""

from __future__ import annotations

from functools import cache

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@cache
def modulus(size: int) -> int:
    """The smallest prime above so many symbols."""
    return next(one for one in range(size + 1, 2 * size + 1) if all(one % part for part in range(2, one)))


@cache
def _as_digits(alphabet: str) -> dict[int, int]:
    return str.maketrans(alphabet, _DIGITS[: len(alphabet)])


def check_symbol(symbols: str, alphabet: str) -> str:
    """The symbol that goes behind these; empty when none stands for the remainder. At most 36 symbols of `0-9A-Z`."""
    size = len(alphabet)
    rest = int(symbols.translate(_as_digits(alphabet)), size) % modulus(size)
    return alphabet[rest] if rest < size else ""
