"""The sample shop: tea and tableware, with customers of many names and order histories of several shapes.

The same seed makes the same shop, relative to the day it is made.
"""

from __future__ import annotations

from typing import Any

from tillroll.sandbox.endpoints import coupons
from tillroll.sandbox.sample import extras, goods, people
from tillroll.sandbox.state.database import seeded
from tillroll.sandbox.state.store import SandboxStore

_DAY = 86_400.0
_HAND_MADE = [
    ("Friends and family", "FRIENDS", 20),
    ("Market stall", "WELCOME10", 10),
    ("Summer, two years ago", "SUMMER-24", 15),
]


def seed_shop(store: SandboxStore, *, customers: int, seed: int) -> None:
    """Fill an empty store. A store that is filled already stays as it is."""
    if store.state.fact("seeded"):
        return
    with store.state.transaction() as state:
        goods.seed(store)
        state.run("insert or ignore into customer_groups values (1, 'Staff', null), (2, 'Cafés', null)")
        _hand_made_coupons(store)
        histories: list[tuple[Any, ...]] = []
        state.run_many(
            "insert into customers (id, email, registered, updated, searchable, orders, spent, first_order,"
            " last_order, consent, lang, country, group_id, name, body)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            people.customers(customers, seeded(seed, "customers"), store.now(), histories),
        )
        state.run_many(
            "insert into orders (number, id, customer, email, created, updated, searchable, status, coupon,"
            " total, body) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            histories,
        )
        goods.seed_without_parcels(store)
        extras.seed(store, seeded(seed, "extras"))
        for area in ("products", "categories", "customers", "orders", "discountCoupons", "profile"):
            store.touched(area)
        state.keep_fact("seeded", f"{customers} customers, seed {seed}")


def _hand_made_coupons(store: SandboxStore) -> None:
    now = store.now()
    for name, code, percent in _HAND_MADE:
        body = {
            "name": name, "code": code, "discountType": "PERCENT", "status": "ACTIVE", "discount": percent,
            "launchDate": int(now - 300 * _DAY), "usesLimit": "UNLIMITED", "applicationLimit": "UNLIMITED",
            "orderCount": 0,
        }  # fmt: skip
        coupons.insert(store, body, now - 300 * _DAY)
