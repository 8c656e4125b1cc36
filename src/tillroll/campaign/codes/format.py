"""Code formats: the files in rules/codes/."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from tillroll.campaign.codes.check_symbol import check_symbol
from tillroll.campaign.codes.unwanted import fold_lookalikes
from tillroll.campaign.text.block import Block, Line
from tillroll.campaign.text.units import KeyFault, Whole

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32 (https://www.crockford.com/base32.html): without I, L, O, U, so that no two symbols look alike."""

LONGEST_CODE = 128
"""The most characters of a coupon code in the store (docs/ecwid-api.md, section 1.4)."""

ALPHABET_PATTERN = r"^[0-9A-Z]{10,36}$"
WORD_PATTERN = r"^[0-9A-Z]{3,32}$"
FORM_PATTERN = r"^[0-9A-Z#-]{4,80}$"
RANDOM = "#"
"""What stands for a random symbol in a pattern."""

_LEAST_RANDOM, _MOST_RANDOM = 4, 64

_MISREAD = (("O", "0"), ("I", "1"), ("L", "1"))


class CodeFormat(Block):
    """How a code is built: a prefix, then `length` random symbols, optionally in groups; or a pattern."""

    meant: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("suffix", "postfix", "ending", "end"),
            "write it in a pattern: pattern: '##########-VIP', where # is random",
        ),
        **dict.fromkeys(
            ("template", "mask", "format", "form"),
            "write pattern: 'SUMMER-##########', where # is a random symbol",
        ),
    }

    title: Line
    alphabet: Annotated[str, StringConstraints(pattern=ALPHABET_PATTERN)] = Field(
        default=CROCKFORD,
        description="The symbols to draw from; by default 32 symbols that don't look alike.",
    )
    length: Whole = Field(default=10, ge=4, le=64, description="The number of random symbols.")
    pattern: Annotated[str, StringConstraints(pattern=FORM_PATTERN)] | None = Field(
        default=None,
        description="The code behind the prefix, instead of length and group: each # is a random symbol, the rest stands as it "
        "is. With check_symbol, the last # is the check symbol.",
        examples=["SUMMER-##########-VIP"],
    )
    check_symbol: bool = Field(
        default=False,
        description="Add a symbol calculated from the random ones: it reveals every wrong symbol and every swap of "
        "two neighbours.",
    )
    group: Whole | None = Field(
        default=None,
        ge=2,
        le=16,
        description="Symbols per group, separated by hyphens; the prefix is its own group. The store's documentation mentions "
        "letters and digits only, so try one such code in your store before you print thousands.",
    )
    unwanted: tuple[Annotated[str, StringConstraints(pattern=WORD_PATTERN)], ...] = Field(
        default=(),
        max_length=500,
        description="Words that no code may contain, besides the built-in list of rude words in seven languages.",
        examples=[["ACME"]],
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if len(set(self.alphabet)) != len(self.alphabet):
            raise KeyFault("alphabet", "a symbol is listed twice")
        if not any(symbol.isalpha() for symbol in self.alphabet):
            raise KeyFault("alphabet", "add letters: a code of digits only can be mistaken for a coupon id")
        if self.pattern is not None:
            self._check_pattern(self.pattern)
        return self

    def _check_pattern(self, pattern: str) -> None:
        for other in ("length", "group"):
            if other in self.model_fields_set:
                raise KeyFault(other, f"{other}: has no meaning with pattern:, which says it; leave it out")
        least = _LEAST_RANDOM + self.check_symbol
        if not least <= pattern.count(RANDOM) <= _MOST_RANDOM:
            raise KeyFault("pattern", f"give it {least} to {_MOST_RANDOM} random symbols, each written as #")
        if pattern.startswith("-") or pattern.endswith("-"):
            raise KeyFault("pattern", "a code neither begins nor ends with a hyphen")

    @property
    def symbols(self) -> int:
        """The number of symbols that are not the same in every code, including the check symbol."""
        return self.drawn + self.check_symbol

    @property
    def drawn(self) -> int:
        """The number of random symbols."""
        return self.length if self.pattern is None else self.pattern.count(RANDOM) - self.check_symbol

    def head(self, prefix: str) -> str:
        """Return what every code begins with."""
        if self.pattern is None:
            return prefix
        return self._lead(prefix, self.pattern) + self.pattern.partition(RANDOM)[0]

    @staticmethod
    def _lead(prefix: str, pattern: str) -> str:
        """Return the prefix as it stands before a pattern: a part of its own, if the pattern has parts."""
        return f"{prefix}-" if prefix and "-" in pattern else prefix

    def with_drawn(self, drawn: int) -> CodeFormat:
        """Return the format with more random symbols."""
        if self.pattern is None:
            return self.model_copy(update={"length": drawn})
        first, last = self.pattern.rsplit(RANDOM, 1)
        return self.model_copy(update={"pattern": f"{first}{RANDOM * (1 + drawn - self.drawn)}{last}"})

    def format_code(self, prefix: str, symbols: str) -> str:
        """Return the code with these symbols as it is printed, with its groups."""
        if self.pattern is not None:
            following = iter(symbols)
            drawn = (next(following) if char == RANDOM else char for char in self.pattern)
            return self._lead(prefix, self.pattern) + "".join(drawn)
        if self.group is None:
            return prefix + symbols
        size = self.group
        parts = [symbols[start : start + size] for start in range(0, len(symbols), size)]
        return "-".join([prefix, *parts] if prefix else parts)

    def code_length(self, prefix: str) -> int:
        """Return the number of characters in a code, including hyphens."""
        return len(self.format_code(prefix, "0" * self.symbols))

    def read(self, prefix: str, typed: str) -> str | None:
        """Return the code that a person typed; None if it isn't of this format or its check symbol is wrong."""
        symbols = self.symbols_in(prefix, typed)
        if not symbols or (self.check_symbol and check_symbol(symbols[:-1], self.alphabet) != symbols[-1]):
            return None
        return self.format_code(prefix, symbols)

    def symbols_in(self, prefix: str, typed: str) -> str:
        """Return what follows the prefix of a typed code, normalised; empty if it isn't of this format.

        Case, hyphens and spaces are ignored. O, I and L are read as digits unless the format's alphabet has them.
        """
        text = "".join(typed.upper().replace("-", "").split())
        if self.pattern is not None:
            text = self._without_fixed(prefix, text)
            prefix = ""
        start, symbols = text[: len(prefix)], text[len(prefix) :]
        for letter, digit in _MISREAD:
            if letter not in self.alphabet:
                symbols = symbols.replace(letter, digit)
        is_valid = len(symbols) == self.symbols and set(symbols) <= set(self.alphabet)
        return symbols if is_valid and fold_lookalikes(start) == fold_lookalikes(prefix) else ""

    def _without_fixed(self, prefix: str, text: str) -> str:
        """Return the symbols of a text that stand where the pattern has random ones; empty if the others aren't the pattern's."""
        form = prefix + (self.pattern or "").replace("-", "")
        if len(form) != len(text):
            return ""
        fixed = [(mine, theirs) for mine, theirs in zip(form, text, strict=True) if mine != RANDOM]
        if any(fold_lookalikes(mine) != fold_lookalikes(theirs) for mine, theirs in fixed):
            return ""
        return "".join(theirs for mine, theirs in zip(form, text, strict=True) if mine == RANDOM)
