"""When each area last changed, and how many rows it has (dossier section 10.2)."""

from __future__ import annotations

from typing import Any

from tillroll.sandbox.formats.wire import Query, flag, out
from tillroll.sandbox.state.store import SandboxStore

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


def latest(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /latest-stats`: an empty area has no date; counts have both names that the documents use."""
    rows = store.state.rows("select name, value from facts where name >= 'updated:' and name < 'updated;'")
    stamps = {row["name"].partition(":")[2]: out(float(row["value"])) for row in rows}
    answer: dict[str, Any] = {name: stamps[area] for name, area in _AREAS.items() if area in stamps}
    for parameter, (name, area) in _ON_REQUEST.items():
        if flag(parameter, query.get(parameter, "false")) and area in stamps:
            answer[name] = stamps[area]
    for name, table in _COUNTS.items():
        parameter = f"{name}Required"
        if flag(parameter, query.get(parameter, "false")):
            counted = store.state.count(f"select count(*) from {table}", (), tables=[table])  # noqa: S608
            answer |= {name: counted, parameter: counted}
    return answer
