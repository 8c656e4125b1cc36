"""The fields that every order shows, beside those that were sent: defaults, taxes, and sums (dossier sections 6.4 and 6.6)."""

from __future__ import annotations

from typing import Any

VAT = "vat"
"""The name of the tax rate, in percent, inside an order that the store's own checkout priced; answers don't show it."""
USD = 0.92
"""Euros for a dollar, as in the profile."""
_IMAGES = "https://sample-shop.example/images"
_ORDER: dict[str, Any] = {
    "refundedAmount": 0, "giftCardRedemption": 0, "giftCardDoubleSpending": False, "tax": 0,
    "customerTaxExempt": False, "customerTaxId": "", "customerTaxIdValid": False, "b2b_b2c": "b2c",
    "reversedTaxApplied": False, "customerRequestedInvoice": False, "customerFiscalCode": "",
    "electronicInvoicePecEmail": "", "electronicInvoiceSdiCode": "", "orderComments": "", "volumeDiscount": 0,
    "membershipBasedDiscount": 0, "totalAndMembershipBasedDiscount": 0, "customDiscount": [], "customSurcharges": [],
    "refunds": [], "predictedPackage": [], "shippingLabelAvailableForShipment": False, "shipments": [],
    "additionalInfo": {}, "paymentParams": {}, "extraFields": {}, "taxesOnShipping": [],
    "disableAllCustomerNotifications": False, "externalFulfillment": False, "utmDataSets": [], "invoices": [],
    "pricesIncludeTax": True, "loyalty": {"customerEnabled": False, "earned": 0, "balance": 0},
}  # fmt: skip
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_OF_THE_CHECKOUT: dict[str, Any] = {
    "refererUrl": "https://sample-shop.example/", "globalReferer": "https://www.example.com/", "customerUserAgent": _AGENT,
}  # fmt: skip
_WAYS: dict[str, dict[str, Any]] = {
    "Post": {
        "shippingMethodId": "1003-1",
        "isPickup": False,
        "fulfillmentType": "SHIPPING",
        "isShippingLimit": False,
    },
    "At the shop": {
        "shippingMethodId": "1003-3",
        "isPickup": True,
        "fulfillmentType": "PICKUP",
        "isShippingLimit": False,
    },
}
"""What an order says of a way to send it, beside its name and price."""
_ITEM: dict[str, Any] = {
    "shortDescription": "", "tax": 0, "shipping": 0, "quantityInStock": 0, "isShippingRequired": True,
    "trackQuantity": True, "fixedShippingRateOnly": False, "fixedShippingRate": 0, "digital": False,
    "productAvailable": True, "couponApplied": False, "files": [], "taxes": [], "discounts": [],
    "dimensions": {"length": 0, "width": 0, "height": 0}, "discountsAllowed": True, "taxable": True,
    "giftCard": False, "recurringTaxIds": [], "isCustomerSetPrice": False, "attributes": [],
}  # fmt: skip


def complete(kept: dict[str, Any], total: float, number: int) -> dict[str, Any]:
    """Return an order with the fields that nobody sent. Values of lists are shared: do not change them."""
    rate = kept.pop(VAT, 0)
    order = {**_ORDER, "ticket": -number, "usdTotal": round(total / USD, 2), **kept}
    order["items"] = [_item(item) for item in order.get("items", ())]
    if rate:
        order = {**_OF_THE_CHECKOUT, "ipAddress": f"203.0.113.{number % 250}", **order}
        _tax(order, rate)
    order.setdefault("subtotalWithoutTax", order.get("subtotal", 0))
    order.setdefault("totalWithoutTax", round(total - order["tax"], 2))
    order.setdefault("totalBeforeGiftCardRedemption", round(total + order["giftCardRedemption"], 2))
    return order


def _item(item: dict[str, Any]) -> dict[str, Any]:
    price, product = item.get("price", 0), item.get("productId", 0)
    image = f"{_IMAGES}/{product}"
    shown = {
        "priceWithoutTax": price, "productPrice": price, "imageUrl": f"{image}-1500.jpg",
        "smallThumbnailUrl": f"{image}-160.jpg", "hdThumbnailUrl": f"{image}-800.jpg",
    }  # fmt: skip
    return {**_ITEM, **(shown if product else {}), "nameTranslated": {"en": item.get("name", "")}, **item}


def _tax(order: dict[str, Any], rate: float) -> None:
    """Write the taxes that the prices include, by item, on shipping and on the handling fee; the order's is their sum."""
    subtotal, off = order.get("subtotal") or 0, order.get("couponDiscount", 0) + order.get("discount", 0)
    paid = (subtotal - off) / subtotal if subtotal else 1
    taxes = 0.0
    for item in order["items"]:
        price = item.get("price", 0)
        tax = _included(price * item["quantity"] * paid, rate)
        item["tax"], item["priceWithoutTax"] = tax, round(price - _included(price, rate), 2)
        item["taxes"] = [
            {**_named(rate, tax), "taxOnDiscountedSubtotal": tax, "taxOnShipping": 0, "includeInPrice": True}
        ]
        taxes += tax
    option, fee = order.get("shippingOption"), order.get("handlingFee")
    if option:
        price = option.get("shippingRate", 0)
        tax = _included(price, rate)
        known = _WAYS.get(str(option.get("shippingMethodName")), {})
        order["shippingOption"] = {**known, **option, "shippingRateWithoutTax": round(price - tax, 2)}
        order["taxesOnShipping"] = [_named(rate, tax)] if tax else []
        taxes += tax
    if fee:
        price = fee.get("value", 0)
        tax = _included(price, rate)
        order["handlingFee"] = {**fee, "valueWithoutTax": round(price - tax, 2), "taxes": [_named(rate, tax)]}
        taxes += tax
    order["tax"] = round(taxes, 2)
    order["subtotalWithoutTax"] = round(subtotal - _included(subtotal, rate), 2)


def _named(rate: float, tax: float) -> dict[str, Any]:
    return {"name": "VAT", "value": rate, "total": tax}


def _included(gross: float, rate: float) -> float:
    return float(round(gross * rate / (100 + rate), 2))
