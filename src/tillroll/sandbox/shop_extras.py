"""What else the sample shop has: variations, a promotion, people behind the counter, reviews, and carts left behind."""

from __future__ import annotations

import json
import random
import uuid

from tillroll.sandbox.areas import promotions, reviews, variations
from tillroll.sandbox.areas.placing import public_id
from tillroll.sandbox.memory.state import dump
from tillroll.sandbox.memory.store import Store

_HOUR = 3_600.0
_COLOURS = [("Celadon", 12), ("Indigo", 7), ("Ash", 0)]
_WORDS = {
    5: "Just what I hoped for.",
    4: "Very good, a little slow to arrive.",
    3: "Fine for the price.",
    2: "The tin was dented.",
}
_STAFF = [
    ("Ana Novak", "owner@sample-shop.example", []),
    ("Luka Kovač", "luka@sample-shop.example", ["SALES_MANAGEMENT", "MARKETING_MANAGEMENT"]),
]
_CARTS = 6
_REVIEWS = 12


def seed(store: Store, draw: random.Random) -> None:
    """Called once, when the shop has its catalog, customers and orders."""
    for colour, quantity in _COLOURS:
        options = [{"name": "Colour", "value": colour}]
        body = {"options": options, "sku": f"CUP-01-{colour.upper()}", "price": 14, "quantity": quantity}
        variations.create(store, str(_product(store, "CUP-01")), body)
    promotions.create(
        store,
        {
            "name": "Free post from 100 €",
            "discountBase": "SHIPPING",
            "discountType": "PERCENT",
            "amount": 100,
            "triggers": {"subtotal": 100},
        },
    )
    for number, (name, email, scopes) in enumerate(_STAFF, start=1):
        person = {"name": name, "email": email, "staffScopes": scopes, "inviteAccepted": True}
        store.state.run("insert into staff values (?, ?)", (number, dump(person)))
    _reviews(store, draw)
    _carts(store, draw)


def _product(store: Store, sku: str) -> int:
    return int(store.state.value("select id from products where sku = ?", (sku,)))


def _reviews(store: Store, draw: random.Random) -> None:
    """The latest paid orders are reviewed, most of them kindly."""
    latest = "select * from orders where status = 'PAID' order by created desc, number desc limit ?"
    for order in store.state.rows(latest, (_REVIEWS,)):
        rating = draw.choices([5, 4, 3, 2], [60, 25, 10, 5])[0]
        item = json.loads(order["body"])["items"][0]
        made = min(order["created"] + 72 * _HOUR, store.now())
        review = reviews.add(
            store, order=order, product=item["productId"], rating=rating, text=_WORDS[rating], made=made
        )
        if rating > 2:
            store.state.run("update reviews set status = 'PUBLISHED' where id = ?", (review,))


def _carts(store: Store, draw: random.Random) -> None:
    """A few customers went away in the middle, between an hour and two weeks ago."""
    known = "select id, email, lang, body from customers where consent = 1 order by id limit ?"
    for position, customer in enumerate(store.state.rows(known, (_CARTS,)), start=1):
        product = store.state.row(
            "select * from products order by id limit 1 offset ?", (draw.randrange(18),)
        )
        if product is None:
            return
        shelf = json.loads(product["body"])
        item = {
            "id": 1, "productId": product["id"], "sku": product["sku"], "name": shelf["name"],
            "price": shelf["price"], "quantity": draw.randint(1, 3),
        }  # fmt: skip
        subtotal = round(item["price"] * item["quantity"], 2)
        left = store.now() - draw.uniform(1, 336) * _HOUR
        number = store.state.next_id("orders", "number", after=100_000)
        body = {
            "email": json.loads(customer["body"])["email"], "items": [item], "subtotal": subtotal,
            "couponDiscount": 0, "discount": 0, "acceptMarketing": True, "lang": customer["lang"] or None,
            "fulfillmentStatus": "AWAITING_PROCESSING",
        }  # fmt: skip
        identity = str(uuid.UUID(int=draw.getrandbits(128), version=4)).upper()
        store.state.run(
            "insert into orders (number, id, customer, email, created, updated, searchable, status, coupon,"
            " total, body, cart, cart_left, hidden) values (?, ?, ?, ?, ?, ?, 0, 'INCOMPLETE', '', ?, ?, ?, ?, ?)",
            (
                number, public_id(number), customer["id"], customer["email"], left, left,
                round(subtotal + 4.9, 2), dump(body), identity, left, int(position == _CARTS),
            ),
        )  # fmt: skip
