"""One value of a catalogue file: from what somebody wrote to what the store is told, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any

from tillroll.catalog.decide import Options, Value

_MOST_MONEY = Decimal(10**9)
_MOST_WHOLE = 10**9
_PLACES = 4
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Categories = Mapping[str, int]
"""Path like `Tea/Green` → the category's id; 0 when several categories have this path."""


class Fault(ValueError):
    """What is wrong with one value; the text goes behind file and line."""


def text_of(name: str, value: Any, most: int = 1024) -> str:
    """A text of one line, of bounded length."""
    if not isinstance(value, str):
        raise Fault(f"{name}: expected a text, not {_shown(value)}")
    if len(value) > most:
        raise Fault(f"{name}: it has {len(value)} characters, at most {most} are allowed")
    if any(not char.isprintable() for char in value):
        raise Fault(f"{name}: it holds a character that can't be printed")
    return value


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
        raise Fault(f"{name}: {_shown(value)} has more than {_PLACES} digits after the point")
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
    """Paths of categories as the store's ids."""
    paths = value.split(";") if isinstance(value, str) else value
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise Fault(f"categories: expected paths like Tea/Green; Gifts, not {_shown(value)}")
    found = set()
    for path in paths:
        plain = "/".join(part.strip() for part in path.split("/"))
        if plain not in categories:
            near = get_close_matches(plain, categories, n=1)
            guess = f" (did you mean {near[0]}?)" if near else ""
            raise Fault(f"categories: the store has no category {_shown(plain)}{guess}")
        if not categories[plain]:
            raise Fault(
                f"categories: the store has several categories {_shown(plain)}; it can't be told which is meant"
            )
        found.add(categories[plain])
    return tuple(sorted(found))


def options_in(value: Any) -> Options:
    """What a variation differs in: `Size=100 g; Colour=Ash`, or an object."""
    if not value:
        return ()
    pairs: list[tuple[Any, ...]] = [(value,)]
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, str):
        pairs = [tuple(one.split("=", 1)) for one in value.split(";") if one.strip()]
    found: list[tuple[str, str]] = []
    for pair in pairs:
        if len(pair) != 2 or not all(isinstance(one, str) and one.strip() for one in pair):
            raise Fault(f"options: write them like Size=100 g; Colour=Ash, not {_shown(value)}")
        found.append((text_of("options", pair[0].strip(), 255), text_of("options", pair[1].strip(), 255)))
    names = [name for name, _ in found]
    if len(set(names)) < len(names):
        raise Fault("options: one option is named twice")
    return tuple(found)


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
