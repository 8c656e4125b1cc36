"""Checking and converting the values of a catalogue file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any
from unicodedata import normalize

from tillroll.campaign.text.clean import CleanText, Uncleanable, clean_key, clean_line
from tillroll.catalog.decide import Options, Value

_MOST_MONEY = Decimal(10**9)
_MOST_WHOLE = 10**9
_PLACES = 4
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Categories = Mapping[str, int]
"""A path like `Tea/Green` → the category's id, or 0 when several categories have this path."""


class Fault(ValueError):
    """A fault in one value. Its text is shown after file and line."""


def text_of(name: str, value: Any, most: int = 1024) -> CleanText:
    """Return a text of one line and bounded length. Raises `Fault`."""
    if not isinstance(value, str):
        raise Fault(f"{name}: expected a text, not {_shown(value)}")
    if len(value) > most:
        raise Fault(f"{name}: it has {len(value)} characters, at most {most} are allowed")
    text = clean_line(value, longest=most)
    if text != normalize("NFC", value).strip():
        raise Fault(f"{name}: it contains an unprintable character")
    return text


def sku_of(name: str, value: Any) -> CleanText:
    """Return a SKU to the letter. Raises `Fault`."""
    if not isinstance(value, str):
        raise Fault(f"{name}: expected a text, not {_shown(value)}")
    try:
        return clean_key(value, f"{name}: it")
    except Uncleanable as fault:
        raise Fault(fault.message) from None


def _money(name: str, value: Any) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise InvalidOperation
        amount = Decimal(value)
        if not amount.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise Fault(f"{name}: {_shown(value)} is not an amount; write it like 12.50") from None
    if not 0 <= amount < _MOST_MONEY:
        raise Fault(f"{name}: {_shown(value)} is not between 0 and {_MOST_MONEY}")
    if amount != amount.quantize(Decimal(1).scaleb(-_PLACES)):
        raise Fault(f"{name}: {_shown(value)} has more than {_PLACES} decimal places")
    return amount


def _whole(name: str, value: Any) -> int:
    text = str(value)
    if isinstance(value, bool | Decimal) or not (text.isascii() and text.isdigit()) or len(text) > 12:
        raise Fault(f"{name}: {_shown(value)} is not a whole number from 0 up")
    if int(text) > _MOST_WHOLE:
        raise Fault(f"{name}: {_shown(value)} is over {_MOST_WHOLE}")
    return int(text)


def _quantity(name: str, value: Any) -> int | None:
    if isinstance(value, str) and value.casefold() == "unlimited":
        return None
    try:
        return _whole(name, value)
    except Fault as fault:
        raise Fault(f"{fault}, nor the word unlimited") from None


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.casefold() in _WORDS:
        return _WORDS[value.casefold()]
    raise Fault(f"{name}: {_shown(value)} is neither yes nor no")


def category_ids(value: Any, categories: Categories) -> tuple[int, ...]:
    """Return the store's ids of categories that are given by their paths. Raises `Fault`."""
    paths = value.split(";") if isinstance(value, str) else value
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise Fault(f"categories: expected paths like Tea/Green; Gifts, not {_shown(value)}")
    ids = set()
    for path in paths:
        plain = "/".join(part.strip() for part in path.split("/"))
        if plain not in categories:
            near = get_close_matches(plain, categories, n=1)
            guess = f" (did you mean {near[0]}?)" if near else ""
            raise Fault(f"categories: the store has no category {_shown(plain)}{guess}")
        if not categories[plain]:
            raise Fault(
                f"categories: the store has several categories {_shown(plain)}; it is unclear which one is meant"
            )
        ids.add(categories[plain])
    return tuple(sorted(ids))


def options_in(value: Any) -> Options:
    """Return a variation's options, from `Size=100 g; Colour=Ash` or from an object. Raises `Fault`."""
    if not value:
        return ()
    pairs: list[tuple[Any, ...]] = [(value,)]
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, str):
        pairs = [tuple(part.split("=", 1)) for part in value.split(";") if part.strip()]
    options: list[tuple[str, str]] = []
    for pair in pairs:
        if len(pair) != 2 or not all(isinstance(part, str) and part.strip() for part in pair):
            raise Fault(f"options: write them like Size=100 g; Colour=Ash, not {_shown(value)}")
        options.append((text_of("options", pair[0].strip(), 255), text_of("options", pair[1].strip(), 255)))
    names = [name for name, _ in options]
    if len(set(names)) < len(names):
        raise Fault("options: an option is named twice")
    return tuple(options)


def _shown(value: Any) -> str:
    text = repr(str(value) if isinstance(value, Decimal) else value)
    return text if len(text) <= 60 else f"{text[:57]}…"


READ: Mapping[str, Callable[[str, Any], Value]] = {
    "name": text_of,
    "price": _money,
    "cost_price": _money,
    "quantity": _quantity,
    "low_stock_at": _whole,
    "enabled": _flag,
    "discounts_allowed": _flag,
}
COLUMNS = ("sku", "parent_sku", "options", *READ, "categories")
OF_A_VARIATION = frozenset({"price", "quantity", "low_stock_at"})
