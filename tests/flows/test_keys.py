"""A run's slot key names the entry whose step it is."""

from __future__ import annotations

import pytest

from tillroll.flows.finders.keys import (
    EntryKey,
    cart_key,
    custom_key,
    customer_key,
    entry_of_slot,
    order_key,
    step_slot,
)


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        (customer_key(7), {"customer_id": 7}),
        (customer_key(7, event="birthday 2026"), {"customer_id": 7}),
        (customer_key(7, event="spent 50"), {"customer_id": 7}),
        (order_key("ZWN39V"), {"order_id": "ZWN39V"}),
        (cart_key("C4FD8B78-CBC9"), {"cart_id": "C4FD8B78-CBC9"}),
        (custom_key("quiz-7"), {}),
        (custom_key("a customer 7"), {}),
        ("product 702 back, change 5", {}),
        ("2026-12-01T09:00", {}),
    ],
)
def test_the_entry_of_a_slot_is_read_from_its_key(key: str, entry: dict[str, object]) -> None:
    for slot in (key, step_slot(key, 1), step_slot(key, 12)):
        assert entry_of_slot(slot) == EntryKey(text=key, **entry)
