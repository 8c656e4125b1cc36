"""How codes are built: the files under rules/codes/."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tillroll.campaign.codes.check_symbol import check_symbol
from tillroll.campaign.codes.unwanted import seen
from tillroll.campaign.text.units import KeyFault, Whole
from tillroll.campaign.text.words import Line, Words

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32 (https://www.crockford.com/base32.html): no I, L, O, U, so nothing looks like something else."""

LONGEST_CODE = 128
"""The most characters a coupon's code has in the store (dossier, section 1.4)."""

ALPHABET_PATTERN = r"^[0-9A-Z]{10,36}$"
WORD_PATTERN = r"^[0-9A-Z]{3,32}$"

_MISREAD = (("O", "0"), ("I", "1"), ("L", "1"))


class CodeFormat(Words):
    """How a code is built: prefix, then `length` drawn symbols, in groups if asked for."""

    title: Line
    alphabet: Annotated[str, StringConstraints(pattern=ALPHABET_PATTERN)] = Field(
        default=CROCKFORD,
        description="What is drawn from; by default 32 symbols of which none looks like another.",
    )
    length: Whole = Field(default=10, ge=4, le=64, description="How many symbols are drawn.")
    check_symbol: bool = Field(
        default=False,
        description="One more symbol, worked out from the drawn ones: it shows every wrong symbol and every two "
        "neighbours that changed places.",
    )
    group: Whole | None = Field(
        default=None,
        ge=2,
        le=16,
        description="Symbols a group, parted by hyphens; the prefix is one of its own. The store's documentation speaks "
        "of letters and digits only, so try one such code in your store before you print thousands.",
    )
    unwanted: tuple[Annotated[str, StringConstraints(pattern=WORD_PATTERN)], ...] = Field(
        default=(),
        max_length=500,
        description="Words that no code may hold, besides the kept list of rude ones in seven languages.",
        examples=[["ACME"]],
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if len(set(self.alphabet)) != len(self.alphabet):
            raise KeyFault("alphabet", "a symbol is named twice")
        if not any(symbol.isalpha() for symbol in self.alphabet):
            raise KeyFault(
                "alphabet", "it needs letters: a code of digits alone can be mistaken for a coupon's number"
            )
        return self

    @property
    def symbols(self) -> int:
        """How many symbols stand behind the prefix, the check symbol among them."""
        return self.length + self.check_symbol

    def written(self, prefix: str, symbols: str) -> str:
        """The code of these symbols, as it is printed and typed."""
        if self.group is None:
            return prefix + symbols
        size = self.group
        parts = [symbols[start : start + size] for start in range(0, len(symbols), size)]
        return "-".join([prefix, *parts] if prefix else parts)

    def code_length(self, prefix: str) -> int:
        """How many characters a code has, hyphens and all."""
        return len(self.written(prefix, "0" * self.symbols))

    def read(self, prefix: str, typed: str) -> str | None:
        """The code that somebody means who typed this; None if no code of this format is meant, or its check symbol says no."""
        symbols = self.symbols_in(prefix, typed)
        if not symbols or (self.check_symbol and check_symbol(symbols[:-1], self.alphabet) != symbols[-1]):
            return None
        return self.written(prefix, symbols)

    def symbols_in(self, prefix: str, typed: str) -> str:
        """The symbols behind the prefix, if what somebody typed has this format's form; else empty.

        Capitals, hyphens and spaces don't matter; O, I and L stand for the digits they look like, if they aren't symbols here.
        """
        text = "".join(typed.upper().replace("-", "").split())
        begins, symbols = text[: len(prefix)], text[len(prefix) :]
        for letter, digit in _MISREAD:
            if letter not in self.alphabet:
                symbols = symbols.replace(letter, digit)
        of_form = len(symbols) == self.symbols and set(symbols) <= set(self.alphabet)
        return symbols if of_form and seen(begins) == seen(prefix) else ""
