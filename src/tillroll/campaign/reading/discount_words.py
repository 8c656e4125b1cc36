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
    割引 値引き 引き オフ 折扣 할인 خصم הנחה
"""
_ON_ALL = r"""
    on everything|on all|on your (?:next |whole |entire |first )?(?:order|purchase|basket)|from your (?:order|basket|purchase)
    auf alles|auf (?:ihre|deine)n? \w*\s?(?:einkauf|bestellung)|sur tout|sur (?:votre|ta) \w*\s?commande
    su tutto|sul tuo \w*\s?ordine|en todo|sobre todo|en tu \w*\s?(?:pedido|compra)|na vse|na celot\w+ nakup
"""
"""What follows a figure that is taken off a whole order."""

_MATERIALS = r"""
    cotton wool silk linen cocoa organic recycled natural pure alcohol vol humidity bamboo biodegradable satisfaction
    baumwolle wolle seide leinen kakao bio recycelt\w* alkohol natürlich pflanzlich
    coton laine soie lin cacao biologique recyclé\w* naturel\w*
    cotone lana seta lino biologic\w* riciclat\w* naturale
    algodón seda ecológic\w* reciclad\w* natural
    bombaž\w* voln\w svil\w kakav\w* ekološk\w* naravn\w*
"""
"""What a percentage may be of, besides an order."""

_PRICES = r"""
    for|costs?|prices?|was|instead of|kostet|kosten|preis|statt|prix|pour|coûte|au lieu de|costa|prezzo|per|invece di
    cuesta|precio|por|en lugar de|za|stane|cena|namesto
"""
"""Words before the price of a product."""

_ONLY_AFTER = frozenset({"off", "less", "cheaper", "günstiger", "menos", "taniej", "ceneje"})
"""Words that follow their figure: in “off our €30 teapot” the figure is no discount."""


def _any_of(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


def _lines(alternatives: str) -> str:
    return "|".join(line.strip() for line in alternatives.strip().splitlines())


_WHOLE = _lines(_ON_ALL)
_AFTER = re.compile(
    rf"[\s-]*(?:(?:\w{{1,8}}\s)?(?:{_any_of(_WORDS.split())})(?!\w)|(?:{_WHOLE})(?!\w))", re.IGNORECASE
)
_MATERIAL = re.compile(rf"\s?(?:\w{{1,12}}\s)?(?:{'|'.join(_MATERIALS.split())})(?!\w)", re.IGNORECASE)
_PRICE = re.compile(
    rf"(?<!\w)(?:{_lines(_PRICES)})(?:\s(?:of|de|di|at|only|just|now|nur|jetzt))?[\s:]*$", re.IGNORECASE
)
_BEFORE = re.compile(
    rf"(?<!\w)(?:{_any_of(set(_WORDS.split()) - _ONLY_AFTER)})(?:\s\w{{1,8}}){{0,2}}[\s:]*$|(?:^|\s)[-–−]\s?$",
    re.IGNORECASE,
)
_NEAR = 40  # characters that are looked at before a figure


def is_promise(text: str, start: int, end: int) -> bool:
    """Whether the words beside a figure say that this much is taken off."""
    before = text[max(text.rfind("\n", 0, start) + 1, start - _NEAR) : start]
    return bool(_AFTER.match(text, end) or _BEFORE.search(before))


def is_material(text: str, end: int) -> bool:
    """Whether a percentage is said to be of something else than an order: `70 % cocoa`."""
    return _MATERIAL.match(text, end) is not None


def is_price(text: str, start: int) -> bool:
    """Whether the words before an amount say that something costs it."""
    return _PRICE.search(text[max(text.rfind("\n", 0, start) + 1, start - _NEAR) : start]) is not None
