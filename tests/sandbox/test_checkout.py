"""A buyer at the till: the coupon's rules, and the order that follows."""

from __future__ import annotations

from typing import Any

import pytest


def buy(api: Any, coupon: str = "", email: str = "anna@example.com", **item: Any) -> Any:
    order = {"email": email, "items": [{"sku": "POT-02", "quantity": 2, **item}], "coupon": coupon}
    return api.admin("checkout", order)


def refusal(answer: Any) -> str:
    assert answer.status_code == 422, answer.text
    return str(answer.json()["errorMessage"])


def test_a_percentage_comes_off_the_subtotal_and_not_off_the_shipping(api: Any) -> None:
    api.coupon("TEN", discount=10)
    sold = buy(api, "ten").json()
    assert (sold["subtotal"], sold["couponDiscount"], sold["total"]) == (76.0, 7.6, 73.3)
    order = api.get(f"/orders/{sold['orderId']}")
    assert (order["paymentStatus"], order["couponDiscount"], order["discountCoupon"]["code"]) == (
        "PAID",
        7.6,
        "TEN",
    )
    customer = api.get("/customers", email="anna@example.com")["items"][0]
    assert (customer["stats"]["numberOfOrders"], customer["stats"]["salesValue"]) == (1, 73.3)


@pytest.mark.parametrize(
    ("fields", "off", "shipping"),
    [
        ({"discountType": "ABS", "discount": 5}, 5, 4.9),
        ({"discountType": "ABS", "discount": 500}, 76, 4.9),
        ({"discountType": "SHIPPING"}, 0, 0),
        ({"discountType": "PERCENT_AND_SHIPPING", "discount": 50}, 38, 0),
        ({"discountType": "ABS_AND_SHIPPING", "discount": 6}, 6, 0),
    ],
    ids=lambda value: value["discountType"] if isinstance(value, dict) else "",
)
def test_every_kind_of_discount(api: Any, fields: dict[str, Any], off: float, shipping: float) -> None:
    api.coupon("KIND", **fields)
    sold = buy(api, "KIND").json()
    assert (sold["couponDiscount"], sold["shipping"]) == (off, shipping)


def test_a_single_coupon_is_used_up_by_one_order(api: Any) -> None:
    api.coupon("ONCE", usesLimit="SINGLE")
    assert buy(api, "ONCE").status_code == 200
    coupon = api.get("/discount_coupons/ONCE")
    assert (coupon["status"], coupon["orderCount"]) == ("USEDUP", 1)
    assert "usedup" in refusal(buy(api, "ONCE", email="other@example.com"))


def test_once_per_customer_goes_by_the_address(api: Any) -> None:
    api.coupon("EACH", usesLimit="ONCEPERCUSTOMER")
    assert buy(api, "EACH").status_code == 200
    assert "used by this customer" in refusal(buy(api, "EACH", email="ANNA@example.com"))
    assert buy(api, "EACH", email="anna.two@example.com").status_code == 200


def test_first_and_returning_customers(api: Any) -> None:
    api.coupon("NEW", applicationLimit="NEW_CUSTOMER_ONLY")
    api.coupon("BACK", applicationLimit="REPEAT_CUSTOMER_ONLY")
    assert "returning" in refusal(buy(api, "BACK"))
    assert buy(api, "NEW").status_code == 200
    assert "first orders" in refusal(buy(api, "NEW"))
    assert buy(api, "BACK").status_code == 200


def test_dates_status_and_minimum(api: Any) -> None:
    api.coupon("LATER", launchDate="2026-03-02 13:00:00 +0000", expirationDate="2026-03-02 14:00:00 +0000")
    api.coupon("PAUSED", status="PAUSED")
    api.coupon("LARGE", totalLimit=76.01)
    assert "not valid yet" in refusal(buy(api, "LATER"))
    api.clock.pass_by(3600)
    assert buy(api, "LATER").status_code == 200
    api.clock.pass_by(3601)
    assert "expired" in refusal(buy(api, "LATER"))
    assert "paused" in refusal(buy(api, "PAUSED"))
    assert "minimum" in refusal(buy(api, "LARGE"))
    assert "no such coupon" in refusal(buy(api, "NONE"))


def test_a_coupon_for_some_products_takes_nothing_off_others(api: Any) -> None:
    tea = api.get("/products", sku="TEA-01")["items"][0]
    api.coupon("TEAS", discount=50, catalogLimit={"categories": tea["categoryIds"]})
    assert "other products" in refusal(buy(api, "TEAS"))
    basket = [{"productId": tea["id"], "quantity": 2}, {"sku": "POT-02"}]
    sold = api.admin("checkout", {"email": "a@example.com", "items": basket, "coupon": "TEAS"}).json()
    assert (sold["subtotal"], sold["couponDiscount"]) == (57.0, 9.5)
    items = api.get(f"/orders/{sold['orderId']}")["items"]
    assert [item.get("couponApplied") for item in items] == [True, False]


def test_a_refused_coupon_leaves_no_order(api: Any) -> None:
    buy(api, "NONE")
    assert api.get("/orders")["total"] == 0
    assert buy(api, quantity=0).status_code == 400
    assert refusal(buy(api, sku="NOTHING"))
