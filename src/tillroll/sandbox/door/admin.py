"""What only a sandbox has: `/sandbox/…` for the first store, `/sandbox/stores/{id}/…` for any. No token is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tillroll.sandbox.areas.buyer import leave_cart, review
from tillroll.sandbox.areas.checkout import checkout
from tillroll.sandbox.delivery import Sender
from tillroll.sandbox.memory.access import Token
from tillroll.sandbox.memory.faults import PlanFault
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.memory.webhooks import Registration, check_registration
from tillroll.sandbox.wire import ApiError


@dataclass(frozen=True, kw_only=True)
class Desk:
    """One store as its admin sees it."""

    store: Store
    sender: Sender
    stores: Sequence[Store]


def answer(desk: Desk, method: str, name: str, content: bytes) -> Any:
    """The answer to `/sandbox/{name}`."""
    try:
        body = json.loads(content) if content else {}
    except ValueError as fault:
        raise ApiError(400, "not JSON") from fault
    deed = _DEEDS.get((method, name))
    if deed is None and any(name == known for _, known in _DEEDS):
        raise ApiError(405, f"{name} knows no {method}")
    if deed is None:
        raise ApiError(404, "Not found")
    if not isinstance(body, dict):
        raise ApiError(400, "the body is a JSON object")
    try:
        return deed(desk, body)
    except (PlanFault, ValueError) as fault:
        raise ApiError(400, str(fault)) from fault


def counters(store: Store) -> dict[str, Any]:
    """What was counted, so that a test can tell a client's manners."""
    tokens = store.tokens.all()
    refused = sum(token.allowance.refused for token in tokens) + store.addresses.refused
    return {
        **store.counters,
        "rate_limited": refused,
        "knocks": sum(token.allowance.knocks for token in tokens),
        "faults": dict(store.faults.fired),
    }


def _stores(desk: Desk, _body: dict[str, Any]) -> Any:
    return {
        "stores": [
            {"store_id": one.store_id, "token": one.token, "client_secret": one.client_secret}
            for one in desk.stores
        ]
    }


def _switch(desk: Desk, body: dict[str, Any]) -> Any:
    desk.store.switches = desk.store.switches.changed(body)
    return {"switched": sorted(body)}


def _lay_faults(desk: Desk, body: dict[str, Any]) -> Any:
    desk.store.faults.lay(body)
    return desk.store.faults.show()


def _clear_faults(desk: Desk, _body: dict[str, Any]) -> Any:
    desk.store.faults.clear()
    return desk.store.faults.show()


def _register(desk: Desk, body: dict[str, Any]) -> Any:
    desk.store.outbox.register(check_registration(body))
    if desk.store.outbox.url:
        desk.sender.start()
    return desk.store.outbox.show()


def _unregister(desk: Desk, _body: dict[str, Any]) -> Any:
    desk.store.outbox.register(Registration(url=""))
    return desk.store.outbox.show()


def _tokens(desk: Desk, _body: dict[str, Any]) -> Any:
    return {"tokens": [_shown(token) for token in desk.store.tokens.all()]}


def _shown(token: Token) -> dict[str, Any]:
    return {
        "token": token.text,
        "scopes": None if token.scopes is None else sorted(token.scopes),
        "revoked": token.revoked,
        "requests": token.allowance.counted,
        "rate_limited": token.allowance.refused,
        "knocks": token.allowance.knocks,
    }


def _issue(desk: Desk, body: dict[str, Any]) -> Any:
    scopes, limit = body.get("scopes"), body.get("requests_per_minute")
    if scopes is not None and not (isinstance(scopes, list) and all(isinstance(one, str) for one in scopes)):
        raise ValueError("scopes is a list of scopes; without it the token may do everything")
    if limit is not None and (type(limit) is not int or limit < 0):
        raise ValueError("requests_per_minute is a whole number from 0 up")
    return _shown(desk.store.tokens.issue(scopes, per_minute=limit))


def _uninstall(desk: Desk, _body: dict[str, Any]) -> Any:
    return {"revoked": desk.store.uninstall()}


def _install(desk: Desk, _body: dict[str, Any]) -> Any:
    return {"token": desk.store.install().text}


_DEEDS: dict[tuple[str, str], Callable[[Desk, dict[str, Any]], Any]] = {
    ("GET", "health"): lambda desk, body: {"status": "ok"},
    ("GET", "stores"): _stores,
    ("GET", "counters"): lambda desk, body: counters(desk.store),
    ("GET", "clock"): lambda desk, body: {"now": desk.store.clock.now().isoformat()},
    ("GET", "switches"): lambda desk, body: asdict(desk.store.switches),
    ("POST", "switches"): _switch,
    ("POST", "checkout"): lambda desk, body: checkout(desk.store, body),
    ("POST", "cart"): lambda desk, body: leave_cart(desk.store, body),
    ("POST", "review"): lambda desk, body: review(desk.store, body),
    ("GET", "faults"): lambda desk, body: desk.store.faults.show(),
    ("POST", "faults"): _lay_faults,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "webhooks"): lambda desk, body: desk.store.outbox.show(),
    ("POST", "webhooks"): _register,
    ("DELETE", "webhooks"): _unregister,
    ("GET", "tokens"): _tokens,
    ("POST", "tokens"): _issue,
    ("POST", "uninstall"): _uninstall,
    ("POST", "install"): _install,
}
"""Every deed by its method and name. The checkout, carts and reviews are the storefront's, the rest the sandbox's own."""
