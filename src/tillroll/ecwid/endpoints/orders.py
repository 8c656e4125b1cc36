"""Orders and abandoned carts. Source: docs.ecwid.com/api-reference/rest-api/orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from tillroll.campaign.text.addresses import mailbox_of
from tillroll.campaign.text.clean import CleanText
from tillroll.ecwid.endpoints.deletions import Deletion, deletions
from tillroll.ecwid.endpoints.households import households_in, surnames_in
from tillroll.ecwid.endpoints.resource import Resource
from tillroll.ecwid.endpoints.rows import (
    Keys,
    Tell,
    identity_of,
    log_unread,
    read_row,
    read_rows,
    required_key,
)
from tillroll.ecwid.http.paging import ListPosition
from tillroll.ecwid.http.wire import (
    Raw,
    count,
    date_in,
    decimal,
    maybe_flag,
    maybe_whole,
    part,
    parts,
    seconds_out,
    text,
    web_address,
)

_CART_ITEM_FIELDS = (
    "items(productId,combinationId,sku,name,quantity,price,couponApplied,imageUrl,smallThumbnailUrl,"
    "selectedOptions(name,value))"
)
_ITEM_FIELDS = "items(productId,combinationId,sku,name,quantity,price,couponApplied)"
_ORDER_FIELDS = (
    "total,count,offset,limit,items(id,internalId,orderNumber,customerId,email,total,totalBeforeGiftCardRedemption,giftCardRedemption,storeCredit,"
    "billingPerson(name,lastName,street,postalCode,countryCode),shippingPerson(name,lastName,street,postalCode,countryCode),"
    "refundedAmount,refunds(amount),subtotal,couponDiscount,discountCoupon(code),withdrawalRequested,"
    f"paymentStatus,fulfillmentStatus,{_ITEM_FIELDS},createDate,updateDate)"
)
_CART_FIELDS = (
    "total,count,offset,limit,items(cartId,customerId,email,acceptMarketing,lang,total,totalBeforeGiftCardRedemption,"
    "giftCardRedemption,storeCredit,subtotal,discountCoupon(code),"
    f"{_CART_ITEM_FIELDS},hidden,recoveredOrderId,recoveryEmailSentTimestamp,createDate,updateDate)"
)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of an order or a cart."""

    product_id: int | None
    variation_id: int | None
    sku: CleanText
    name: CleanText
    quantity: int
    price: Decimal  # of one, before discounts
    coupon_applied: bool
    picture: CleanText  # its address; empty: none, or a line of an order, where it isn't asked for
    options: tuple[
        tuple[CleanText, CleanText], ...
    ]  # as chosen by the buyer: name and value; empty in orders


@dataclass(frozen=True, kw_only=True)
class Order:
    """One placed order. Money is in the store's currency."""

    order_id: CleanText  # the public id
    number: int | None  # the store's own, by which it tells some deletions
    customer_id: int | None
    email: CleanText
    total: Decimal  # of what was bought, with shipping and taxes, however it was paid for
    refunded: Decimal  # of the total, so far
    subtotal: Decimal
    coupon_discount: Decimal
    coupon_code: CleanText  # empty: no coupon
    payment_status: CleanText
    fulfillment_status: CleanText
    withdrawn: bool  # its buyer asked to withdraw from the contract; the statuses needn't show it
    items: tuple[Item, ...]
    created_at: datetime | None
    updated_at: datetime | None
    buyer: str = ""  # digest of the buyer's mailbox
    households: str = ""  # digests of the addresses that it is sent and billed to
    surnames: str = ""  # digests of the surnames that it is sent and billed to


