"""The keys of entries and of their steps' runs. They are identifiers with a fixed form, not text for people.

A ledger that was restored from a backup knows the runs it has lost only by the slot keys that the store was told. So the keys of
customers, orders and carts are also read here, beside the functions that make them; no other module takes a key apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STEP = re.compile(r" step \d+$")
_CUSTOMER = re.compile(r"(?:^| )customer (\d+)$")
_ORDER, _CART, _CUSTOM = "order ", "cart ", "event "


@dataclass(frozen=True, kw_only=True)
class EntryKey:
    """The key of an entry, and whom or what it names."""

    text: str
    customer_id: int | None = None
    order_id: str = ""
    cart_id: str = ""


def customer_key(customer_id: int, *, event: str = "") -> str:
    """Return the key of an event that happens to a customer; `event` tells several of the same customer apart."""
    return f"{event} customer {customer_id}" if event else f"customer {customer_id}"


def order_key(order_id: str) -> str:
    """Return the key of an order that was placed."""
    return f"{_ORDER}{order_id}"


def cart_key(cart_id: str) -> str:
    """Return the key of a cart that was abandoned."""
    return f"{_CART}{cart_id}"


def custom_key(event_id: str) -> str:
    """Return the key of a custom event."""
    return f"{_CUSTOM}{event_id}"


def step_slot(entry_key: str, step: int) -> str:
    """Return the slot key of the run for one step of an entry's flow."""
    return f"{entry_key} step {step}"


def entry_of_slot(slot_key: str) -> EntryKey:
    """Return the entry whose step a run's slot key names."""
    key = _STEP.sub("", slot_key)
    if key.startswith(_CUSTOM):
        return EntryKey(text=key)
    if key.startswith(_ORDER):
        return EntryKey(text=key, order_id=key.removeprefix(_ORDER))
    if key.startswith(_CART):
        return EntryKey(text=key, cart_id=key.removeprefix(_CART))
    customer = _CUSTOMER.search(key)
    return EntryKey(text=key, customer_id=int(customer[1]) if customer else None)
