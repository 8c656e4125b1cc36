"""More of the sample shop: variations, a promotion, staff, reviews and abandoned carts."""

from __future__ import annotations

import json
import random
import uuid

from tillroll.sandbox.endpoints import promotions, reviews, subscriptions, variations
from tillroll.sandbox.endpoints.placing import public_id
from tillroll.sandbox.sample import orders
from tillroll.sandbox.sample.goods import GOODS
from tillroll.sandbox.state.database import dump, load
from tillroll.sandbox.state.store import SandboxStore

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


def seed(store: SandboxStore, draw: random.Random) -> None:
    """Add them to a shop that has its catalogue, customers and orders. Call it once."""
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
    latest = "select * from orders where status = 'PAID' order by created desc, number desc limit 3"
    for place, order in enumerate(store.state.rows(latest)):
        subscriptions.begin(store, order, interval=("MONTH", "WEEK", "MONTH")[place], cancelled=place == 2)


def _product(store: SandboxStore, sku: str) -> int:
    return int(store.state.value("select id from products where sku = ?", (sku,)))


def _reviews(store: SandboxStore, draw: random.Random) -> None:
    """Add reviews of the latest paid orders, most of them good."""
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


def _carts(store: SandboxStore, draw: random.Random) -> None:
    """Add a few abandoned carts, between an hour and two weeks old."""
    consenting = "select id, email, lang, body from customers where consent = 1 order by id limit ?"
    for position, customer in enumerate(store.state.rows(consenting, (_CARTS,)), start=1):
        place = draw.randrange(18)
        lines = [(GOODS[place], draw.randint(1, 3))]
        left = store.now() - draw.uniform(1, 336) * _HOUR
        if position % 3:
            lines.append((GOODS[(place + 5) % len(GOODS)], position))
        number = store.state.next_id("orders", "number", after=100_000)
        cart = orders.cart(number, left, lines, load(customer["body"]), customer["lang"])
        identity = str(uuid.UUID(int=draw.getrandbits(128), version=4)).upper()
        store.state.run(
            "insert into orders (number, id, customer, email, created, updated, searchable, status, coupon,"
            " total, body, cart, cart_left, hidden) values (?, ?, ?, ?, ?, ?, 0, 'INCOMPLETE', '', ?, ?, ?, ?, ?)",
            (
                number, public_id(number), customer["id"], customer["email"], left, left,
                cart.total, dump(cart.more), identity, left, int(position == _CARTS),
            ),
        )  # fmt: skip
