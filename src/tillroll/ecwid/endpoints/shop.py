"""The store itself: profile, times of the last changes, promotions, reports, and this app's storage.

Sources: docs.ecwid.com/api-reference/rest-api/store-profile, …/discounts/promotions, …/application.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from tillroll.campaign.states import StoreEmail
from tillroll.campaign.text.clean import CleanText
from tillroll.campaign.text.zones import zone_name
from tillroll.ecwid.endpoints.resource import Resource
from tillroll.ecwid.endpoints.rows import (
    Keys,
    Tell,
    identity_of,
    log_unread,
    read_rows,
    required_number,
)
from tillroll.ecwid.http.errors import StoreSaysNo, StoreSaysNotFound
from tillroll.ecwid.http.wire import (
    Raw,
    date_in,
    decimal,
    maybe_decimal,
    maybe_whole,
    part,
    parts,
    seconds_out,
    text,
)

_CURRENCY = re.compile(r"[A-Z]{3}")
_URL = re.compile(r"https?://[^\s\"'<>\\]+")  # it becomes a link in e-mails
_UNLIMITED = {
    "all",
    "subtotal",
    "startDate",
    "endDate",
}  # conditions of a promotion that are no limit of their own
_LONGEST_LANGUAGE = 35  # RFC 5646


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The store's profile."""

    store_id: int
    name: CleanText
    url: CleanText
    email: CleanText  # the owner's
    currency: CleanText  # ISO 4217; empty: not given, or not readable
    timezone: CleanText  # IANA name; empty: not given, or not understood
    language: CleanText
    features: frozenset[CleanText]  # account.availableFeatures
    suspended: bool
    own_emails: tuple[StoreEmail, ...]  # those of its own automated e-mails that are on


@dataclass(frozen=True, kw_only=True)
class LatestStats:
    """When each kind of object last changed; None when none ever did, or the store does not say."""

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
    """A discount that the store gives without a code."""

    promotion_id: int
    name: CleanText
    enabled: bool
    base: str  # ITEM, SUBTOTAL, SHIPPING
    discount_type: str  # PERCENT, ABSOLUTE, FIXED_PRICE
    amount: Decimal
    least_subtotal: Decimal | None  # of the baskets that get it; None: any
    is_limited: bool  # to some products, customer groups or times of the week
    begins_at: datetime | None
    ends_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """One of the store's reports: totals, and figures over time."""

    kind: str
    totals: Mapping[str, Decimal]  # name → figure
    points: tuple[Mapping[str, Decimal], ...]  # one for each step of the time scale, oldest first


class Shop(Resource):
    """The store itself. Errors: `http/errors.py`."""

    def profile(self, *, tell: Tell = log_unread) -> Profile:
        """Return name, currency, time zone and features (`GET /profile`). Scope `read_store_profile`."""
        return _profile(self._connection.read("/profile"), tell)

    def latest_stats(self) -> LatestStats:
        """Return when each kind of object last changed, by one cheap call (`GET /latest-stats`). Scope `read_store_profile`."""
        query = {
            "reviewsUpdatesRequired": "true",
            "productCountRequired": "true",
            "categoryCountRequired": "true",
        }
        return _latest_stats(self._connection.read("/latest-stats", query))

    def promotions(self) -> Iterator[Promotion]:
        """Yield all promotions (`GET /promotions`). Scope `read_promotion`."""
        rows = self._connection.every("/promotions", identity=identity_of("id"))
        yield from read_rows(rows, _promotion, "promotions")

    def report(self, kind: str, *, start: datetime, end: datetime, scale: str = "day") -> Report:
        """Return a report (`GET /reports/{kind}`). Scope `read_store_stats`.

        `kind` is like allOrders, allRevenue or newOrdersVsRepeatOrders; `scale` is hour, day, week, month or year.
        """
        query = {
            "startedFrom": seconds_out(start),
            "endedAt": seconds_out(end),
            "timeScaleValue": scale,
            "comparePeriod": "noComparePeriod",
        }
        raw = self._connection.read(f"/reports/{quote(kind, safe='')}", query)
        points = sorted(parts(raw, "dataset"), key=lambda point: maybe_whole(point.get("orderBy")) or 0)
        return Report(
            kind=kind,
            totals=_figures(raw, "aggregatedData"),
            points=tuple(_figures(point, "data") for point in points),
        )

    def read_storage(self, key: str) -> str | None:
        """Return a text that this app has stored with the store (`GET /storage/{key}`). Scope `read_store_profile`.

        None: the store has no such key. A value that can't be read is an empty text.
        """
        try:
            answer = self._connection.read(f"/storage/{quote(key, safe='')}")
        except StoreSaysNotFound:
            return None
        if "items" in answer:  # one page of the documentation shows a list
            answer = dict(next((row for row in parts(answer, "items") if row.get("key") == key), {}))
        return _stored_text(answer.get("value"))

    def write_storage(self, key: str, value: str) -> None:
        """Store a text of up to 1 MB with the store (`PUT /storage/{key}`). Scope `update_store_profile`. Safe to repeat.

        The documentation says in one place that the store keeps the body, in another the `value` of an object. So the body is
        such an object, and `read_storage` takes it apart if the store has not. Raises `StoreSaysNo` if the store kept nothing.
        """
        answer = self._connection.write("PUT", f"/storage/{quote(key, safe='')}", body={"value": value})
        if answer.get("success") is False or answer.get("updateCount") == 0:
            raise StoreSaysNo(
                f"The store kept nothing under {key} in its app storage.",
                status=HTTPStatus.OK,
                hint="Try again; if it happens again, ask the store's support about the app storage.",
            )


