"""The store about itself: profile, when each of its areas last changed, its own promotions, reports.

Sources: docs.ecwid.com/api-reference/rest-api/store-profile, …/discounts/promotions, …/application.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from tillroll.ecwid.connection import Connection
from tillroll.ecwid.errors import StoreSaysNotFound
from tillroll.ecwid.wire import Raw, date_in, decimal, maybe_whole, part, parts, seconds_out, text


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The store about itself."""

    store_id: int
    name: str
    url: str
    email: str  # where the owner is reached
    currency: str  # ISO 4217
    timezone: str  # IANA name
    language: str
    features: frozenset[str]  # account.availableFeatures
    suspended: bool


@dataclass(frozen=True, kw_only=True)
class LatestStats:
    """When each area last changed; None when it never did or the store doesn't say."""

    products: datetime | None
    categories: datetime | None
    customers: datetime | None
    orders: datetime | None
    carts: datetime | None
    coupons: datetime | None
    profile: datetime | None
    reviews: datetime | None
    product_count: int | None
    category_count: int | None


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A discount the store gives by itself, without a code."""

    promotion_id: int
    name: str
    enabled: bool
    base: str  # ITEM, SUBTOTAL, SHIPPING
    discount_type: str  # PERCENT, ABSOLUTE, FIXED_PRICE
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class Report:
    """One of the store's own figures: in all, and over time."""

    kind: str
    totals: Mapping[str, Decimal]  # name → figure
    points: tuple[Mapping[str, Decimal], ...]  # a step of the time scale each, oldest first


class Shop:
    """The store about itself. Errors: `errors.py`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def profile(self) -> Profile:
        """`GET /profile`: name, currency, time zone, features. Scope `read_store_profile`."""
        return _profile(self._connection.read("/profile"))

    def latest_stats(self) -> LatestStats:
        """`GET /latest-stats`: when each area last changed, by one cheap call. Scope `read_store_profile`."""
        query = {
            "reviewsUpdatesRequired": "true",
            "productCountRequired": "true",
            "categoryCountRequired": "true",
        }
        return _latest_stats(self._connection.read("/latest-stats", query))

    def promotions(self) -> Iterator[Promotion]:
        """`GET /promotions`: all of them. Scope `read_promotion`."""
        for row in self._connection.every("/promotions", identity=lambda row: row["id"]):
            yield Promotion(
                promotion_id=int(row["id"]),
                name=text(row.get("name")),
                enabled=row.get("enabled") is not False,
                base=text(row.get("discountBase")),
                discount_type=text(row.get("discountType")),
                amount=decimal(row.get("amount")),
            )

    def report(self, kind: str, *, start: datetime, end: datetime, scale: str = "day") -> Report:
        """`GET /reports/{kind}`: like allOrders, allRevenue, newOrdersVsRepeatOrders; scale hour, day, week, month, year.

        Scope `read_store_stats`.
        """
        query = {
            "startedFrom": seconds_out(start),
            "endedAt": seconds_out(end),
            "timeScaleValue": scale,
            "comparePeriod": "noComparePeriod",
        }
        raw = self._connection.read(f"/reports/{quote(kind, safe='')}", query)
        points = sorted(parts(raw, "dataset"), key=lambda one: maybe_whole(one.get("orderBy")) or 0)
        return Report(
            kind=kind,
            totals=_figures(raw, "aggregatedData"),
            points=tuple(_figures(one, "data") for one in points),
        )

    def kept(self, key: str) -> str | None:
        """`GET /storage/{key}`: a text this app keeps with the store, or None. Scope `read_store_profile`."""
        try:
            value = self._connection.read(f"/storage/{quote(key, safe='')}").get("value")
        except StoreSaysNotFound:
            return None
        return None if value is None else str(value)

    def keep(self, key: str, value: str) -> None:
        """`PUT /storage/{key}`: keep a text with the store, up to 1 MB. Scope `update_store_profile`."""
        self._connection.write("PUT", f"/storage/{quote(key, safe='')}", body={"value": value})


def _profile(raw: Raw) -> Profile:
    general, account, units = part(raw, "generalInfo"), part(raw, "account"), part(raw, "formatsAndUnits")
    return Profile(
        store_id=maybe_whole(general.get("storeId")) or 0,
        name=text(part(raw, "settings").get("storeName") or account.get("accountName")),
        url=text(general.get("storeUrl")),
        email=text(part(raw, "company").get("email") or account.get("accountEmail")),
        currency=text(units.get("currency")),
        timezone=str(units.get("timezone") or "UTC"),
        language=str(part(raw, "languages").get("defaultLanguage") or "en"),
        features=frozenset(str(name) for name in account.get("availableFeatures") or ()),
        suspended=account.get("suspended") is True,
    )


def _latest_stats(raw: Raw) -> LatestStats:
    return LatestStats(
        products=date_in(raw.get("productsUpdated")),
        categories=date_in(raw.get("categoriesUpdated")),
        customers=date_in(raw.get("customersUpdated")),
        orders=date_in(raw.get("ordersUpdated")),
        carts=date_in(raw.get("abandonedSalesUpdated")),
        coupons=date_in(raw.get("discountCouponsUpdated")),
        profile=date_in(raw.get("profileUpdated")),
        reviews=date_in(raw.get("reviewsUpdated")),
        product_count=_count(raw, "productCount"),
        category_count=_count(raw, "categoryCount"),
    )


def _count(raw: Raw, name: str) -> int | None:
    """Under either of the names the documentation prints."""
    return maybe_whole(raw.get(name, raw.get(f"{name}Required")))


def _figures(raw: Raw, name: str) -> dict[str, Any]:
    return {text(one.get("dataId")): decimal(one.get("dataValue")) for one in parts(raw, name)}
