"""The checkout: the rules of coupons, and the resulting order."""

from __future__ import annotations

from typing import Any

import pytest


def buy(api: Any, coupon: str = "", email: str = "anna@example.com", **item: Any) -> Any:
    order = {"email": email, "items": [{"sku": "POT-02", "quantity": 2, **item}], "coupon": coupon}
    return api.admin("checkout", order)


def refusal(answer: Any) -> str:
    assert answer.status_code == 422, answer.text
    return str(answer.json()["errorMessage"])


def test_a_buyer_reviews_what_they_bought_and_nothing_else(api: Any) -> None:
    words = {"email": "anna@example.com", "sku": "POT-02", "rating": 5, "text": "Lovely."}
    assert "didn't buy" in refusal(api.admin("review", words))
    sold = buy(api).json()
    number = api.admin("review", words).json()["reviewId"]
    review = api.get(f"/reviews/{number}")
    assert (review["status"], review["rating"], review["review"]) == ("MODERATED", 5, "Lovely.")
    assert str(review["orderNumber"]) == str(sold["orderId"])
    assert api.admin("review", {**words, "rating": 6}).status_code == 400


def test_a_buyer_leaves_a_cart(api: Any) -> None:
    cart = api.admin(
        "cart", {"email": "anna@example.com", "items": [{"sku": "POT-02", "quantity": 1}]}
    ).json()
    assert api.get(f"/carts/{cart['cartId']}")["email"] == "anna@example.com"
    assert api.admin("cart", {"items": []}).status_code == 400


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


def test_coupons_for_first_or_returning_customers_are_refused_to_others(api: Any) -> None:
    api.coupon("NEW", applicationLimit="NEW_CUSTOMER_ONLY")
    api.coupon("BACK", applicationLimit="REPEAT_CUSTOMER_ONLY")
    assert "returning" in refusal(buy(api, "BACK"))
    assert buy(api, "NEW").status_code == 200
    assert "first orders" in refusal(buy(api, "NEW"))
    assert buy(api, "BACK").status_code == 200


def test_a_coupon_is_checked_for_dates_status_and_minimum(api: Any) -> None:
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


def test_a_purchase_reduces_the_stock(api: Any, receiver: Any) -> None:
    api.admin("webhooks", {"url": receiver.url, "events": ["product.updated"]})
    before = api.get("/products", sku="POT-02")["items"][0]
    assert buy(api).status_code == 200
    assert api.get(f"/products/{before['id']}")["quantity"] == before["quantity"] - 2
    [event] = receiver.wait(1)
    assert event["entityId"] == before["id"]


def test_a_variation_is_bought_by_its_sku_at_its_price(api: Any) -> None:
    api.call("PUT", "/products/721/combinations/50001", json={"price": 20})
    sold = buy(api, sku="CUP-01-CELADON").json()
    assert sold["subtotal"] == 40
    [item] = api.get(f"/orders/{sold['orderId']}")["items"]
    assert (item["productId"], item["combinationId"], item["sku"]) == (721, 50001, "CUP-01-CELADON")
    assert api.get("/products/721/combinations/50001")["quantity"] == 10
    own = [{"productId": 721, "combinationId": 50001, "quantity": 1}]
    assert api.admin("checkout", {"email": "b@example.com", "items": own}).json()["subtotal"] == 20


def test_sold_out_products_can_be_bought_unless_the_switch_forbids_it(api: Any) -> None:
    assert buy(api, sku="CUP-01-ASH").status_code == 200
    api.turn(out_of_stock="refuse")
    assert "out of stock" in refusal(buy(api, sku="CUP-01-ASH"))
    api.call("PUT", "/products/719", json={"enabled": False})
    assert "not for sale" in refusal(buy(api, sku="POT-01"))


def test_each_item_has_its_share_of_the_discount(api: Any) -> None:
    api.coupon("TEN", discountType="ABS", discount=10)
    basket = [{"sku": "TEA-01"}, {"sku": "TEA-02"}, {"sku": "TEA-03"}]
    sold = api.admin("checkout", {"email": "a@example.com", "items": basket, "coupon": "TEN"}).json()
    shares = [item["couponAmount"] for item in api.get(f"/orders/{sold['orderId']}")["items"]]
    assert round(sum(shares), 2) == sold["couponDiscount"] == 10