@dataclass(frozen=True, kw_only=True)
class Cart:
    """An abandoned cart: its buyer has left an e-mail address and not ordered."""

    cart_id: CleanText
    customer_id: int | None
    email: CleanText
    accepts_marketing: bool | None
    language: CleanText
    total: Decimal
    subtotal: Decimal
    coupon_code: CleanText
    items: tuple[Item, ...]
    hidden: bool  # deleted in the admin
    recovered_order: int | None  # number of the order that it became
    recovery_email_at: datetime | None  # when the store sent its own reminder
    created_at: datetime | None
    updated_at: datetime | None


class Orders(Resource):
    """The store's orders. Lists lag writes by seconds. Errors: `http/errors.py`."""

    def every(
        self,
        *,
        updated_from: datetime | None = None,
        filters: Mapping[str, Any] | None = None,
        place: ListPosition | None = None,
        tell: Tell = log_unread,
    ) -> Iterator[Order]:
        """Yield all placed orders or those changed since, from `place` on (`GET /orders`). Scope `read_orders`.

        The store leaves unfinished orders out. `filters` are search parameters by the store's names: ids, keywords,
        email, customerId, productId, totalFrom, totalTo, createdFrom, createdTo, updatedTo,
        paymentStatus, fulfillmentStatus, couponCode.
        """
        query: dict[str, Any] = {"responseFields": _ORDER_FIELDS, **(filters or {})}
        if updated_from:
            query["updatedFrom"] = seconds_out(updated_from)
        rows = self._connection.every("/orders", query, identity=identity_of("id"), place=place)
        yield from read_rows(rows, self._make, "orders", tell=tell)

    def count(self, *, created_to: datetime | None = None) -> int:
        """Return the number of placed orders, or of those created by then, as the search index knows (`GET /orders?limit=1`)."""
        query: dict[str, Any] = {"limit": 1, "responseFields": "total"}
        if created_to:
            query["createdTo"] = seconds_out(created_to)
        return count(self._connection.read("/orders", query).get("total"))

    def get(self, order_id: str, *, tell: Tell = log_unread) -> Order:
        """Return one order by its public id (`GET /orders/{orderId}`). Raises `StoreSaysNotFound`, `UnreadableRow`."""
        raw = self._connection.read(f"/orders/{quote(order_id, safe='')}")
        return read_row(raw, self._make, "orders", tell=tell)

    def _make(self, raw: Raw, keys: Keys) -> Order:
        order, blinder = _order(raw, keys), self._connection.blinder
        people = [part(raw, name) for name in ("shippingPerson", "billingPerson")]
        return replace(
            order,
            buyer=blinder.blind("mailbox", mailbox_of(order.email)),
            households=households_in(blinder, *people),
            surnames=surnames_in(blinder, *people),
        )

    def deleted(self, since: datetime) -> Iterator[Deletion]:
        """Yield the ids or numbers of orders deleted since (`GET /orders/deleted?from_date=…`)."""
        return deletions(self._connection, "orders", since)


class Carts(Resource):
    """The store's abandoned carts. Errors: `http/errors.py`."""

    def every(
        self,
        *,
        updated_from: datetime | None = None,
        place: ListPosition | None = None,
        tell: Tell = log_unread,
    ) -> Iterator[Cart]:
        """Yield all abandoned carts or those changed since, from `place` on (`GET /carts`). Scope `read_orders`.

        Carts that were hidden in the admin are included.
        """
        query: dict[str, Any] = {"responseFields": _CART_FIELDS}
        if updated_from:
            query["updatedFrom"] = seconds_out(updated_from)
        rows = self._connection.every("/carts", query, identity=identity_of("cartId"), place=place)
        yield from read_rows(rows, _cart, "carts", id_name="cartId", tell=tell)

    def get(self, cart_id: str, *, tell: Tell = log_unread) -> Cart:
        """Return one cart (`GET /carts/{cartId}`). Raises `StoreSaysNotFound`, `UnreadableRow`."""
        raw = self._connection.read(f"/carts/{quote(cart_id, safe='')}")
        return read_row(raw, _cart, "carts", id_name="cartId", tell=tell)


