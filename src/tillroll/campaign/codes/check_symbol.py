"""The check symbol of a code: one more symbol that reveals typing errors without asking the store.

As Crockford defines it (https://www.crockford.com/base32.html): the symbols, read as a number in base n (the alphabet's size),
modulo the next prime above n (37 for his 32 symbols). Every wrong symbol and every swap of neighbours changes the remainder.
Crockford writes remainders of n and more as `*~$=U`; the store is only known to accept letters and digits, so codes with such a
remainder are not drawn.
"""

from __future__ import annotations

from functools import cache

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@cache
def modulus(size: int) -> int:
    """Return the smallest prime above the number of symbols."""
    return next(n for n in range(size + 1, 2 * size + 1) if all(n % divisor for divisor in range(2, n)))


@cache
def _as_digits(alphabet: str) -> dict[int, int]:
    return str.maketrans(alphabet, _DIGITS[: len(alphabet)])


def check_symbol(symbols: str, alphabet: str) -> str:
    """Return the check symbol; empty if no symbol has the remainder. The alphabet has at most 36 symbols of `0-9A-Z`."""
    size = len(alphabet)
    rest = int(symbols.translate(_as_digits(alphabet)), size) % modulus(size)
    return alphabet[rest] if rest < size else ""
