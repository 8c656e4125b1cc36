"""Orders, and the carts that never became one. Source: docs.ecwid.com/api-reference/rest-api/orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from tillroll.ecwid.connection import Connection
from tillroll.ecwid.deletions import Deletion, deletions
from tillroll.ecwid.paging import Place
from tillroll.ecwid.wire import (
    Raw,
    date_in,
    decimal,
    maybe_flag,
    maybe_whole,
    part,
    parts,
    seconds_out,
    text,
)

_ITEM_FIELDS = "items(productId,combinationId,sku,name,quantity,price,couponApplied)"
_ORDER_FIELDS = (
    "total,count,offset,limit,items(id,customerId,email,total,subtotal,couponDiscount,discountCoupon(code),"
    f"paymentStatus,fulfillmentStatus,{_ITEM_FIELDS},createDate,updateDate)"
)
_CART_FIELDS = (
    "total,count,offset,limit,items(cartId,customerId,email,acceptMarketing,lang,total,subtotal,discountCoupon(code),"
    f"{_ITEM_FIELDS},hidden,recoveredOrderId,recoveryEmailSentTimestamp,createDate,updateDate)"
)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of an order or a cart."""

    product_id: int | None
    variation_id: int | None
    sku: str
    name: str
    quantity: int
    price: Decimal  # each, before discounts
    coupon_applied: bool


@dataclass(frozen=True, kw_only=True)
class Order:
    """One placed order. Money is in the store's currency."""

    order_id: str  # the public id
    customer_id: int | None
    email: str
    total: Decimal
    subtotal: Decimal
    coupon_discount: Decimal
    coupon_code: str  # empty: no coupon
    payment_status: str
    fulfillment_status: str
    items: tuple[Item, ...]
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Cart:
    """A basket whose buyer left an address and not an order."""

    cart_id: str
    customer_id: int | None
    email: str
    accepts_marketing: bool | None
    language: str
    total: Decimal
    subtotal: Decimal
    coupon_code: str
    items: tuple[Item, ...]
    hidden: bool  # deleted in the admin
    recovered_order: int | None  # the order's number, once it became one
    recovery_email_at: datetime | None  # the store's own reminder
    created_at: datetime | None
    updated_at: datetime | None


class Orders:
    """The store's orders. The search index lags writes by seconds. Errors: `errors.py`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def every(
        self,
        *,
        updated_from: datetime | None = None,
        filters: Mapping[str, Any] | None = None,
        place: Place | None = None,
    ) -> Iterator[Order]:
        """`GET /orders`: all placed orders, or those changed since; unfinished ones are left out by the store.

        `filters` are the search parameters by the store's own names: ids, keywords, email, customerId, productId, totalFrom,
        totalTo, createdFrom, createdTo, updatedTo, paymentStatus, fulfillmentStatus, couponCode.
        Scope `read_orders`. From `place` on.
        """
        query: dict[str, Any] = {"responseFields": _ORDER_FIELDS, **(filters or {})}
        if updated_from:
            query["updatedFrom"] = seconds_out(updated_from)
        rows = self._connection.every("/orders", query, identity=lambda row: row["id"], place=place)
        yield from map(_order, rows)

    def count(self, *, created_to: datetime | None = None) -> int:
        """`GET /orders?limit=1`: how many placed orders there are, or were created by then, as the search index knows."""
        query: dict[str, Any] = {"limit": 1, "responseFields": "total"}
        if created_to:
            query["createdTo"] = seconds_out(created_to)
        return int(self._connection.read("/orders", query).get("total") or 0)

    def get(self, order_id: str) -> Order:
        """`GET /orders/{orderId}`, by the public id. `StoreSaysNotFound` when it is gone."""
        return _order(self._connection.read(f"/orders/{quote(order_id, safe='')}"))

    def deleted(self, since: datetime) -> Iterator[Deletion]:
        """`GET /orders/deleted?from_date=…`: ids of orders deleted since."""
        return deletions(self._connection, "orders", since)


class Carts:
    """The store's abandoned carts. Errors: `errors.py`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def every(self, *, updated_from: datetime | None = None, place: Place | None = None) -> Iterator[Cart]:
        """`GET /carts`: all abandoned carts, or those changed since, those hidden in the admin too. Scope `read_orders`."""
        query: dict[str, Any] = {"responseFields": _CART_FIELDS}
        if updated_from:
            query["updatedFrom"] = seconds_out(updated_from)
        rows = self._connection.every("/carts", query, identity=lambda row: row["cartId"], place=place)
        yield from map(_cart, rows)

    def get(self, cart_id: str) -> Cart:
        """`GET /carts/{cartId}`. `StoreSaysNotFound` when there is none."""
        return _cart(self._connection.read(f"/carts/{quote(cart_id, safe='')}"))


def _items(raw: Raw) -> tuple[Item, ...]:
    return tuple(
        Item(
            product_id=maybe_whole(one.get("productId")),
            variation_id=maybe_whole(one.get("combinationId")),
            sku=text(one.get("sku")),
            name=text(one.get("name")),
            quantity=maybe_whole(one.get("quantity")) or 0,
            price=decimal(one.get("price")),
            coupon_applied=one.get("couponApplied") is True,
        )
        for one in parts(raw, "items")
    )


def _order(raw: Raw) -> Order:
    return Order(
        order_id=text(raw["id"]),
        customer_id=maybe_whole(raw.get("customerId")) or None,
        email=text(raw.get("email")),
        total=decimal(raw.get("total")),
        subtotal=decimal(raw.get("subtotal")),
        coupon_discount=decimal(raw.get("couponDiscount")),
        coupon_code=text(part(raw, "discountCoupon").get("code")),
        payment_status=text(raw.get("paymentStatus")),
        fulfillment_status=text(raw.get("fulfillmentStatus")),
        items=_items(raw),
        created_at=date_in(raw.get("createDate")),
        updated_at=date_in(raw.get("updateDate")),
    )


def _cart(raw: Raw) -> Cart:
    return Cart(
        cart_id=text(raw["cartId"]),
        customer_id=maybe_whole(raw.get("customerId")) or None,
        email=text(raw.get("email")),
        accepts_marketing=maybe_flag(raw.get("acceptMarketing")),
        language=text(raw.get("lang")),
        total=decimal(raw.get("total")),
        subtotal=decimal(raw.get("subtotal")),
        coupon_code=text(part(raw, "discountCoupon").get("code")),
        items=_items(raw),
        hidden=raw.get("hidden") is True,
        recovered_order=maybe_whole(raw.get("recoveredOrderId")) or None,
        recovery_email_at=date_in(raw.get("recoveryEmailSentTimestamp")),
        created_at=date_in(raw.get("createDate")),
        updated_at=date_in(raw.get("updateDate")),
    )
