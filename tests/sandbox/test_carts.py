"""Abandoned carts: created, hidden, placed, and bought in the end."""

from __future__ import annotations

from typing import Any

from tillroll.sandbox.endpoints import carts


def leave(api: Any, email: str = "anna@example.com", **more: Any) -> dict[str, Any]:
    store = api.opened.store
    with store.state.transaction():
        return carts.leave(store, {"email": email, "items": [{"sku": "POT-02", "quantity": 2}], **more})


def test_an_abandoned_cart_is_listed_as_a_cart_and_not_as_an_order(api: Any) -> None:
    left = leave(api, coupon="welcome10")
    cart = api.get(f"/carts/{left['cartId']}")
    assert (cart["email"], cart["subtotal"], cart["couponDiscount"], cart["total"]) == (
        "anna@example.com", 76.0, 7.6, 73.3,
    )  # fmt: skip
    assert cart["discountCoupon"]["code"] == "WELCOME10"
    assert "id" not in cart["discountCoupon"]
    assert not {"id", "orderNumber", "recoveredOrderId", "customerId"} & cart.keys()
    assert api.get("/carts")["items"] == [cart]
    assert api.get("/orders")["total"] == 0
    assert api.get("/orders", paymentStatus="INCOMPLETE")["total"] == 1
    assert api.get("/customers")["total"] == 0, "an unfinished order makes no customer"
    assert api.get("/discount_coupons/WELCOME10")["orderCount"] == 0


def test_an_order_made_incomplete_is_a_cart(api: Any) -> None:
    made = api.call("POST", "/orders", json={"email": "a@example.com", "paymentStatus": "INCOMPLETE"}).json()
    assert made.keys() == {"id", "orderid"}
    [cart] = api.get("/carts", email="A@example.com")["items"]
    assert cart["cartId"] == cart["cartId"].upper()


def test_carts_are_found_by_customer_date_and_total(api: Any) -> None:
    leave(api)
    api.clock.pass_by(100)
    leave(api, "ben@example.com", coupon="FRIENDS")
    now = int(api.clock.now().timestamp())

    def who(**query: Any) -> list[str]:
        return [cart["email"] for cart in api.get("/carts", **query)["items"]]

    assert who() == ["ben@example.com", "anna@example.com"]
    assert who(createdFrom=now - 100, createdTo=now - 1) == ["anna@example.com"]
    assert who(updatedFrom=now) == who(couponCode="friends") == who(customer="BEN") == ["ben@example.com"]
    assert who(totalFrom="70") == ["anna@example.com"]
    assert who(email="ben@example.com", limit=1) == ["ben@example.com"]
    assert who(offset=2) == []


def test_hiding_is_the_only_change_that_a_cart_accepts(api: Any) -> None:
    path = f"/carts/{leave(api)['cartId']}"
    assert api.call("PUT", path, json={"hidden": True, "email": "x@example.com"}).json() == {"updateCount": 1}
    assert (api.get(path)["hidden"], api.get(path)["email"]) == (True, "anna@example.com")
    assert api.get("/carts")["total"] == 1
    assert api.get("/carts", showHidden="false")["total"] == 0
    assert api.call("PUT", path, json={"hidden": "yes"}).status_code == 400
    assert api.call("GET", "/carts/NONE").status_code == 404


def test_a_placed_cart_awaits_its_payment(api: Any) -> None:
    cart = leave(api, coupon="FRIENDS")["cartId"]
    api.clock.pass_by(3600)
    placed = api.call("POST", f"/carts/{cart}/place", json={}).json()
    assert placed.keys() == {"id", "orderNumber", "vendorOrderNumber", "cartId"}
    order = api.get(f"/orders/{placed['id']}")
    assert (order["paymentStatus"], order["createDate"]) == ("AWAITING_PAYMENT", "2026-03-02 13:00:00 +0000")
    shown = api.get(f"/carts/{cart}")
    assert shown["recoveredOrderId"] == placed["orderNumber"]
    assert shown["createDate"] == "2026-03-02 12:00:00 +0000"
    assert api.get("/discount_coupons/FRIENDS")["orderCount"] == 1
    assert api.get("/customers", email="anna@example.com")["total"] == 1
    assert api.call("POST", f"/carts/{cart}/place", json={}).status_code == 422, "it is placed already"
    api.turn(unplaceable_cart=409)
    assert api.call("POST", f"/carts/{cart}/place", json={}).status_code == 409


def test_buying_with_the_same_address_turns_the_cart_into_the_order(api: Any, receiver: Any) -> None:
    api.admin("webhooks", {"url": receiver.url})
    cart = leave(api)["cartId"]
    bought = api.admin("checkout", {"email": "Anna@example.com", "items": [{"sku": "TEA-01"}]}).json()
    [order] = api.get("/orders")["items"]
    assert (order["id"], order["subtotal"]) == (bought["orderId"], 9.5)
    assert api.get(f"/carts/{cart}")["recoveredOrderId"] == order["orderNumber"]
    events = {body["eventType"]: body for body in receiver.wait(5)}
    assert events.keys() == {
        "unfinished_order.created", "order.created", "customer.created", "customer.updated", "product.updated",
    }  # fmt: skip
    assert events["unfinished_order.created"]["data"] == {"orderId": order["id"], "cartId": cart}
    assert events["order.created"]["data"] == {
        "orderId": order["id"], "newPaymentStatus": "PAID", "newFulfillmentStatus": "AWAITING_PROCESSING",
    }  # fmt: skip
    assert events["customer.created"]["data"] == {"customerEmail": "Anna@example.com"}


def test_a_known_customer_is_named_in_the_cart(api: Any) -> None:
    customer = api.call("POST", "/customers", json={"email": "anna@example.com"}).json()["id"]
    cart = api.get(f"/carts/{leave(api)['cartId']}")
    assert cart["customerId"] == customer
    assert api.get("/carts", customerId=customer)["total"] == 1


def test_the_sample_shop_has_a_few_carts(seeded_shop: Any) -> None:
    page = seeded_shop.get("/carts")
    assert page["total"] == 6
    assert seeded_shop.get("/carts", showHidden="false")["total"] == 5
    assert all(cart["items"][0]["productId"] and cart["customerId"] for cart in page["items"])
