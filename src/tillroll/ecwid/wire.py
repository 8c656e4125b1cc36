"""The store's JSON to typed values and back; the one place that knows its field names and date forms.

Dates: `yyyy-MM-dd HH:mm:ss Z`, answered in UTC; queries take UNIX seconds. Unset fields are left out rather than null.
Sources: docs.ecwid.com/api-reference/rest-api/{store-profile,customers,orders,products,discounts,batch-requests}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from tillroll.ecwid.types import (
    BatchStatus,
    Coupon,
    CouponRequest,
    Customer,
    InnerAnswer,
    Order,
    Product,
    Profile,
)

_DATE = "%Y-%m-%d %H:%M:%S %z"

CUSTOMER_FIELDS = (
    "total,count,offset,limit,items(id,email,name,billingPerson(name,firstName,countryCode),customerGroupName,"
    "acceptMarketing,lang,stats(numberOfOrders,salesValue,firstOrderDate,lastOrderDate),registered,updated)"
)
ORDER_FIELDS = (
    "total,count,offset,limit,items(id,customerId,email,total,subtotal,couponDiscount,discountCoupon(code),"
    "paymentStatus,createDate,updateDate)"
)
COUPON_FIELDS = ""  # coupons are read whole: a reconcile compares every field


def date_out(moment: datetime) -> str:
    """A moment in the body of a request."""
    return moment.astimezone(UTC).strftime(_DATE)


def date_in(raw: Any) -> datetime | None:
    """A moment of an answer; None when it is missing or not a date."""
    try:
        return datetime.strptime(str(raw), _DATE).astimezone(UTC) if raw else None
    except ValueError:
        return None


def _decimal(raw: Any) -> Decimal:
    try:
        return Decimal(str(raw)) if raw is not None else Decimal(0)
    except InvalidOperation:
        return Decimal(0)


def _part(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def profile(raw: Mapping[str, Any]) -> Profile:
    general, account, units = _part(raw, "generalInfo"), _part(raw, "account"), _part(raw, "formatsAndUnits")
    return Profile(
        store_id=int(general.get("storeId") or 0),
        name=str(_part(raw, "settings").get("storeName") or account.get("accountName") or ""),
        url=str(general.get("storeUrl") or ""),
        email=str(_part(raw, "company").get("email") or account.get("accountEmail") or ""),
        currency=str(units.get("currency") or ""),
        timezone=str(units.get("timezone") or "UTC"),
        language=str(_part(raw, "languages").get("defaultLanguage") or "en"),
        features=frozenset(str(name) for name in account.get("availableFeatures") or ()),
        suspended=bool(account.get("suspended")),
    )


def customer(raw: Mapping[str, Any]) -> Customer:
    person, stats = _part(raw, "billingPerson"), _part(raw, "stats")
    consent = raw.get("acceptMarketing")
    name = str(person.get("name") or raw.get("name") or "").strip()
    return Customer(
        customer_id=int(raw["id"]),
        email=str(raw.get("email") or "").strip(),
        name=name,
        first_name=str(person.get("firstName") or (name.split()[0] if name else "")),
        language=str(raw.get("lang") or ""),
        country=str(person.get("countryCode") or ""),
        group_name=str(raw.get("customerGroupName") or ""),
        accepts_marketing=consent if isinstance(consent, bool) else None,
        orders=int(stats.get("numberOfOrders") or 0),
        spent=_decimal(stats.get("salesValue")),
        first_order_at=date_in(stats.get("firstOrderDate")),
        last_order_at=date_in(stats.get("lastOrderDate")),
        registered_at=date_in(raw.get("registered")),
        updated_at=date_in(raw.get("updated")),
    )


def order(raw: Mapping[str, Any]) -> Order:
    customer_id = raw.get("customerId")
    return Order(
        order_id=str(raw["id"]),
        customer_id=int(customer_id) if customer_id else None,
        email=str(raw.get("email") or ""),
        total=_decimal(raw.get("total")),
        subtotal=_decimal(raw.get("subtotal")),
        coupon_discount=_decimal(raw.get("couponDiscount")),
        coupon_code=str(_part(raw, "discountCoupon").get("code") or ""),
        payment_status=str(raw.get("paymentStatus") or ""),
        created_at=date_in(raw.get("createDate")),
        updated_at=date_in(raw.get("updateDate")),
    )


def product(raw: Mapping[str, Any]) -> Product:
    return Product(
        product_id=int(raw["id"]),
        sku=str(raw.get("sku") or ""),
        name=str(raw.get("name") or ""),
        price=_decimal(raw.get("price")),
        quantity=int(raw["quantity"]) if raw.get("quantity") is not None else None,
        enabled=bool(raw.get("enabled", True)),
    )


def coupon(raw: Mapping[str, Any]) -> Coupon:
    minimum = raw.get("totalLimit")
    limit = raw.get("applicationLimit") or (
        "REPEAT_CUSTOMER_ONLY" if raw.get("repeatCustomerOnly") else "UNLIMITED"
    )
    return Coupon(
        coupon_id=int(raw["id"]),
        name=str(raw.get("name") or ""),
        code=str(raw.get("code") or ""),
        discount_type=str(raw.get("discountType") or "ABS"),
        status=str(raw.get("status") or ""),
        discount=_decimal(raw.get("discount")),
        launches_at=date_in(raw.get("launchDate")),
        expires_at=date_in(raw.get("expirationDate")),
        minimum_subtotal=_decimal(minimum) if minimum is not None else None,
        uses_limit=str(raw.get("usesLimit") or "UNLIMITED"),
        application_limit=str(limit),
        created_at=date_in(raw.get("creationDate")),
        order_count=int(raw.get("orderCount") or 0),
    )


def coupon_out(request: CouponRequest) -> dict[str, Any]:
    """The body of a coupon create. Numbers go out as JSON numbers: the API's own type is a double."""
    body: dict[str, Any] = {
        "name": request.name,
        "code": request.code,
        "discountType": request.discount_type,
        "status": "ACTIVE",
        "discount": float(request.discount),
        "launchDate": date_out(request.launches_at),
        "usesLimit": request.uses_limit,
        "applicationLimit": request.application_limit,
    }
    if request.expires_at is not None:
        body["expirationDate"] = date_out(request.expires_at)
    if request.minimum_subtotal is not None:
        body["totalLimit"] = float(request.minimum_subtotal)
    return body


