"""Extra fields that the owner adds to the checkout (dossier section 10.7). Those of customers are `extra_fields.py`."""

from __future__ import annotations

import secrets
from typing import Any

from tillroll.sandbox.formats import fields
from tillroll.sandbox.state import documents
from tillroll.sandbox.state.store import SandboxStore

_KIND = "checkout_fields"
_TYPES = (
    "text",
    "textarea",
    "select",
    "radio_buttons",
    "checkbox",
    "toggle_button_group",
    "datetime",
    "label",
    "empty",
)
_SECTIONS = (
    "email", "shipping_address", "pickup_details", "shipping_methods", "pickup_methods", "payment_details",
)  # fmt: skip
_OF_ORDERS = ("shipping_info", "billing_info", "customer_info", "order_comments", "hidden")
_FIELDS: dict[str, fields.Kind] = {
    "title": fields.text(255),
    "type": fields.one_of(*_TYPES),
    "textPlaceholder": fields.text(255),
    "tip": fields.text(255),
    "subtitle": fields.text(255),
    "value": fields.text(),
    "available": fields.boolean,
    "required": fields.boolean,
    "checkoutDisplaySection": fields.one_of(*_SECTIONS),
    "orderDetailsDisplaySection": fields.one_of(*_OF_ORDERS),
    "showInInvoice": fields.boolean,
    "showInNotifications": fields.boolean,
    "showForPaymentMethodIds": fields.anything,
    "showForShippingMethodIds": fields.anything,
    "showForCountry": fields.anything,
    "options": fields.objects,
    "datePickerOptions": fields.an_object,
    "overrides": fields.anything,
    "orderBy": fields.whole,
    "shownOnOrderDetails": fields.boolean,
    "saveToCustomerProfile": fields.boolean,
    **dict.fromkeys(
        (
            "titleTranslated",
            "textPlaceholderTranslated",
            "tipTranslated",
            "subtitleTranslated",
            "valueTranslated",
        ),
        fields.an_object,
    ),
}


def listed(store: SandboxStore) -> dict[str, Any]:
    """`GET /profile/extrafields`: without totals."""
    return {"items": documents.every(store.state, _KIND)}


def get(store: SandboxStore, key: str) -> dict[str, Any]:
    """`GET /profile/extrafields/{key}`."""
    return documents.get(store.state, _KIND, key, f"Extra field {key} not found")


def create(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /profile/extrafields`."""
    sent = fields.read(body, _FIELDS)
    key = secrets.token_urlsafe(5)
    made = {"key": key, "type": "text", "available": True, "required": False, "cpField": False, **sent}
    documents.keep(store.state, _KIND, key, made)
    store.happened("profile.updated", store.store_id)
    return {"createCount": 1, "key": key}


def update(store: SandboxStore, key: str, body: Any) -> dict[str, Any]:
    """`PUT /profile/extrafields/{key}`: a merge."""
    documents.keep(store.state, _KIND, key, {**get(store, key), **fields.read(body, _FIELDS)})
    store.happened("profile.updated", store.store_id)
    return {"updateCount": 1}


def delete(store: SandboxStore, key: str) -> dict[str, Any]:
    """`DELETE /profile/extrafields/{key}`."""
    get(store, key)
    documents.delete(store.state, _KIND, key)
    store.happened("profile.updated", store.store_id)
    return {"deleteCount": 1}
