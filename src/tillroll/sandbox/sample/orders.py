"""What the sample shop's orders hold beside their items: how they were sent and paid, what was added or given back.

Everything follows from the order's number, so it costs no draw: the same seed makes the same shop.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tillroll.sandbox.endpoints.basket import POST, SHIPPING, VAT
from tillroll.sandbox.endpoints.order_fields import VAT as VAT_FIELD
from tillroll.sandbox.formats.wire import out
from tillroll.sandbox.sample.goods import SampleGoods
from tillroll.sandbox.state.database import dump

_DAY = 86_400.0
_PICKUP = {"shippingMethodName": "At the shop", "shippingRate": 0}
_PAYMENTS = (
    {"paymentMethod": "Card", "paymentModule": "Stripe"},
    {"paymentMethod": "PayPal", "paymentModule": "PayPalStandard"},
    {"paymentMethod": "Bank transfer"},
)
_PICKED_UP = 2
_WRAPPING_PRICE, _TIP_PRICE = 2.0, 1.0
_WRAPPING = {"name": "Wrapping", "value": _WRAPPING_PRICE, "description": "Silk paper"}
_TIP = {
    "id": "tips", "value": _TIP_PRICE, "type": "ABSOLUTE", "total": _TIP_PRICE, "totalWithoutTax": _TIP_PRICE,
    "description": "Tip", "descriptionTranslated": "Tip", "taxable": False, "taxes": [],
}  # fmt: skip
_GIFT_CARD, _CREDIT = 10.0, 5.0


_TAILS = {
    (payment, pickup): dump(
        {
            "couponDiscount": 0, "fulfillmentStatus": "DELIVERED", VAT_FIELD: VAT,
            **said, "shippingOption": _PICKUP if pickup else POST,
        }
    )[1:]
    for payment, said in enumerate(_PAYMENTS)
    for pickup in (False, True)
}  # fmt: skip
"""The end of a body as text: what many orders have in common is written once."""


Line = tuple[SampleGoods, int]
"""A product and how many of it."""


@dataclass(slots=True)
class SampleOrder:
    """An order before its buyer is known. `more` is what it has beyond the others."""

    number: int
    status: str  # of the payment
    subtotal: float
    total: float
    lines: list[Line]
    more: dict[str, Any]


def filled(number: int, at: float, status: str, lines: list[Line], person: dict[str, Any]) -> SampleOrder:
    """Return an order of these lines; its parts add up to its total. The person may be filled in later."""
    subtotal = round(sum(goods.price * quantity for goods, quantity in lines), 2)
    more: dict[str, Any] = {}
    if number % 7 == _PICKED_UP:
        total = subtotal
        more["pickupTime"] = out(at + _DAY)
    else:
        total = subtotal + SHIPPING
        if number % 6 == 1:
            more = {"shippingPerson": person, "trackingNumber": f"RR{number:09}SI"}
    total = round(total + _add(number, subtotal, more), 2)
    if number % 11 == 4 or number % 13 == 5:
        total = _take_off(number, total, more)
    if status == "REFUNDED":
        _refund(more, at, total, "The parcel was lost")
    elif status == "PAID":
        if number % 61 == 7:
            status = "PARTIALLY_REFUNDED"
            _refund(more, at, min(lines[0][0].price, total), "One item was damaged")
        elif number % 97 == 6:
            more["withdrawalRequested"] = True
    return SampleOrder(number, status, subtotal, total, lines, more)


def text(order: SampleOrder, buyer: str, *, tax_id: str) -> str:
    """Return the body as JSON, put together from parts. `buyer`: e-mail and billing person; `tax_id`: a company's, or nothing."""
    number, more = order.number, order.more
    if tax_id:
        more |= {"b2b_b2c": "b2b", "customerTaxId": tax_id, "customerTaxIdValid": True}
    items = ",".join(
        f'{{"id":{10 * number + place},{goods.item},"quantity":{quantity}}}'
        for place, (goods, quantity) in enumerate(order.lines, start=1)
    )
    told = f"{dump(more)[1:-1]}," if more else ""
    tail = _TAILS[number % 3, number % 7 == _PICKED_UP]
    discount = more.get("volumeDiscount") or more.get("membershipBasedDiscount") or 0
    return f'{{"subtotal":{order.subtotal},"discount":{discount},"items":[{items}],{told}{buyer[1:-1]},{tail}'


