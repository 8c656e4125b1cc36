"""Stable pseudonyms in place of personal data: the same value always gets the same one, and none leads back. Pure.

They are keyed hashes (HMAC-SHA-256) with a key of the installation, so nobody without it can try out names and addresses.
Whatever is not known to be harmless (`kept.py`) is replaced. Numbers, true and false, dates of events and symbols like `PAID`
stay, so that a record can be played again.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import b32encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from tillroll.ecwid.record import kept

STORE_ID = 1003
"""What stands for the store's number."""

_WORDS = re.compile(r"\w+", re.UNICODE)
_ROUTES = frozenset(
    {
        "orders", "order", "carts", "customers", "customer_groups", "products", "categories", "discount_coupons",
        "coupons", "promotions", "profile", "batch", "storage", "latest-stats", "reports", "reviews", "application",
        "token", "deleted", "combinations", "contacts", "calculate", "last", "place", "staff", "inventory",
        "classes", "brands", "swatches", "order_statuses", "order_status", "cancel-group", "store_extrafields",
        "extraFields", "invoices", "create-invoice", "search", "shippingOptions", "paymentOptions", "subscriptions",
        "dictionaries", "staffScopes", "sort", "filters",
    }
)  # fmt: skip
"""The words of the API's own paths."""
_OWN = "tillroll-"
_FIRST_YEAR, _YEARS, _MONTHS, _DAYS = 1940, 65, 12, 28
_LONGEST = 6


class Pseudonyms:
    """The pseudonyms of one installation and store."""

    def __init__(self, key: bytes, *, store_id: int) -> None:
        """`key` is secret, and the same as long as pseudonyms shall stay the same."""
        self._key = key
        self._store_id = store_id

    def path(self, path: str) -> str:
        """Return a path without its query, below the store's own."""
        return "/".join(self._segment(part) for part in path.split("/"))

    def query(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the parameters of a query."""
        return {name: self.value(name, text) for name, text in query.items()}

    def value(self, name: str, value: Any, *, extra: bool = False) -> Any:
        """Return what stands for a value of a field. `extra`: people write what they like there."""
        match value:
            case dict():
                inside = extra or name in kept.INSIDE_EXTRA
                return {
                    self._name(inner): self.value(inner, held, extra=inside) for inner, held in value.items()
                }
            case list():
                return [self.value(name, held, extra=extra) for held in value]
            case str():
                return self._text(name, value, extra=extra)
            case bool() | None:
                return value
            case int() | float() if name in kept.NUMBERS_OF_PEOPLE:
                return int(self._digits(str(value), 9))
            case _:
                return STORE_ID if value == self._store_id else value

    def _text(self, name: str, text: str, *, extra: bool) -> str:
        if not text:
            return text
        shape = None if extra else kept.SHAPES.get(name)
        if shape is not None and shape.fullmatch(text) and text != str(self._store_id):
            return text
        match name:
            case "escapedHttpBody":
                return self._packed(text)
            case "path":
                return self._inner_path(text)
            case "storeUrl" | "url" | "link":
                return f"https://shop.example/{self._hash('text', text)}"
        if "@" in text:
            return f"{self._hash('email', text.strip().lower())}@example.com"
        if name in kept.NUMBERS_OF_PEOPLE:
            return f"+999{self._digits(text, 9)}"
        if name in kept.CODES and not extra:
            return self._code(text, digits_stay=name != "code")
        if kept.DATE.fullmatch(text):
            return self._date(text)
        if kept.NUMBER.fullmatch(text):
            return self._digits(text, min(9, len(text)))
        if name in kept.PEOPLE and len(text.split()) <= _LONGEST:
            return _WORDS.sub(lambda word: self._hash("word", word[0]).capitalize(), text)
        return self._hash("text", text)

    def _packed(self, text: str) -> str:
        """Return the answer inside an answer, which is JSON in a text."""
        try:
            return json.dumps(self.value("", json.loads(text)), ensure_ascii=False)
        except (ValueError, RecursionError):
            return self._hash("text", text)

    def _inner_path(self, text: str) -> str:
        path, mark, query = text.partition("?")
        pairs = (pair.partition("=") for pair in query.split("&") if pair)
        said = "&".join(
            f"{name}={quote(str(self.value(name, unquote(given.replace('+', ' ')))), safe='(),')}"
            for name, _, given in pairs
        )
        return self.path(path) + mark + said

    def _segment(self, part: str) -> str:
        plain = unquote(part)
        if not plain or plain in _ROUTES or (plain.isascii() and plain.isdecimal()):
            return STORE_ID_TEXT if plain == str(self._store_id) else part
        return quote(self._code(plain, digits_stay=True), safe="")

    def _code(self, text: str, *, digits_stay: bool) -> str:
        if text.startswith(_OWN) or (digits_stay and text.isascii() and text.isdecimal()):
            return STORE_ID_TEXT if text == str(self._store_id) else text
        return self._hash("code", text.upper()).upper()

    def _name(self, name: str) -> str:
        return name if kept.WORD.fullmatch(name) else self._hash("name", name)

    def _date(self, text: str) -> str:
        """Return another date of the same form: a birthday stays a day of a year that somebody may be born in."""
        drawn = self._number("date", text)
        year = _FIRST_YEAR + drawn % _YEARS
        month, day = 1 + drawn // _YEARS % _MONTHS, 1 + drawn // (_YEARS * _MONTHS) % _DAYS
        return f"{year:04}-{month:02}-{day:02}{text[10:]}"

    def _digits(self, text: str, many: int) -> str:
        return str(self._number("digits", text) % 10**many).zfill(many)

    def _number(self, kind: str, text: str) -> int:
        return int.from_bytes(self._digest(kind, text)[:8], "big")

    def _hash(self, kind: str, text: str) -> str:
        return b32encode(self._digest(kind, text))[:10].decode().lower()

    def _digest(self, kind: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{kind}\0{text}".encode("utf-8", "surrogatepass"), "sha256")


STORE_ID_TEXT = str(STORE_ID)
