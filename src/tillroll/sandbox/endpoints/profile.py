"""The store's profile, read and changed (dossier section 10.1)."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import Query, Unchanging, flag
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

LANGUAGES = ("en", "sl", "de", "it", "ar")
_READ_ONLY = ("account", "featureToggles", "accountBilling")
_MARKETING = (
    "abandonedCartRecovery", "favoriteProductsReminder", "feedbackRequest", "customerLoyaltyAppreciation",
    "inactiveCustomerReminder", "purchaseAnniversary",
)  # fmt: skip


def profile(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /profile`; `showExtendedInfo=true` adds the account's plan, if the token may read it."""
    switches = store.switches
    gone = {name: _FEATURES_BY_NAME[name] for name in switches.missing_features if name in _FEATURES_BY_NAME}
    shown = _shown(
        store.store_id, store.url, store.state.fact("profile"), tuple(gone.values()), switches.suspended
    )
    extended = flag("showExtendedInfo", query.get("showExtendedInfo", "false"))
    if not extended or "read_store_profile_extended" in switches.missing_scopes:
        return shown
    return {**shown, "accountBilling": _BILLING}


def update(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`PUT /profile`: a merge, section by section; what the plan decides stays.

    Of the address, only the site's own part can change.
    """
    sent = {name: value for name, value in fields.document(body).items() if name not in _READ_ONLY}
    site = fields.read(sent.pop("generalInfo", None) or {}, {"starterSite": fields.an_object})
    if site:
        sent["generalInfo"] = site
    kept = _merged(json.loads(store.state.fact("profile") or "{}"), sent)
    store.state.keep_fact("profile", dump(kept))
    store.happened("profile.updated", store.store_id)
    return {"updateCount": 1}


@lru_cache(maxsize=8)
def _shown(store_id: int, url: str, changes: str, gone: tuple[str, ...], suspended: bool) -> Unchanging:
    """Return the profile with its owner's changes. Do not change the returned value."""
    whole = _merged(_BASE, json.loads(changes or "{}"))
    site = {"ecwidSubdomain": "sample-shop", "generatedUrl": url}
    address = {"storeId": store_id, "storeUrl": url, "websitePlatform": "unknown", "starterSite": site}
    whole["generalInfo"] = _merged(address, whole.get("generalInfo", {}))
    features = [name for name in _FEATURES if name not in gone]
    whole["account"] = {**whole["account"], "suspended": suspended, "availableFeatures": features}
    return Unchanging(whole)


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Merge objects and replace everything else."""
    both = dict(old)
    for name, value in new.items():
        below = both.get(name)
        if isinstance(below, dict) and isinstance(value, dict):
            both[name] = _merged(below, value)
        else:
            both[name] = value
    return both


_BILLING = {
    "pricingPlanId": "VENTURE",
    "pricingPlanName": "Venture",
    "pricingPlanPeriod": "monthly",
    "inGracePeriod": False,
}
_FEATURES = (
    "API",
    "PREMIUM",
    "DISCOUNT_COUPONS",
    "DISCOUNTS",
    "ADVANCED_DISCOUNTS_FEATURE",
    "CUSTOMER_GROUPS",
    "COMBINATIONS",
    "INVENTORY_TRACKING",
    "MULTILINGUAL_STORE",
    "STAFF_SCOPES",
)
_FEATURES_BY_NAME = {"coupons": "DISCOUNT_COUPONS", "promotions": "ADVANCED_DISCOUNTS_FEATURE"}
"""The names of `missing_features` that the profile lists."""

_BASE: dict[str, Any] = {
    "account": {
        "accountName": "Ana Novak",
        "accountNickName": "Ana",
        "accountEmail": "owner@sample-shop.example",
        "brandName": "Ecwid",
        "supportEmail": "support@sample-shop.example",
        "whiteLabel": False,
        "paid": True,
        "registrationDate": "2021-04-06 09:00:00 +0000",
        "limitsAndRestrictions": {"maxProductLimit": 2500},
    },
    "settings": {
        "storeName": "Sample Shop",
        "storeDescription": "Tea and tableware",
        "closed": False,
        "showAcceptMarketingCheckbox": True,
        "acceptMarketingCheckboxDefaultValue": False,
        "acceptMarketingCheckboxCustomText": "",
        "abandonedSales": {"autoAbandonedSalesRecovery": False},
        "favoritesEnabled": True,
        "productReviewsFeatureEnabled": True,
        "allowPreordersForOutOfStockProducts": False,
    },
    "mailNotifications": {
        "adminNotificationEmails": ["owner@sample-shop.example"],
        "customerNotificationFromEmail": "hello@sample-shop.example",
        "customerMarketingMessages": {name: {"enabled": False} for name in _MARKETING},
    },
    "company": {
        "companyName": "Sample Shop d.o.o.",
        "email": "hello@sample-shop.example",
        "street": "Čajna ulica 7",
        "city": "Ljubljana",
        "countryCode": "SI",
        "postalCode": "1000",
        "phone": "+386 1 555 01 23",
    },
    "formatsAndUnits": {
        "currency": "EUR",
        "currencyPrefix": "€",
        "currencySuffix": "",
        "currencyPrecision": 2,
        "currencyGroupSeparator": " ",
        "currencyDecimalSeparator": ".",
        "currencyTruncateZeroFractional": False,
        "currencyRate": 0.92,
        "timezone": "Europe/Ljubljana",
        "dateFormat": "dd.MM.yyyy",
        "timeFormat": "HH:mm:ss",
        "weightUnit": "KILOGRAM",
        "dimensionsUnit": "CM",
        "orderNumberPrefix": "",
        "orderNumberSuffix": "",
    },
    "languages": {"enabledLanguages": list(LANGUAGES), "defaultLanguage": "en"},
    "shipping": {
        "shippingOptions": [{"id": "1003-1", "title": "Post", "enabled": True, "fulfilmentType": "shipping"}]
    },
    "taxSettings": {
        "pricesIncludeTax": True,
        "taxes": [{"id": 94_797, "name": "VAT", "enabled": True, "includeInPrice": True, "defaultTax": 22}],
    },
    "designSettings": {
        "product_list_image_size": "MEDIUM",
        "product_list_image_aspect_ratio": "SQUARE_1",
        "product_list_show_product_images": True,
        "product_details_layout": "TWO_COLUMNS_SIDEBAR_ON_THE_RIGHT",
        "show_cart_widget": True,
    },
    "zones": [],
    "payment": {"paymentOptions": [{"id": "1003-2", "enabled": True, "checkoutTitle": "Card"}]},
    "giftCardSettings": {"products": []},
    "featureToggles": [],
}