def _add(number: int, subtotal: float, more: dict[str, Any]) -> float:
    """Add what some orders have: a promotion, wrapping, a tip, a comment, extra fields. Return what it adds to the total."""
    added = 0.0
    if number % 23 == 8:
        off = round(subtotal * 0.05, 2)
        member = number % 46 == 8
        told = {
            "value": 5,
            "type": "PERCENT",
            "orderTotal": 20,
            "description": "Five percent off",
            "base": "ON_TOTAL",
        }
        told |= {"base": "ON_MEMBERSHIP", "membershipId": 1} if member else {}
        more |= {
            "discount": off,
            "discountInfo": [told],
            "membershipBasedDiscount" if member else "volumeDiscount": off,
        }
        added -= off
    if number % 10 == 3:
        more["handlingFee"] = _WRAPPING
        added += _WRAPPING_PRICE
    if number % 29 == 9:
        more["customSurcharges"] = [_TIP]
        added += _TIP_PRICE
    if number % 8 == 5:
        more |= {
            "orderComments": "Please leave it with the neighbours.",
            "privateAdminNotes": "Knows the shop.",
        }
    if number % 31 == 10:
        field = {
            "id": "card",
            "value": "Happy birthday!",
            "customerInputType": "TEXT",
            "title": "Card",
            "orderBy": "0",
        }
        more |= {"extraFields": {"card": "Happy birthday!"}, "orderExtraFields": [field]}
    if number % 14 == 11:
        utm = {"source": "newsletter", "campaign": "spring", "medium": "email"}
        more |= {"utmData": utm, "additionalInfo": {"google_customer_id": f"{number}.1"}}
    return added


def _take_off(number: int, total: float, more: dict[str, Any]) -> float:
    """Take off what was paid with store credit, then with a gift card, and return what was left to pay."""
    if number % 13 == 5:
        more["storeCredit"] = min(_CREDIT, total)
        total = round(total - more["storeCredit"], 2)
    if number % 11 == 4:
        paid = min(_GIFT_CARD, total)
        more |= {
            "giftCardRedemption": paid,
            "giftCardCode": f"GIFT-{number}",
            "totalBeforeGiftCardRedemption": total,
        }
        total = round(total - paid, 2)
    return total


def _refund(more: dict[str, Any], at: float, amount: float, reason: str) -> None:
    more["refundedAmount"] = amount
    more["refunds"] = [{"date": out(at + 3 * _DAY), "source": "CP", "reason": reason, "amount": amount}]


def cart(number: int, at: float, lines: list[Line], buyer: dict[str, Any], lang: str) -> SampleOrder:
    """Return a cart with these lines; `more` is its whole body."""
    subtotal = round(sum(goods.price * quantity for goods, quantity in lines), 2)
    items = [
        {"id": 10 * number + place, **json.loads(f"{{{goods.item}}}"), "quantity": quantity}
        for place, (goods, quantity) in enumerate(lines, start=1)
    ]
    body = {
        "email": buyer["email"], "items": items, "subtotal": subtotal, "couponDiscount": 0, "discount": 0,
        "acceptMarketing": True, "lang": lang or None, "fulfillmentStatus": "AWAITING_PROCESSING", VAT_FIELD: VAT,
        "billingPerson": buyer["billingPerson"], "shippingPerson": buyer["billingPerson"], "shippingOption": POST,
        "handlingFee": _WRAPPING, "orderComments": "A present.", "additionalInfo": {"google_customer_id": f"{number}.1"},
        "recoveryEmailSentTimestamp": out(at + 3_600), "paymentMethod": "Card",
    }  # fmt: skip
    total = round(subtotal + SHIPPING + _WRAPPING_PRICE, 2)
    return SampleOrder(number, "INCOMPLETE", subtotal, total, lines, body)
