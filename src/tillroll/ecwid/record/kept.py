"""What a record keeps as it is: nothing else does. A text is kept only if its field is named here and it looks like it should."""

from __future__ import annotations

import re

DATE = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d (?:[+-]\d{4}|[A-Z]{3,4}))?")
NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,6})?")
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,40}")
_SYMBOL = re.compile(r"[A-Z][A-Z0-9_]{0,60}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?")
_COUNTRY = re.compile(r"[A-Z]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_ZONE = re.compile(r"[A-Z][A-Za-z]+(?:/[A-Za-z_+-]+){1,2}|UTC|(?:GMT|UTC)?[+-]\d{1,2}(?::\d\d)?")
_COLUMNS = re.compile(r"[A-Za-z0-9_,()]*")

_SYMBOLS = (
    "status", "paymentStatus", "fulfillmentStatus", "externalFulfillmentStatus", "discountType", "discount_type",
    "availability", "usesLimit", "applicationLimit", "discountBase", "errorCode", "subscriptionStatus",
    "availableFeatures", "type", "customerInputType", "b2b_b2c", "base", "outOfStockVisibilityBehaviour", "sortBy",
    "weightUnit", "dimensionsUnit", "inventoryTracking", "method",
)  # fmt: skip
_DATES = (
    "createDate", "updateDate", "creationDate", "launchDate", "expirationDate", "registered", "updated", "created",
    "date", "startDate", "latestShipDate", "pickupTime", "productsUpdated", "ordersUpdated", "customersUpdated",
    "categoriesUpdated", "profileUpdated", "discountCouponsUpdated", "abandonedSalesUpdated", "reviewsUpdated",
    "addedTimestamp", "createdDate", "lastModifiedDate", "moderationDate",
)  # fmt: skip
_NUMBERS = (
    "offset", "limit", "createdFrom", "createdTo", "updatedFrom", "updatedTo", "from_date", "to_date", "orderCount",
    "customerId", "productId", "product", "categoryId", "parent", "ids", "rating", "startedFrom", "endedAt",
)  # fmt: skip
_FLAGS = (
    "escapedJson", "stopOnFirstFailure", "allowParallelMode", "showHidden", "reviewsUpdatesRequired", "enabled",
    "productCountRequired", "categoryCountRequired", "productIds", "hidden_categories", "hasCustomers",
)  # fmt: skip

SHAPES: dict[str, re.Pattern[str]] = {
    **dict.fromkeys(_SYMBOLS, _SYMBOL),
    **dict.fromkeys(_DATES, DATE),
    **dict.fromkeys(_NUMBERS, re.compile(r"-?\d{1,18}(?:[.,]\d{1,18}){0,200}")),
    **dict.fromkeys(_FLAGS, re.compile("true|false")),
    **dict.fromkeys(("lang", "language", "defaultLanguage", "enabledLanguages"), _LANGUAGE),
    **dict.fromkeys(("countryCode", "country_code"), _COUNTRY),
    "currency": _CURRENCY,
    "timezone": _ZONE,
    "responseFields": _COLUMNS,
    "timeScaleValue": re.compile("[a-z]+"),
    "comparePeriod": re.compile("[A-Za-z]+"),
    "permissions": re.compile("[a-z_]+"),
}
"""Field → what a text of it must look like to be kept."""

PEOPLE = frozenset(
    {
        "name", "firstName", "lastName", "companyName", "fullName", "customerName", "accountName", "storeName", "city",
        "stateOrProvinceName", "countryName",
    }
)  # fmt: skip
"""Fields of names: replaced word by word, so that a first name is the same alone and in a whole name."""

CODES = frozenset(
    {"code", "id", "orderId", "orderid", "vendorOrderNumber", "cartId", "ticket", "ticketId", "groupId"}
    | {"deduplicationKey", "publicUid", "key", "sku", "coupon", "recoveredOrderId"}
)
"""Fields of codes and ids, which also stand in paths: the same one gets the same pseudonym everywhere."""

NUMBERS_OF_PEOPLE = frozenset({"phone", "phoneNumber", "mobile", "fax"})
INSIDE_EXTRA = frozenset({"extraFields", "extrafields", "orderExtraFields"})
"""Objects in which people write what they like: nothing in them is kept but numbers of rows."""
HEADERS = ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
"""What is kept of an answer's headers."""
