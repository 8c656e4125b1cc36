"""The store's shipping and payment options, as lists of the profile (dossier section 10.6). The vendor calls both options."""

from __future__ import annotations

from typing import Any

from tillroll.sandbox.endpoints import profile
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError
from tillroll.sandbox.state.store import SandboxStore

PLACES = {"shippingOptions": "shipping", "paymentOptions": "payment"}
"""The list's name to the section of the profile that holds it."""
_TITLES = {"shippingOptions": "title", "paymentOptions": "checkoutTitle"}


def listed(store: SandboxStore, name: str) -> list[dict[str, Any]]:
    """`GET /profile/shippingOptions` and `/profile/paymentOptions`: a bare list."""
    options: list[dict[str, Any]] = profile.profile(store, {})[PLACES[name]][name]
    return options


def get(store: SandboxStore, name: str, identifier: str) -> dict[str, Any]:
    """`GET /profile/paymentOptions/{id}`."""
    for option in listed(store, name):
        if option["id"] == identifier:
            return option
    raise ApiError(404, f"Option {identifier} not found")


def create(store: SandboxStore, name: str, body: Any) -> dict[str, Any]:
    """`POST /profile/shippingOptions` and `/profile/paymentOptions`: its title is required."""
    sent = fields.read(body, {_TITLES[name]: fields.text(255), "enabled": fields.boolean})
    if not sent.get(_TITLES[name]):
        raise fields.absent(f"{name}.{_TITLES[name]}")
    options = listed(store, name)
    identity = f"{store.store_id}-{store.state.next_number(name, after=1_000)}"
    made = {"enabled": True, "orderBy": 10 * (len(options) + 1), **body, **sent, "id": identity}
    _keep(store, name, [*options, made])
    return {"id": identity}


def update(store: SandboxStore, name: str, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /profile/shippingOptions/{id}` and `/profile/paymentOptions/{id}`: a merge."""
    kept = get(store, name, identifier)
    sent = fields.read(body, {_TITLES[name]: fields.text(255), "enabled": fields.boolean})
    changed = {**kept, **body, **sent, "id": identifier}
    _keep(store, name, [changed if one["id"] == identifier else one for one in listed(store, name)])
    return {"updateCount": 1}


def delete(store: SandboxStore, name: str, identifier: str) -> dict[str, Any]:
    """`DELETE /profile/shippingOptions/{id}` and `/profile/paymentOptions/{id}`."""
    get(store, name, identifier)
    _keep(store, name, [one for one in listed(store, name) if one["id"] != identifier])
    return {"deleteCount": 1}


def _keep(store: SandboxStore, name: str, options: list[dict[str, Any]]) -> None:
    profile.update(store, {PLACES[name]: {name: options}})
