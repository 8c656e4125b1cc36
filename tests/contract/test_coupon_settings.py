"""Coupons under both readings of what the documentation leaves open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.contract.rows import refused
from tests.contract.samples import coupon
from tests.store import turn
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.coupons import coupon_body
from tillroll.sandbox.serve import Sandbox


@pytest.mark.parametrize("percent_over_100", ["accept", "refuse"])
def test_more_than_all_of_the_price_comes_back_as_asked_or_is_refused(
    sandbox: Sandbox, client: Client, percent_over_100: str
) -> None:
    turn(sandbox, percent_over_100=percent_over_100)
    if percent_over_100 == "refuse":
        with refused(400, "WRONG_PARAMETER"):
            client.coupons.create(coupon(discount=Decimal(150)))
    else:
        assert client.coupons.get(client.coupons.create(coupon(discount=Decimal(150)))).discount == 150


@pytest.mark.parametrize("long_code", ["refuse", "truncate"])
def test_a_code_that_is_too_long_is_never_taken_for_the_requested_one(
    sandbox: Sandbox, client: Client, long_code: str
) -> None:
    turn(sandbox, long_code=long_code)
    asked = "X" * 129
    if long_code == "refuse":
        with refused(400, "WRONG_PARAMETER"):
            client.coupons.create(coupon(asked))
    else:
        assert client.coupons.get(client.coupons.create(coupon(asked))).code == "X" * 128
    assert client.coupons.find(asked) is None


@pytest.mark.parametrize("coupon_without_code", ["refuse", "generate"])
def test_a_coupon_without_a_code_is_refused_or_answered_with_the_stores_own(
    sandbox: Sandbox, client: Client, coupon_without_code: str
) -> None:
    turn(sandbox, coupon_without_code=coupon_without_code)
    body = {name: value for name, value in coupon_body(coupon()).items() if name != "code"}
    if coupon_without_code == "refuse":
        with refused(400, "WRONG_PARAMETER"):
            client.connection.write("POST", "/discount_coupons", body=body)
    else:
        made = client.connection.write("POST", "/discount_coupons", body=body)
        assert client.coupons.get(made["id"]).code == made["code"]


@pytest.mark.parametrize("store_statuses_sent", ["refuse", "accept"])
def test_a_status_of_the_stores_own_is_refused_or_kept(
    sandbox: Sandbox, client: Client, store_statuses_sent: str
) -> None:
    turn(sandbox, store_statuses_sent=store_statuses_sent)
    if store_statuses_sent == "refuse":
        with refused(400, "WRONG_PARAMETER"):
            client.coupons.create(coupon(status="USEDUP"))
    else:
        assert client.coupons.get(client.coupons.create(coupon(status="USEDUP"))).status == "USEDUP"


@pytest.mark.parametrize("bad_catalog_limit", ["drop", "refuse"])
def test_products_that_are_gone_are_refused_or_seen_to_be_missing_from_the_coupon(
    sandbox: Sandbox, client: Client, bad_catalog_limit: str
) -> None:
    turn(sandbox, bad_catalog_limit=bad_catalog_limit)
    asked = coupon(products=(701, 999_999))
    if bad_catalog_limit == "refuse":
        with refused(400, "WRONG_PARAMETER"):
            client.coupons.create(asked)
    else:
        assert client.coupons.get(client.coupons.create(asked)).products == (701,)


@pytest.mark.parametrize("digits_name_codes", [True, False])
def test_a_code_with_a_letter_in_it_never_stands_for_anothers_id(
    sandbox: Sandbox, client: Client, digits_name_codes: bool
) -> None:
    turn(sandbox, digits_name_codes=digits_name_codes)
    first = client.coupons.create(coupon("FIRST"))
    second = client.coupons.create(coupon(f"{first}A"))
    assert (client.coupons.get(first).code, client.coupons.get(second).code) == ("FIRST", f"{first}A")
    assert client.coupons.delete(second)
    assert client.coupons.get(first).code == "FIRST"


@pytest.mark.parametrize("null_clears", [True, False])
def test_a_null_clears_a_date_or_leaves_it(sandbox: Sandbox, client: Client, null_clears: bool) -> None:
    turn(sandbox, null_clears=null_clears)
    asked = coupon()
    made = client.coupons.create(asked)
    assert client.coupons.update(made, {"expirationDate": None, "totalLimit": None})
    found = client.coupons.get(made)
    assert found.expires_at == (None if null_clears else asked.expires_at)
    assert found.minimum_subtotal == (None if null_clears else asked.minimum_subtotal)


@pytest.mark.parametrize("order_count_sent", ["ignore", "keep"])
def test_the_count_of_uses_is_the_one_that_the_store_shows(
    sandbox: Sandbox, client: Client, order_count_sent: str
) -> None:
    turn(sandbox, order_count_sent=order_count_sent)
    made = client.coupons.create(coupon())
    assert client.coupons.update(made, {"orderCount": 5})
    assert client.coupons.get(made).order_count == (5 if order_count_sent == "keep" else 0)


@pytest.mark.parametrize("window_ends", ["inclusive", "exclusive"])
def test_changes_are_found_from_a_second_before(sandbox: Sandbox, client: Client, window_ends: str) -> None:
    turn(sandbox, window_ends=window_ends)
    made = client.coupons.create(coupon())
    at = client.coupons.get(made).created_at
    assert at is not None
    before, after = at - timedelta(seconds=1), datetime.now(UTC) + timedelta(minutes=1)
    for window in ({"created_from": before}, {"updated_from": before}):
        assert [one.coupon_id for one in client.coupons.every(**window)] == [made]
    assert list(client.coupons.every(created_from=after)) == []
    assert bool(list(client.coupons.every(created_from=at))) is (window_ends == "inclusive")
