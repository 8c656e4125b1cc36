"""Words that make a figure a promise: “20 % off”, “5 € Rabatt”, “-20%”. Pure.

Without such a word beside it, a figure may be about something else, like 100 % cotton. The list holds the languages in which most
stores write; in other languages a figure that isn't the offer's is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS = """
    off discount save saving savings cheaper less coupon voucher
    rabatt nachlass ermäßigung ermässigung preisnachlass spare sparen sparst günstiger gutschein
    remise réduction reduction rabais économisez economisez offert offerts
    sconto sconti risparmia ribasso
    descuento descuentos dto rebaja ahorra ahorro menos
    desconto poupe economize
    popust popusta popustom prihrani ceneje popustu
    korting bespaar voordeel
    rabat rabatu zniżki zniżka taniej sleva slevu ušetřete zľava kedvezmény engedmény reducere
    rabatten rabattert spar alennus alennusta indirim έκπτωση скидка скидки скидку знижка отстъпка
    割引 折扣 할인 خصم הנחה
"""
_ONLY_AFTER = frozenset({"off", "less", "cheaper", "günstiger", "menos", "taniej", "ceneje"})
"""Words that follow their figure: in “off our €30 teapot” the figure is no discount."""


def _any_of(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_AFTER = re.compile(rf"[\s-]*(?:\w{{1,8}}\s)?(?:{_any_of(_WORDS.split())})(?!\w)", re.IGNORECASE)
_BEFORE = re.compile(
    rf"(?<!\w)(?:{_any_of(set(_WORDS.split()) - _ONLY_AFTER)})(?:\s\w{{1,8}}){{0,2}}[\s:]*$|(?:^|\s)[-–−]\s?$",
    re.IGNORECASE,
)
_NEAR = 40  # characters that are looked at before a figure


def is_promise(text: str, start: int, end: int) -> bool:
    """Whether the words beside a figure say that this much is taken off."""
    before = text[max(text.rfind("\n", 0, start) + 1, start - _NEAR) : start]
    return bool(_AFTER.match(text, end) or _BEFORE.search(before))
