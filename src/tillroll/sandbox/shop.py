"""The sample shop: tea and tableware, with customers of many names and order histories of several shapes.

The same seed makes the same shop, relative to the day it is made.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tillroll.sandbox import shop_extras
from tillroll.sandbox.areas import coupons
from tillroll.sandbox.areas.placing import public_id
from tillroll.sandbox.memory.state import dump, seeded
from tillroll.sandbox.memory.store import Store

_DAY = 86_400.0
_FIRST = [
    "Ana", "Marko", "Živa", "Luka", "Špela", "Žan", "Jürgen", "Käthe", "Øyvind", "Åse", "Giulia", "Niccolò",
    "Siobhán", "D'Arcy", "Zoë", "François", "محمد", "فاطمة", "יעל", "さくら", "Łukasz",
    "İpek", "O'Neil", "Nguyễn",
]  # fmt: skip
_LAST = [
    "Novak", "Kovač", "Žižek", "Müller", "Groß", "Ødegård", "Åberg", "Rossi", "D'Angelo", "O'Brien", "Smith",
    "García", "الحسن", "כהן", "山田", "Çelik", "van der Berg", "Nuñez", "Öztürk", "Łoś",
]  # fmt: skip
_COUNTRIES = [
    ("SI", "sl", 40),
    ("AT", "de", 15),
    ("DE", "de", 15),
    ("IT", "it", 10),
    ("GB", "en", 8),
    ("US", "en", 5),
    ("NO", "en", 4),
    ("AE", "ar", 3),
]
_HOSTS = ["example.com", "example.net", "example.org"]

CATEGORIES = ["Green tea", "Black tea", "Infusions", "Tableware"]
_PRODUCTS = [
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
_PRODUCT_IDS = {sku: number for number, (sku, *_) in enumerate(_PRODUCTS, start=701)}
_HAND_MADE = [
    ("Friends and family", "FRIENDS", 20),
    ("Market stall", "WELCOME10", 10),
    ("Summer, two years ago", "SUMMER-24", 15),
]

# shape: (share of customers in %, orders from, to, last order days ago from, to)
_SHAPES = {
    "newsletter": (30, 0, 0, 0, 0),
    "once, lately": (12, 1, 1, 2, 80),
    "once, long ago": (14, 1, 1, 120, 700),
    "regular": (14, 3, 9, 1, 60),
    "lapsed": (20, 2, 8, 95, 400),
    "big spender": (5, 4, 14, 3, 150),
    "cancelled": (5, 0, 0, 0, 0),
}


def seed_shop(store: Store, *, customers: int, seed: int) -> None:
    """Fill an empty store. Harmless to call on a store that is filled already."""
    if store.state.fact("seeded"):
        return
    with store.state.transaction() as state:
        for number, name in enumerate(CATEGORIES, start=1):
            state.run("insert into categories values (?, ?)", (number, dump({"name": name, "enabled": True})))
        for sku, name, price, category in _PRODUCTS:
            number = _PRODUCT_IDS[sku]
            body = {
                "sku": sku, "name": name, "price": price, "quantity": 40 + number % 60, "unlimited": False,
                "inStock": True, "enabled": True, "costPrice": round(price * 0.45, 2),
                "categoryIds": [category + 1],
                "discountsAllowed": True,
            }  # fmt: skip
            made = store.now() - 400 * _DAY
            state.run(
                "insert into products (id, sku, body, created, updated) values (?, ?, ?, ?, ?)",
                (number, sku, dump(body), made, made),
            )
        state.run("insert or ignore into customer_groups values (1, 'Staff', null)")
        _hand_made_coupons(store)
        histories: list[tuple[Any, ...]] = []
        state.run_many(
            "insert into customers (id, email, registered, updated, searchable, orders, spent, first_order,"
            " last_order, consent, lang, country, group_id, name, body)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            _customers(customers, seeded(seed, "customers"), store.now(), histories),
        )
        state.run_many(
            "insert into orders (number, id, customer, email, created, updated, searchable, status, coupon,"
            " total, body) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            histories,
        )
        shop_extras.seed(store, seeded(seed, "extras"))
        for area in ("products", "categories", "customers", "orders", "discountCoupons", "profile"):
            store.touched(area)
        state.keep_fact("seeded", f"{customers} customers, seed {seed}")


def _hand_made_coupons(store: Store) -> None:
    now = store.now()
    for name, code, percent in _HAND_MADE:
        body = {
            "name": name, "code": code, "discountType": "PERCENT", "status": "ACTIVE", "discount": percent,
            "launchDate": int(now - 300 * _DAY), "usesLimit": "UNLIMITED", "applicationLimit": "UNLIMITED",
            "orderCount": 0,
        }  # fmt: skip
        coupons.insert(store, body, now - 300 * _DAY)


def _customers(
    count: int, draw: random.Random, now: float, histories: list[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    shapes, weights = list(_SHAPES), [share for share, *_ in _SHAPES.values()]
    for number in range(1, count + 1):
        shape = draw.choices(shapes, weights)[0]
        country, lang, _ = draw.choices(_COUNTRIES, [share for *_, share in _COUNTRIES])[0]
        email = _email(number, draw)
        placed, registered = _history(shape, number, email, draw, now, histories)
        person, name = _person(number, draw, country)
        consent = draw.choices([1, 0, None], [70, 20, 10])[0]
        times = [at for at, _ in placed]
        updated = max([registered, *times])
        yield (
            number, email.lower(), registered, updated, 0.0, len(placed),
            round(sum(total for _, total in placed), 2), min(times, default=None), max(times, default=None),
            consent, lang if draw.random() < 0.9 else "", country,
            1 if number % 997 == 0 else 0,
            name,
            dump({"email": email, "billingPerson": person}),
        )  # fmt: skip


def _email(number: int, draw: random.Random) -> str:
    host = draw.choice(_HOSTS)
    form = draw.random()
    if form < 0.05:
        return f"Customer.{number}@{host}"
    if form < 0.1:
        return f"customer{number}+shop@{host}"
    return f"customer{number}@{host}"


def _person(number: int, draw: random.Random, country: str) -> tuple[dict[str, Any], str]:
    form = draw.random()
    if form < 0.04:
        return {"countryCode": country}, ""
    first = draw.choice(_FIRST)
    name = first if form < 0.1 else f"{first} {draw.choice(_LAST)}"
    person: dict[str, Any] = {
        "name": name,
        "countryCode": country,
        "city": "Ljubljana" if country == "SI" else "",
    }
    if len(name.split()) == 2:
        person["firstName"], person["lastName"] = name.split()
    if form > 0.97:
        person["companyName"] = f"🍵 Čajnica {number}"
    return person, name


def _history(
    shape: str, number: int, email: str, draw: random.Random, now: float, histories: list[tuple[Any, ...]]
) -> tuple[list[tuple[float, float]], float]:
    """(the placed orders as (time, total), when the customer registered)."""
    _, least, most, days_from, days_to = _SHAPES[shape]
    placed: list[tuple[float, float]] = []
    at = now - draw.uniform(days_from, days_to) * _DAY
    for _ in range(draw.randint(least, most)):
        total = _order(histories, number, email, at, "PAID", draw, dear=shape == "big spender")
        placed.append((at, total))
        at -= draw.uniform(10, 120) * _DAY
    if shape == "cancelled":
        at = now - draw.uniform(5, 300) * _DAY
        _order(histories, number, email, at, draw.choice(["CANCELLED", "REFUNDED"]), draw, dear=False)
    first = min([at for at, _ in placed], default=at if shape == "cancelled" else now)
    return placed, first - draw.uniform(0.01, 500) * _DAY


def _order(
    histories: list[tuple[Any, ...]],
    customer: int,
    email: str,
    at: float,
    status: str,
    draw: random.Random,
    *,
    dear: bool,
) -> float:
    number = 100_001 + len(histories)
    items: list[dict[str, Any]] = []
    for sku, name, price, category in draw.sample(
        _PRODUCTS[18:] if dear else _PRODUCTS, k=draw.randint(1, 3)
    ):
        items.append(
            {
                "id": len(items) + 1, "productId": _PRODUCT_IDS[sku], "categoryId": category + 1, "sku": sku,
                "name": name, "price": price, "quantity": draw.randint(1, 2),
            }
        )  # fmt: skip
    subtotal = round(sum(item["price"] * item["quantity"] for item in items), 2)
    total = float(round(subtotal + 4.9, 2))
    body = {
        "subtotal": subtotal,
        "couponDiscount": 0,
        "discount": 0,
        "items": items,
        "email": email,
        "fulfillmentStatus": "DELIVERED",
    }
    histories.append(
        (number, public_id(number), customer, email.lower(), at, at, 0.0, status, "", total, dump(body))
    )
    return total
