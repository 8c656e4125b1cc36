"""The sample shop's goods: tea and tableware, with images, brands, sale prices; a book to download and a gift card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tillroll.sandbox.endpoints import files
from tillroll.sandbox.formats import images
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

_DAY = 86_400

CATEGORIES = ["Green tea", "Black tea", "Infusions", "Tableware"]
PRODUCTS = [
    ("TEA-01", "Sencha", 9.5, 0), ("TEA-02", "Gyokuro", 24.0, 0),
    ("TEA-03", "Dragon Well", 18.5, 0), ("TEA-04", "Genmaicha", 8.9, 0),
    ("TEA-05", "Jasmine pearls", 16.0, 0), ("TEA-06", "Matcha, ceremonial", 32.0, 0),
    ("TEA-11", "Assam", 7.9, 1), ("TEA-12", "Darjeeling, first flush", 19.5, 1),
    ("TEA-13", "Lapsang Souchong", 11.0, 1), ("TEA-14", "Earl Grey", 8.5, 1),
    ("TEA-15", "Keemun", 13.5, 1), ("TEA-16", "Ceylon", 7.5, 1),
    ("INF-01", "Linden and honey", 6.5, 2), ("INF-02", "Mountain mint", 5.9, 2),
    ("INF-03", "Rooibos vanilla", 7.2, 2), ("INF-04", "Winter orange and clove", 8.4, 2),
    ("INF-05", "Smoked chestnut", 9.2, 2), ("INF-06", "Ginger and lemon", 6.8, 2),
    ("POT-01", "Cast-iron pot", 64.0, 3), ("POT-02", "Glass pot", 38.0, 3),
    ("CUP-01", "Porcelain cup", 14.0, 3), ("CUP-02", "Set of four cups", 49.0, 3),
    ("SPO-01", "Measuring spoon", 6.0, 3), ("BOX-01", "Tea chest", 85.0, 3),
]  # fmt: skip
FIRST = 701


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleGoods:
    """A product that people buy."""

    number: int
    price: float
    item: str  # what an order's item says of it, as JSON without braces


GOODS = [
    SampleGoods(
        number=number,
        price=price,
        item=dump({"productId": number, "categoryId": shelf + 1, "sku": sku, "name": name, "price": price})[
            1:-1
        ],
    )
    for number, (sku, name, price, shelf) in enumerate(PRODUCTS, start=FIRST)
]
_SALES = {"TEA-05": 19.0, "INF-04": 9.9, "POT-02": 45.0, "CUP-02": 59.0}
"""The prices before the sale."""
_BRANDS = ("Uji", "Nilgiri", "Kamna", "Hagi")
_BOOK, _GIFT_CARD = 731, 732
_PAPER: dict[str, Any] = {
    "type": "RADIO", "name": "Paper", "defaultChoice": 0, "required": False,
    "choices": [
        {"text": "Plain", "priceModifier": 0, "priceModifierType": "ABSOLUTE"},
        {"text": "Silk", "priceModifier": 2, "priceModifierType": "ABSOLUTE"},
    ],
}  # fmt: skip


def seed(store: SandboxStore) -> None:
    """Add categories and products to an empty shop."""
    for number, name in enumerate(CATEGORIES, start=1):
        body = {"name": name, "enabled": True, "image": images.main_fields(images.shown(store.url, number))}
        store.state.run("insert into categories values (?, ?)", (number, dump(body)))
    for number, (sku, name, price, category) in enumerate(PRODUCTS, start=FIRST):
        body = {
            **_kept(store, number, name, price), "quantity": 40 + number % 60, "unlimited": False,
            "categoryIds": [category + 1], "attributes": [_brand(_BRANDS[category])],
            "weight": round(0.05 * (number % 9 + 1), 2),
        }  # fmt: skip
        if sku in _SALES:
            body["compareToPrice"] = _SALES[sku]
        if sku == "BOX-01":
            body["options"] = [_PAPER]
        _insert(store, number, sku, body)


def seed_without_parcels(store: SandboxStore) -> None:
    """Add a book to download and a gift card: what needs no parcel."""
    plain: dict[str, Any] = {"unlimited": True, "isShippingRequired": False, "categoryIds": [4]}
    _insert(store, _BOOK, "EBK-01", {**_kept(store, _BOOK, "The tea book", 12.0), **plain})
    row = store.state.row("select * from products where id = ?", (_BOOK,))
    if row is not None:
        files.insert(store, row, "tea.pdf", "The book", b"%PDF-1.4 tea")
    card = {
        **_kept(store, _GIFT_CARD, "Gift card", 25.0),
        **plain,
        "isGiftCard": True,
        "discountsAllowed": False,
    }
    _insert(store, _GIFT_CARD, "GFT-01", card)


def _kept(store: SandboxStore, number: int, name: str, price: float) -> dict[str, Any]:
    main = {"id": "0", "isMain": True, "orderBy": 0, "alt": {"main": name}, **images.shown(store.url, number)}
    return {
        "name": name, "price": price, "inStock": True, "enabled": True, "costPrice": round(price * 0.45, 2),
        "discountsAllowed": True, "media": {"images": [main], "videos": []},
    }  # fmt: skip


def _brand(name: str) -> dict[str, Any]:
    return {"id": 2, "name": "Brand", "value": name, "type": "BRAND", "show": "DESCR"}


def _insert(store: SandboxStore, number: int, sku: str, body: dict[str, Any]) -> None:
    made = store.now() - 400 * _DAY
    store.state.run(
        "insert into products (id, sku, body, created, updated) values (?, ?, ?, ?, ?)",
        (number, sku, dump({"sku": sku, **body}), made, made),
    )
