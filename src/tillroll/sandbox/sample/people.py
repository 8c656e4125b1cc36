"""The sample shop's customers, of many names and histories of several shapes, with their orders."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from tillroll.sandbox.endpoints.placing import public_id
from tillroll.sandbox.formats.wire import out
from tillroll.sandbox.sample import orders
from tillroll.sandbox.sample.goods import GOODS
from tillroll.sandbox.state.database import dump

_DAY = 86_400.0
_STAFF, _CAFES = 1, 2
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

_PLACES = {
    "SI": ("Ljubljana", "1000", "Slovenia", "+386 1"), "AT": ("Wien", "1010", "Austria", "+43 1"),
    "DE": ("Berlin", "10178", "Germany", "+49 30"), "IT": ("Trieste", "34121", "Italy", "+39 040"),
    "GB": ("York", "YO1 7HH", "United Kingdom", "+44 1904"), "US": ("New York", "10001", "United States", "+1 212"),
    "NO": ("Oslo", "0150", "Norway", "+47 22"), "AE": ("Dubai", "00000", "United Arab Emirates", "+971 4"),
}  # fmt: skip
_STREETS = ("Čajna ulica", "Main Street", "Lindengasse", "Via Roma", "Storgata")
_FAVORITES = tuple(goods.number for goods in GOODS)

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


def customers(count: int, draw: random.Random, now: float, histories: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield rows of the table of customers, and append the rows of their orders to the histories."""
    shapes, weights = list(_SHAPES), list(accumulate(share for share, *_ in _SHAPES.values()))
    shares = list(accumulate(share for *_, share in _COUNTRIES))
    for number in range(1, count + 1):
        shape = draw.choices(shapes, cum_weights=weights)[0]
        country, lang, _ = draw.choices(_COUNTRIES, cum_weights=shares)[0]
        person: dict[str, Any] = {}
        email = _email(number, draw)
        first = len(histories)
        placed, registered = _history(shape, number, email, person, draw, now, histories)
        name = _person(number, draw, country, person)
        consent = draw.choices([1, 0, None], cum_weights=[70, 90, 100])[0]
        times = [at for at, _ in placed]
        company = "companyName" in person
        buyer = dump({"email": email, "billingPerson": person})
        for order in histories[first:]:
            order[-1] = orders.text(order[-1], buyer, tax_id=_tax_id(number) if company else "")
        kept = _kept(number, registered, person)
        yield (
            number, email.lower(), registered, max([registered, *times]), 0.0, len(placed),
            round(sum(total for _, total in placed), 2), min(times, default=None), max(times, default=None),
            consent, lang if draw.random() < 0.9 else "", country,
            _STAFF if number % 997 == 0 else _CAFES if company else 0,
            name,
            f"{buyer[:-1]},{dump(kept)[1:]}" if kept else buyer,
        )  # fmt: skip


def _tax_id(number: int) -> str:
    return f"SI{10_000_000 + number}"


def _kept(number: int, registered: float, person: dict[str, Any]) -> dict[str, Any]:
    """Return what the store keeps of some customers: tax ids, addresses, favorites, a telephone, notes."""
    kept: dict[str, Any] = {}
    if "companyName" in person:
        kept = {"b2b_b2c": "b2b", "taxId": _tax_id(number), "taxIdValid": True, "taxExempt": number % 2 == 0}
    if number % 4 == 1 and "street" in person:
        kept["shippingAddresses"] = [{"id": 1_000_000 + number, **person}]
    if number % 5 == 2:
        product = _FAVORITES[number % len(_FAVORITES)]
        kept["favorites"] = [{"productId": product, "addedTimestamp": out(registered)}]
    if number % 6 == 3 and "phone" in person:
        contact = {
            "id": 2_000_000 + number,
            "contact": person["phone"],
            "type": "PHONE",
            "default": True,
            "orderBy": 1,
        }
        kept["contacts"] = [{**contact, "timestamp": out(registered)}]
    if number % 50 == 7:
        kept["privateAdminNotes"] = "Asks for samples."
    return kept


def _email(number: int, draw: random.Random) -> str:
    host = draw.choice(_HOSTS)
    form = draw.random()
    if form < 0.05:
        return f"Customer.{number}@{host}"
    if form < 0.1:
        return f"customer{number}+shop@{host}"
    return f"customer{number}@{host}"


def _person(number: int, draw: random.Random, country: str, person: dict[str, Any]) -> str:
    """Fill the person in and return the name. A few people have neither name nor address."""
    form = draw.random()
    if form < 0.04:
        person["countryCode"] = country
        return ""
    first = draw.choice(_FIRST)
    name = first if form < 0.1 else f"{first} {draw.choice(_LAST)}"
    city, postcode, country_name, phone = _PLACES[country]
    person |= {
        "name": name, "street": f"{_STREETS[number % 5]} {number % 90 + 1}", "city": city, "countryCode": country,
        "countryName": country_name, "postalCode": postcode, "phone": f"{phone} 555 {number:05}",
    }  # fmt: skip
    if country == "US":
        person |= {"stateOrProvinceCode": "NY", "stateOrProvinceName": "New York"}
    words = name.split()
    if len(words) == 2:
        person["firstName"], person["lastName"] = words
    if form > 0.97:
        person["companyName"] = f"🍵 Čajnica {number}"
    return name


def _history(
    shape: str,
    number: int,
    email: str,
    person: dict[str, Any],
    draw: random.Random,
    now: float,
    histories: list[Any],
) -> tuple[list[tuple[float, float]], float]:
    """Return (the placed orders as (time, total), when the customer registered)."""
    _, least, most, days_from, days_to = _SHAPES[shape]
    placed: list[tuple[float, float]] = []

    def order(at: float, wanted: str) -> float:
        order_number = 100_001 + len(histories)
        goods = draw.sample(GOODS[18:] if shape == "big spender" else GOODS, k=draw.randrange(1, 4))
        lines = [(one, draw.randrange(1, 3)) for one in goods]
        made = orders.filled(order_number, at, wanted, lines, person)
        public = public_id(order_number)
        histories.append(
            [order_number, public, number, email.lower(), at, at, 0.0, made.status, "", made.total, made]
        )
        return made.total

    at = now - draw.uniform(days_from, days_to) * _DAY
    for _ in range(draw.randint(least, most)):
        placed.append((at, order(at, "PAID")))
        at -= draw.uniform(10, 120) * _DAY
    if shape == "cancelled":
        at = now - draw.uniform(5, 300) * _DAY
        order(at, draw.choice(["CANCELLED", "REFUNDED"]))
    first = min([at for at, _ in placed], default=at if shape == "cancelled" else now)
    return placed, first - draw.uniform(0.01, 500) * _DAY