def _items(raw: Raw, keys: Keys) -> tuple[Item, ...]:
    return tuple(
        Item(
            product_id=maybe_whole(item.get("productId")),
            variation_id=maybe_whole(item.get("combinationId")),
            sku=keys.key(item.get("sku"), "sku"),
            name=text(item.get("name")),
            quantity=count(item.get("quantity")),
            price=decimal(item.get("price")),
            coupon_applied=item.get("couponApplied") is True,
            picture=web_address(item.get("smallThumbnailUrl")) or web_address(item.get("imageUrl")),
            options=tuple(
                (text(option.get("name")), text(option.get("value")))
                for option in parts(item, "selectedOptions")
            ),
        )
        for item in parts(raw, "items")
    )


def _total(raw: Raw) -> Decimal:
    """Return what an order is worth: the store's total, and what gift certificates and store credit paid of it.

    These are ways to pay: the shop got that money when the certificate was sold, or owes it. The store's `total` is what is left
    to pay after a gift certificate; that store credit is taken off in the same way is not confirmed (dossier section 6.4).
    """
    total, before = decimal(raw.get("total")), decimal(raw.get("totalBeforeGiftCardRedemption"))
    credit = raw.get("storeCredit")
    by_credit = decimal(part(raw, "storeCredit").get("amount") if isinstance(credit, dict) else credit)
    return max(before, total + max(decimal(raw.get("giftCardRedemption")), Decimal(0))) + max(
        by_credit, Decimal(0)
    )


def _refunded(raw: Raw) -> Decimal:
    """Return what was paid back: the store's sum, or that of its list of refunds if that is more (dossier section 6.4)."""
    listed = sum((decimal(refund.get("amount")) for refund in parts(raw, "refunds")), Decimal(0))
    return max(decimal(raw.get("refundedAmount")), listed, Decimal(0))


def _is_set(raw: Any) -> bool:
    """Whether a flag is set, that may come as true or as what was requested, and when."""
    return raw not in (None, False, "", 0, "false") and raw != {}


def _order(raw: Raw, keys: Keys) -> Order:
    return Order(
        order_id=required_key(raw.get("id")),
        number=maybe_whole(raw.get("internalId")) or maybe_whole(raw.get("orderNumber")),
        customer_id=maybe_whole(raw.get("customerId")) or None,
        email=keys.address(raw.get("email")),
        total=_total(raw),
        refunded=_refunded(raw),
        subtotal=decimal(raw.get("subtotal")),
        coupon_discount=decimal(raw.get("couponDiscount")),
        coupon_code=keys.key(part(raw, "discountCoupon").get("code"), "coupon_code"),
        payment_status=text(raw.get("paymentStatus")),
        fulfillment_status=text(raw.get("fulfillmentStatus")),
        withdrawn=_is_set(raw.get("withdrawalRequested")),
        items=_items(raw, keys),
        created_at=date_in(raw.get("createDate")),
        updated_at=date_in(raw.get("updateDate")),
    )


def _cart(raw: Raw, keys: Keys) -> Cart:
    return Cart(
        cart_id=required_key(raw.get("cartId")),
        customer_id=maybe_whole(raw.get("customerId")) or None,
        email=keys.address(raw.get("email")),
        accepts_marketing=maybe_flag(raw.get("acceptMarketing")),
        language=text(raw.get("lang")),
        total=_total(raw),
        subtotal=decimal(raw.get("subtotal")),
        coupon_code=keys.key(part(raw, "discountCoupon").get("code"), "coupon_code"),
        items=_items(raw, keys),
        hidden=raw.get("hidden") is True,
        recovered_order=maybe_whole(raw.get("recoveredOrderId")) or None,
        recovery_email_at=date_in(raw.get("recoveryEmailSentTimestamp")),
        created_at=date_in(raw.get("createDate")),
        updated_at=date_in(raw.get("updateDate")),
    )
