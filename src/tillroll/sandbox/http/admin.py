"""The sandbox's own addresses: `/sandbox/…` for the first store, `/sandbox/stores/{id}/…` for any. They need no token."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tillroll.sandbox.endpoints.buyer import leave_cart, review
from tillroll.sandbox.endpoints.checkout import checkout
from tillroll.sandbox.formats.wire import ApiError
from tillroll.sandbox.http.delivery import Sender
from tillroll.sandbox.state.access import Token
from tillroll.sandbox.state.faults import PlanFault
from tillroll.sandbox.state.store import SandboxStore
from tillroll.sandbox.state.webhooks import Registration, check_registration


@dataclass(frozen=True, kw_only=True)
class StoreAdmin:
    """The admin of one store."""

    store: SandboxStore
    sender: Sender
    stores: Sequence[SandboxStore]


def answer(admin: StoreAdmin, method: str, name: str, content: bytes) -> Any:
    """Return the answer to `/sandbox/{name}`."""
    try:
        body = json.loads(content) if content else {}
    except ValueError as fault:
        raise ApiError(400, "not JSON") from fault
    action = _ACTIONS.get((method, name))
    if action is None and any(name == existing for _, existing in _ACTIONS):
        raise ApiError(405, f"{name} knows no {method}")
    if action is None:
        raise ApiError(404, "Not found")
    if not isinstance(body, dict):
        raise ApiError(400, "the body is a JSON object")
    try:
        return action(admin, body)
    except (PlanFault, ValueError) as fault:
        raise ApiError(400, str(fault)) from fault


def counters(store: SandboxStore) -> dict[str, Any]:
    """Return what the store counted, so that a test can check how a client behaves."""
    tokens = store.tokens.all()
    refused = sum(token.allowance.refused for token in tokens) + store.addresses.refused
    return {
        **store.counters,
        "rate_limited": refused,
        "early_requests": sum(token.allowance.early_requests for token in tokens),
        "faults": dict(store.faults.fired),
    }


def _stores(admin: StoreAdmin, _body: dict[str, Any]) -> Any:
    return {
        "stores": [
            {"store_id": store.store_id, "token": store.token, "client_secret": store.client_secret}
            for store in admin.stores
        ]
    }


def _switch(admin: StoreAdmin, body: dict[str, Any]) -> Any:
    admin.store.switches = admin.store.switches.changed(body)
    return {"switched": sorted(body)}


def _lay_faults(admin: StoreAdmin, body: dict[str, Any]) -> Any:
    admin.store.faults.lay(body)
    return admin.store.faults.show()


def _clear_faults(admin: StoreAdmin, _body: dict[str, Any]) -> Any:
    admin.store.faults.clear()
    return admin.store.faults.show()


def _register(admin: StoreAdmin, body: dict[str, Any]) -> Any:
    admin.store.outbox.register(check_registration(body))
    if admin.store.outbox.url:
        admin.sender.start()
    return admin.store.outbox.show()


def _unregister(admin: StoreAdmin, _body: dict[str, Any]) -> Any:
    admin.store.outbox.register(Registration(url=""))
    return admin.store.outbox.show()


def _tokens(admin: StoreAdmin, _body: dict[str, Any]) -> Any:
    return {"tokens": [_shown(token) for token in admin.store.tokens.all()]}


def _shown(token: Token) -> dict[str, Any]:
    return {
        "token": token.text,
        "scopes": None if token.scopes is None else sorted(token.scopes),
        "revoked": token.revoked,
        "requests": token.allowance.counted,
        "rate_limited": token.allowance.refused,
        "early_requests": token.allowance.early_requests,
    }


def _issue(admin: StoreAdmin, body: dict[str, Any]) -> Any:
    scopes, limit = body.get("scopes"), body.get("requests_per_minute")
    if scopes is not None and not (
        isinstance(scopes, list) and all(isinstance(scope, str) for scope in scopes)
    ):
        raise ValueError("scopes is a list of scopes; without it the token may do everything")
    if limit is not None and (type(limit) is not int or limit < 0):
        raise ValueError("requests_per_minute is a whole number from 0 up")
    return _shown(admin.store.tokens.issue(scopes, per_minute=limit))


def _uninstall(admin: StoreAdmin, _body: dict[str, Any]) -> Any:
    return {"revoked": admin.store.uninstall()}


def _install(admin: StoreAdmin, _body: dict[str, Any]) -> Any:
    return {"token": admin.store.install().text}


_ACTIONS: dict[tuple[str, str], Callable[[StoreAdmin, dict[str, Any]], Any]] = {
    ("GET", "health"): lambda admin, body: {"status": "ok"},
    ("GET", "stores"): _stores,
    ("GET", "counters"): lambda admin, body: counters(admin.store),
    ("GET", "clock"): lambda admin, body: {"now": admin.store.clock.now().isoformat()},
    ("GET", "switches"): lambda admin, body: asdict(admin.store.switches),
    ("POST", "switches"): _switch,
    ("POST", "checkout"): lambda admin, body: checkout(admin.store, body),
    ("POST", "cart"): lambda admin, body: leave_cart(admin.store, body),
    ("POST", "review"): lambda admin, body: review(admin.store, body),
    ("GET", "faults"): lambda admin, body: admin.store.faults.show(),
    ("POST", "faults"): _lay_faults,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "webhooks"): lambda admin, body: admin.store.outbox.show(),
    ("POST", "webhooks"): _register,
    ("DELETE", "webhooks"): _unregister,
    ("GET", "tokens"): _tokens,
    ("POST", "tokens"): _issue,
    ("POST", "uninstall"): _uninstall,
    ("POST", "install"): _install,
}
"""Every action by method and name. Checkout, carts and reviews belong to the storefront, the rest to the sandbox."""
