"""When each area last changed, and how much there is (dossier section 10.2)."""

from __future__ import annotations

from typing import Any

from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import Query, flag, out

_AREAS = {
    "productsUpdated": "products",
    "ordersUpdated": "orders",
    "profileUpdated": "profile",
    "categoriesUpdated": "categories",
    "discountCouponsUpdated": "discountCoupons",
    "abandonedSalesUpdated": "abandonedSales",
    "customersUpdated": "customers",
}
_ON_REQUEST = {
    "reviewsUpdatesRequired": ("reviewsUpdated", "reviews"),
    "domainsRequired": ("domainsUpdated", "profile"),
    "subscriptionRequired": ("subscriptionsUpdated", "profile"),
}
_COUNTS = {"productCount": "products", "categoryCount": "categories"}


def latest(store: Store, query: Query) -> dict[str, Any]:
    """`GET /latest-stats`: an empty area has no stamp; counts under both names the documents know."""
    rows = store.state.rows("select name, value from facts where name >= 'updated:' and name < 'updated;'")
    stamps = {row["name"].partition(":")[2]: out(float(row["value"])) for row in rows}
    answer: dict[str, Any] = {name: stamps[area] for name, area in _AREAS.items() if area in stamps}
    for asked, (name, area) in _ON_REQUEST.items():
        if flag(asked, query.get(asked, "false")) and area in stamps:
            answer[name] = stamps[area]
    for name, table in _COUNTS.items():
        asked = f"{name}Required"
        if flag(asked, query.get(asked, "false")):
            counted = store.state.count(f"select count(*) from {table}", (), tables=[table])  # noqa: S608
            answer |= {name: counted, asked: counted}
    return answer
