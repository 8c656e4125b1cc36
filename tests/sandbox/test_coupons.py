"""Discount coupons: created, read, changed, deleted, searched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tillroll.sandbox.endpoints import coupons

Open = Callable[..., Any]


def test_a_coupon_reads_back_with_its_dates_in_utc_and_without_unset_fields(api: Any) -> None:
    made = api.coupon("Spring7", launchDate="2026-03-01 00:00:00 +0100", totalLimit=30, usesLimit="SINGLE")
    assert made.status_code == 200
    assert made.json().keys() == {"id", "code"}
    coupon = api.get(f"/discount_coupons/{made.json()['id']}")
    assert coupon["launchDate"] == "2026-02-28 23:00:00 +0000"
    assert coupon["creationDate"] == "2026-03-02 12:00:00 +0000"
    assert (coupon["code"], coupon["orderCount"], coupon["repeatCustomerOnly"]) == ("Spring7", 0, False)
    assert not {"expirationDate", "catalogLimit", "shippingLimit"} & coupon.keys()


@pytest.mark.parametrize("code", ["TWICE", "twice", "Twice"])
def test_a_code_is_taken_whatever_its_case(api: Any, code: str) -> None:
    api.coupon("TWICE")
    assert api.coupon(code).status_code == 409
    other = api.coupon("OTHER").json()["id"]
    assert api.call("PUT", f"/discount_coupons/{other}", json={"code": code}).status_code == 409


def test_an_update_is_a_merge_and_may_change_the_code(api: Any) -> None:
    api.coupon("BEFORE", totalLimit=25)
    assert api.call("PUT", "/discount_coupons/before", json={"code": "AFTER"}).json() == {"updateCount": 1}
    assert api.get("/discount_coupons/AFTER")["totalLimit"] == 25
    assert api.call("GET", "/discount_coupons/BEFORE").json()["errorMessage"] == "Coupon is not found"


def test_unknown_coupons_are_404_but_deleting_one_is_a_count_of_zero(api: Any) -> None:
    assert api.call("GET", "/discount_coupons/NONE").json()["errorCode"] == "DISCOUNT_COUPON_NOT_FOUND"
    assert api.call("PUT", "/discount_coupons/NONE", json={}).status_code == 404
    assert api.call("DELETE", "/discount_coupons/NONE").json() == {"deleteCount": 0}
    assert api.call("DELETE", "/discount_coupons/FRIENDS").json() == {"deleteCount": 1}
    api.turn(put_unknown_coupon=200, delete_unknown_coupon=404)
    assert api.call("PUT", "/discount_coupons/NONE", json={}).json() == {"updateCount": 0}
    assert api.call("DELETE", "/discount_coupons/NONE").status_code == 404


def test_a_path_is_read_as_an_id_before_a_code(api: Any) -> None:
    first = api.coupon("PLAIN").json()["id"]
    api.coupon(str(first))
    assert api.get(f"/discount_coupons/{first}")["code"] == "PLAIN"


@pytest.mark.parametrize("code", ["A/B", "A%2FB", "A+B", "čaj 50%"])
def test_a_code_is_percent_decoded_in_a_path(api: Any, code: str) -> None:
    api.coupon(code)
    assert api.get(f"/discount_coupons/{quote(code, safe='')}")["code"] == code


@pytest.mark.parametrize(
    "fields",
    [
        {"code": None},
        {"code": "X" * 129},
        {"name": None},
        {"discountType": "HALF"},
        {"status": "EXPIRED"},
        {"discount": "10"},
        {"usesLimit": "TWICE"},
        {"launchDate": "2026-03-01T00:00:00Z"},
        {"catalogLimit": {"products": ["701"]}},
    ],
    ids=str,
)
def test_a_bad_field_is_400(api: Any, fields: dict[str, Any]) -> None:
    answer = api.coupon("BAD", **fields)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "WRONG_PARAMETER")


def test_limits_keep_only_what_exists_and_fits(api: Any) -> None:
    api.coupon("SHELF", catalogLimit={"products": [701, 9], "categories": [1]})
    assert api.get("/discount_coupons/SHELF")["catalogLimit"] == {"products": [701], "categories": [1]}
    api.coupon("NOWHERE", catalogLimit={"products": [9]})
    assert "catalogLimit" not in api.get("/discount_coupons/NOWHERE")
    api.coupon("POST", discountType="SHIPPING", catalogLimit={"products": [701]})
    assert "catalogLimit" not in api.get("/discount_coupons/POST")


def test_an_expired_coupon_changes_its_status_when_read(api: Any) -> None:
    api.coupon("SHORT", expirationDate="2026-03-02 12:00:10 +0000")
    assert api.get("/discount_coupons/SHORT")["status"] == "ACTIVE"
    api.clock.pass_by(11)
    assert api.get("/discount_coupons/SHORT")["status"] == "EXPIRED"
    assert [coupon["code"] for coupon in api.get("/discount_coupons", availability="EXPIRED")["items"]] == [
        "SHORT"
    ]


def test_search_finds_a_code_whole_and_in_any_case(api: Any) -> None:
    api.coupon("WHOLE1")
    assert api.get("/discount_coupons", code="whole1")["total"] == 1
    assert api.get("/discount_coupons", code="WHOLE")["total"] == 0


def test_search_by_creation_is_inclusive_at_both_ends(api: Any) -> None:
    api.coupon("NOW")
    now = int(api.clock.now().timestamp())
    assert api.get("/discount_coupons", createdFrom=now, createdTo=now)["total"] == 1
    assert api.get("/discount_coupons", createdFrom="2026-03-02 13:00:00 +0100", createdTo=now)["total"] == 1
    assert api.get("/discount_coupons", createdFrom=now + 1)["total"] == 0
    assert api.get("/discount_coupons", createdFrom=now - 10, createdTo=now - 10)["total"] == 0


def test_search_by_kind(api: Any) -> None:
    api.coupon("OFF", discountType="ABS")
    assert api.get("/discount_coupons", discount_type="ABS")["total"] == 1
    assert api.get("/discount_coupons", discount_type="ABS,PERCENT", availability="ACTIVE")["total"] == 4
    assert api.call("GET", "/discount_coupons?discount_type=HALF").status_code == 400


def test_pages_clamp_and_end_in_nothing(api: Any) -> None:
    whole = api.get("/discount_coupons", limit=1000)
    assert (whole["limit"], whole["count"], whole["total"], whole["offset"]) == (100, 3, 3, 0)
    past = api.get("/discount_coupons", offset=10)
    assert (past["count"], past["items"], past["total"]) == (0, [], 3)
    assert api.get("/discount_coupons", offset=2, limit=2)["count"] == 1
    for query in ("limit=-1", "limit=ten", "offset=-1"):
        assert api.call("GET", f"/discount_coupons?{query}").status_code == 400
    api.turn(limit_over_100="refuse")
    assert api.call("GET", "/discount_coupons?limit=101").status_code == 400


def test_response_fields_limit_the_answer_to_the_requested_fields(api: Any) -> None:
    answer = api.get("/discount_coupons", responseFields="total,items(code,nonsense)", code="FRIENDS")
    assert answer == {"total": 1, "items": [{"code": "FRIENDS"}]}


def test_the_switches_of_coupons_turn(store: Open) -> None:
    api = store(
        coupon_without_code="generate",
        long_code="truncate",
        store_statuses_sent="accept",
        percent_over_100="refuse",
        fold_codes=True,
        coupon_by_code=False,
        conflict_body=False,
    )
    assert len(api.coupon("x", code=None).json()["code"]) == 10
    assert api.coupon("y" * 130).json()["code"] == "Y" * 128
    assert api.coupon("GONE", status="USEDUP").status_code == 200
    assert api.coupon("MUCH", discount=150).status_code == 400
    assert api.call("GET", "/discount_coupons/GONE").status_code == 404
    assert api.coupon("GONE").content == b""


def test_windows_of_dates_are_in_whole_seconds_and_may_leave_their_ends_out(api: Any) -> None:
    api.clock.pass_by(0.7)
    api.coupon("NOW")
    now = int(api.clock.now().timestamp())

    def total(**window: int) -> int:
        return int(api.get("/discount_coupons", **window)["total"])

    assert total(createdFrom=now, createdTo=now) == total(updatedFrom=now, updatedTo=now) == 1
    api.turn(window_ends="exclusive")
    assert total(createdFrom=now, createdTo=now) == total(createdFrom=now) == total(updatedFrom=now) == 0
    assert total(createdFrom=now - 1, createdTo=now + 1) == 1


def test_search_may_be_partial_and_newest_first(api: Any) -> None:
    api.coupon("PART-1")
    api.coupon("PART-2")
    assert api.get("/discount_coupons", code="part")["total"] == 0
    api.turn(coupon_search="partial", coupons_sorted="newest_first")
    assert [coupon["code"] for coupon in api.get("/discount_coupons", code="part")["items"]] == [
        "PART-2",
        "PART-1",
    ]


def test_availability_takes_a_list(api: Any) -> None:
    api.coupon("STOP", status="PAUSED")
    api.coupon("SHORT", expirationDate="2026-03-02 12:00:10 +0000")
    api.clock.pass_by(11)

    def codes(wanted: str) -> list[str]:
        return [coupon["code"] for coupon in api.get("/discount_coupons", availability=wanted)["items"]]

    assert codes("PAUSED,EXPIRED") == ["STOP", "SHORT"]
    assert len(codes("ACTIVE")) == 3
    assert codes("USEDUP") == []
    assert api.call("GET", "/discount_coupons?availability=GONE").status_code == 400


def test_digits_may_name_a_code_before_an_id(api: Any) -> None:
    first = api.coupon("PLAIN").json()["id"]
    api.coupon(str(first))
    api.turn(digits_name_codes=True)
    assert api.get(f"/discount_coupons/{first}")["code"] == str(first)


def test_null_is_ignored_or_clears(api: Any) -> None:
    api.coupon("DATED", expirationDate="2026-04-01", totalLimit=20, catalogLimit={"products": [701]})
    cleared = {"expirationDate": None, "totalLimit": None, "catalogLimit": None, "name": None}
    api.call("PUT", "/discount_coupons/DATED", json=cleared)
    assert api.get("/discount_coupons/DATED")["totalLimit"] == 20
    api.turn(null_clears=True)
    api.call("PUT", "/discount_coupons/DATED", json=cleared)
    coupon = api.get("/discount_coupons/DATED")
    assert not {"expirationDate", "totalLimit", "catalogLimit"} & coupon.keys()
    assert coupon["name"] == "DATED"


def test_a_count_of_orders_that_is_sent_is_ignored_or_kept(api: Any) -> None:
    api.coupon("COUNT", orderCount=7)
    assert api.get("/discount_coupons/COUNT")["orderCount"] == 0
    api.turn(order_count_sent="keep")
    api.coupon("KEPT", orderCount=7)
    assert api.get("/discount_coupons/KEPT")["orderCount"] == 7


@pytest.mark.parametrize(
    ("feature", "code"),
    [
        ("coupons", "DISCOUNTS_FEATURE_NOT_AVAILABLE"),
        ("shipping_discounts", "SHIPPING_DISCOUNTS_FEATURE_NOT_AVAILABLE"),
    ],
)
def test_a_feature_that_the_store_lacks_is_403(store: Open, feature: str, code: str) -> None:
    api = store(missing_features=(feature,))
    answer = api.coupon("NO", discountType="PERCENT_AND_SHIPPING")
    assert (answer.status_code, answer.json()["errorCode"]) == (403, code)


def test_the_owner_may_edit_and_delete_coupons_by_hand(api: Any, receiver: Any) -> None:
    api.coupon("DRIFT", discount=10)
    api.admin("webhooks", {"url": receiver.url})
    store = api.opened.store
    with store.state.transaction():
        coupons.edit_in_admin(store, "drift", {"discount": 50, "status": "EXPIRED"})
    coupon = api.get("/discount_coupons/DRIFT")
    assert (coupon["discount"], coupon["status"]) == (50, "EXPIRED")
    with store.state.transaction():
        coupons.delete_in_admin(store, "DRIFT")
    assert api.call("GET", "/discount_coupons/DRIFT").status_code == 404
    assert api.get("/coupons/deleted")["items"][0]["id"] == coupon["id"]
    assert {body["eventType"]: body["entityId"] for body in receiver.wait(2)} == {
        "discount_coupon.updated": coupon["id"], "discount_coupon.deleted": coupon["id"],
    }  # fmt: skip


def test_a_use_of_a_coupon_sends_an_event_if_the_switch_is_on(api: Any, receiver: Any) -> None:
    api.admin("webhooks", {"url": receiver.url, "events": ["discount_coupon.updated", "order.created"]})
    basket = {"email": "anna@example.com", "items": [{"sku": "TEA-01"}], "coupon": "FRIENDS"}
    api.admin("checkout", basket)
    receiver.wait(1)
    assert receiver.events() == ["order.created"]
    api.turn(coupon_use_sends_event=True)
    api.admin("checkout", basket)
    receiver.wait(3)
    assert sorted(receiver.events()) == ["discount_coupon.updated", "order.created", "order.created"]