def _inner_answer(raw: Mapping[str, Any]) -> InnerAnswer:
    body = raw.get("httpBody")
    escaped = raw.get("escapedHttpBody")
    if body is None and isinstance(escaped, str):
        try:
            body = json.loads(escaped) if escaped else None
        except ValueError:
            body = None
    executed = raw.get("status") != "NOT_EXECUTED"
    status = raw.get("httpStatusCode") or raw.get("httpCode") or 0
    return InnerAnswer(
        id=str(raw.get("id") or ""), executed=executed, status=int(status) if executed else 0, body=body
    )


def batch_status(raw: Mapping[str, Any]) -> BatchStatus:
    return BatchStatus(
        status=str(raw.get("status") or ""),
        total=int(raw.get("totalRequests") or 0),
        completed=int(raw.get("completedRequests") or 0),
        answers=tuple(_inner_answer(answer) for answer in raw.get("responses") or ()),
    )


def failure_text(content: bytes, reason: str) -> tuple[str, str]:
    """(message, code) of an error answer: any of the body's known spellings, else the reason phrase, else nothing."""
    try:
        raw = json.loads(content) if content else {}
    except ValueError:
        raw = {}
    if not isinstance(raw, dict):
        raw = {}
    message = raw.get("errorMessage") or raw.get("error_message") or reason or ""
    return str(message), str(raw.get("errorCode") or raw.get("error") or "")
