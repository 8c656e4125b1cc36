"""Percentages as people write them: `10%` in English, `10 %` in German or French."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel import Locale


def say_percent(percent: Decimal | float, locale: str | Locale = "en") -> str:
    """Return a percentage with all its decimals, in the way of a language: `say_percent(Decimal("12.5"))` is `12.5%`."""
    from babel.numbers import format_percent  # imported late: most commands write no percentage

    return format_percent(Decimal(str(percent)) / 100, locale=locale, decimal_quantization=False)
