from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tillroll.catalog.decide import changes
from tillroll.catalog.fields import body, from_journal, to_journal

_money = st.decimals(min_value=0, max_value=10**9 - 1, places=4, allow_nan=False)
_whole = st.none() | st.integers(0, 10**9)
_fields = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(),
        "price": _money,
        "cost_price": st.none() | _money,
        "quantity": _whole,
        "low_stock_at": _whole,
        "enabled": st.booleans(),
        "discounts_allowed": st.booleans(),
        "categories": st.lists(st.integers(1, 10**9)).map(tuple),
    },
)


@given(_fields)
def test_fields_are_unchanged_after_a_round_trip_through_the_journal(fields: dict[str, object]) -> None:
    stored = json.loads(json.dumps(to_journal(fields)))  # type: ignore[arg-type]
    assert from_journal(stored) == fields
    assert changes(from_journal(stored), fields) == {}  # type: ignore[arg-type]


@given(_money)
def test_amounts_reach_the_store_exactly(price: Decimal) -> None:
    sent = json.loads(json.dumps(body({"price": price})))
    assert Decimal(str(sent["price"])) == price


def test_an_unlimited_stock_has_no_quantity() -> None:
    assert body({"quantity": None}) == {"unlimited": True}
    assert body({"quantity": 0}) == {"quantity": 0, "unlimited": False}
