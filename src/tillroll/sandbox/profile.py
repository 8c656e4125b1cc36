"""The store about itself, and its change stamps (dossier sections 10.1 and 10.2)."""

from __future__ import annotations

from typing import Any

from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import out

_AREAS = {
    "productsUpdated": "products",
    "ordersUpdated": "orders",
    "profileUpdated": "profile",
    "categoriesUpdated": "categories",
    "discountCouponsUpdated": "discountCoupons",
    "customersUpdated": "customers",
}


def profile(store: Store) -> dict[str, Any]:
    """`GET /profile`."""
    return {
        "generalInfo": {"storeId": store.store_id, "storeUrl": store.url, "websitePlatform": "unknown"},
        "account": {
            "accountName": "Ana Novak",
            "accountEmail": "owner@sample-shop.example",
            "suspended": store.switches.suspended,
            "availableFeatures": [
                "API",
                "PREMIUM",
                "DISCOUNT_COUPONS",
                "CUSTOMER_GROUPS",
                "COMBINATIONS",
                "INVENTORY_TRACKING",
            ],
            "limitsAndRestrictions": {"maxProductLimit": 2500},
        },
        "settings": {"storeName": "Sample Shop", "closed": False, "showAcceptMarketingCheckbox": True},
        "company": {
            "companyName": "Sample Shop d.o.o.",
            "email": "hello@sample-shop.example",
            "city": "Ljubljana",
            "countryCode": "SI",
        },
        "formatsAndUnits": {
            "currency": "EUR",
            "currencyPrefix": "€",
            "currencyPrecision": 2,
            "timezone": "Europe/Ljubljana",
            "orderNumberPrefix": "",
        },
        "languages": {"enabledLanguages": ["en", "sl", "de", "it", "ar"], "defaultLanguage": "en"},
        "shipping": {
            "shippingOptions": [
                {"id": "1003-1", "title": "Post", "enabled": True, "fulfilmentType": "shipping"}
            ]
        },
    }


def latest_stats(store: Store) -> dict[str, Any]:
    """`GET /latest-stats`: when each area last changed; an empty area has no stamp."""
    stamps = {name: store.state.fact(f"updated:{area}") for name, area in _AREAS.items()}
    return {name: out(float(stamp)) for name, stamp in stamps.items() if stamp}