def _stored_text(value: Any) -> str:
    """Return the text in a value of the app storage, whichever way the store keeps the body of a write."""
    raw = value
    if isinstance(value, str):
        try:
            raw = json.loads(value)
        except (ValueError, RecursionError):
            return value
    if isinstance(raw, dict) and raw.keys() == {"value"} and isinstance(raw["value"], str):
        return raw["value"]
    return value if isinstance(value, str) else ""


def _promotion(raw: Raw, _keys: Keys) -> Promotion:
    triggers = part(raw, "triggers")
    return Promotion(
        promotion_id=required_number(raw.get("id")),
        name=text(raw.get("name")),
        enabled=raw.get("enabled") is not False,
        base=text(raw.get("discountBase")),
        discount_type=text(raw.get("discountType")),
        amount=decimal(raw.get("amount")),
        least_subtotal=maybe_decimal(triggers.get("subtotal")) or None,
        is_limited=bool({*triggers, *part(raw, "targets")} - _UNLIMITED),
        begins_at=date_in(triggers.get("startDate")),
        ends_at=date_in(triggers.get("endDate")),
    )


def _own_emails(raw: Raw) -> tuple[StoreEmail, ...]:
    """Return the store's own automated e-mails that are on. Abandoned carts have an older switch too."""
    settings = part(part(raw, "mailNotifications"), "customerMarketingMessages")
    older = part(part(raw, "settings"), "abandonedSales").get("autoAbandonedSalesRecovery") is True
    return tuple(
        email
        for email in StoreEmail
        if part(settings, email.value).get("enabled") is True
        or (older and email is StoreEmail.ABANDONED_CART)
    )


def _profile(raw: Raw, tell: Tell) -> Profile:
    general, account, units = part(raw, "generalInfo"), part(raw, "account"), part(raw, "formatsAndUnits")
    keys = Keys("profile", text(general.get("storeId")), tell)
    features = account.get("availableFeatures")
    return Profile(
        store_id=maybe_whole(general.get("storeId")) or 0,
        name=text(part(raw, "settings").get("storeName") or account.get("accountName")),
        url=_url(text(general.get("storeUrl")), keys),
        email=keys.address(part(raw, "company").get("email") or account.get("accountEmail")),
        currency=_currency(text(units.get("currency")), keys),
        timezone=_timezone(text(units.get("timezone")), keys),
        language=text(part(raw, "languages").get("defaultLanguage"), longest=_LONGEST_LANGUAGE)
        or CleanText("en"),
        features=frozenset(map(text, features if isinstance(features, list) else ())),
        suspended=account.get("suspended") is True,
        own_emails=_own_emails(raw),
    )


def _url(given: CleanText, keys: Keys) -> CleanText:
    if not given or _URL.fullmatch(given):
        return given
    keys.leave_out("url", "is not an address that begins with https:// or http://")
    return CleanText("")


def _currency(given: CleanText, keys: Keys) -> CleanText:
    if not given or _CURRENCY.fullmatch(given):
        return given
    keys.leave_out("currency", "is not three capital letters (ISO 4217)")
    return CleanText("")


def _timezone(given: CleanText, keys: Keys) -> CleanText:
    name = zone_name(given)
    if not name:
        told = f"{given} is not one that Tillroll knows" if given else "the store has none"
        keys.leave_out("timezone", f"{told}; choose one with: tillroll store timezone Europe/Ljubljana")
    return CleanText(name)


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
    """Return a count that the documentation prints under two names."""
    return maybe_whole(raw.get(name, raw.get(f"{name}Required")))


def _figures(raw: Raw, name: str) -> dict[str, Any]:
    return {text(figure.get("dataId")): decimal(figure.get("dataValue")) for figure in parts(raw, name)}
