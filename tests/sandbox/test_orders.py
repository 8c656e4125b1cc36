"""Orders: searched, created, changed, priced and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

Open = Callable[..., Any]


def make(api: Any, **body: Any) -> str:
    answer = api.call("POST", "/orders", json={"email": "anna@example.com", "total": 10, **body})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["orderid"])


def put(api: Any, order: str, **body: Any) -> Any:
    return api.call("PUT", f"/orders/{order}", json=body)


def order_ids(api: Any, **query: Any) -> list[str]:
    return [order["id"] for order in api.get("/orders", **query)["items"]]


def test_an_order_keeps_the_given_fields_except_those_that_the_store_sets(api: Any) -> None:
    order = make(
        api, id="MINE", createDate="2001-01-01 00:00:00 +0000", orderComments="ring twice", subtotal=8,
        utmData={"source": "tillroll"}, fulfillmentStatus="SHIPPED",
    )  # fmt: skip
    shown = api.get(f"/orders/{order}")
    assert (shown["id"], shown["orderComments"], shown["subtotal"]) == (order, "ring twice", 8)
    assert (shown["utmData"], shown["fulfillmentStatus"]) == ({"source": "tillroll"}, "SHIPPED")
    assert (shown["createDate"], shown["updateDate"]) == (
        "2001-01-01 00:00:00 +0000",
        "2026-03-02 12:00:00 +0000",
    )
    assert shown["hidden"] is False


def test_orders_are_found_by(api: Any) -> None:
    items = [{"productId": 701, "sku": "TEA-01", "name": "Sencha", "price": 9.5, "isPreorder": True}]
    first = make(
        api, items=items, total=50, paymentMethod="Card", paymentModule="CUSTOM_PAYMENT_APP-x", refererId=7,
        shippingOption={"shippingMethodName": "Post"}, fulfillmentStatus="SHIPPED", acceptMarketing=True,
        billingPerson={"name": "Anna Lind", "city": "Lund"}, pickupTime="2026-03-05 10:00:00 +0000",
    )  # fmt: skip
    api.clock.pass_by(60)
    make(api, email="ben@example.com", paymentStatus="AWAITING_PAYMENT", acceptMarketing=False)
    now, number = int(api.clock.now().timestamp()), api.get(f"/orders/{first}")["orderNumber"]
    customer = api.get(f"/orders/{first}")["customerId"]
    for query in (
        {"ids": f"{first},NONE"}, {"orderNumber": number, "email": "nobody"}, {"vendorOrderNumber": first},
        {"keywords": "sencha"}, {"keywords": "LUND"}, {"email": "Anna@example.com"}, {"customerId": customer},
        {"productId": "701,702"}, {"totalFrom": "50"}, {"createdTo": now - 60}, {"paymentStatus": "PAID,REFUNDED"},
        {"fulfillmentStatus": "SHIPPED,DELIVERED"}, {"paymentMethod": "Card"}, {"shippingMethod": "Post"},
        {"paymentModule": "CUSTOM_PAYMENT_APP-x"}, {"acceptMarketing": "true"}, {"containsPreorderItems": "true"},
        {"refererId": 7}, {"customer": "lind"}, {"pickupTimeFrom": "2026-03-05", "pickupTimeTo": "2026-03-06"},
    ):  # fmt: skip
        assert order_ids(api, **query) == [first], query
    assert len(order_ids(api, totalTo="50", containsPreorderItems="no")) == 1
    for bad in ("fulfillmentStatus=LOST", "totalFrom=much", "acceptMarketing=perhaps"):
        assert api.call("GET", f"/orders?{bad}").status_code == 400


def test_the_newest_comes_first_unless_the_switch_turns(api: Any) -> None:
    orders = []
    for _ in range(3):
        orders.append(make(api))
        api.clock.pass_by(1)
    assert order_ids(api) == orders[::-1]
    api.turn(orders_sorted="oldest_first")
    assert order_ids(api) == orders


def test_the_last_order(api: Any) -> None:
    assert api.call("GET", "/orders/last").status_code == 404
    first = make(api)
    api.clock.pass_by(1)
    second = make(api, email="ben@example.com")
    make(api, paymentStatus="INCOMPLETE")
    assert api.get("/orders/last")["id"] == second
    assert api.get("/orders/last", customerEmail="ANNA@example.com")["id"] == first


def test_an_update_is_a_merge_and_its_event_has_both_statuses(api: Any, receiver: Any) -> None:
    order = make(api, orderComments="ring twice")
    api.admin("webhooks", {"url": receiver.url, "events": ["order.updated", "order.deleted"]})
    api.clock.pass_by(60)
    body = {"fulfillmentStatus": "DELIVERED", "trackingNumber": "T1", "total": 12}
    assert put(api, order, **body).json() == {"updateCount": 1}
    shown = api.get(f"/orders/{order}")
    assert (shown["total"], shown["trackingNumber"], shown["orderComments"]) == (12, "T1", "ring twice")
    assert shown["updateDate"] == "2026-03-02 12:01:00 +0000"
    [event] = receiver.wait(1)
    assert event["entityId"] == shown["internalId"]
    assert event["data"] == {
        "orderId": order, "oldPaymentStatus": "PAID", "newPaymentStatus": "PAID",
        "oldFulfillmentStatus": "AWAITING_PROCESSING", "newFulfillmentStatus": "DELIVERED",
    }  # fmt: skip
    api.call("DELETE", f"/orders/{order}")
    assert receiver.wait(2)[1]["data"] == {"orderId": order}
    assert put(api, order, total=1).status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"paymentStatus": "QUEUED"},
        {"fulfillmentStatus": "LOST"},
        {"total": -1},
        {"items": {}},
        {"hidden": True},
    ],
    ids=str,
)
def test_a_bad_field_of_an_order_is_400(api: Any, fields: dict[str, Any]) -> None:
    assert api.call("POST", "/orders", json=fields).status_code == 400


def test_an_order_may_name_its_customer_who_has_to_exist(api: Any) -> None:
    customer = api.call("POST", "/customers", json={"email": "known@example.com"}).json()["id"]
    order = api.call("POST", "/orders", json={"customerId": customer}).json()["orderid"]
    assert (api.get(f"/orders/{order}")["customerId"], api.get(f"/orders/{order}")["email"]) == (
        customer, "known@example.com",
    )  # fmt: skip
    assert api.call("POST", "/orders", json={"customerId": 99}).status_code == 404


def test_an_empty_order_is_accepted(api: Any) -> None:
    order = api.call("POST", "/orders", json={}).json()["orderid"]
    assert (api.get(f"/orders/{order}")["total"], "customerId" in api.get(f"/orders/{order}")) == (0, False)


def test_a_switch_decides_how_an_orders_coupons_are_handled(store: Open) -> None:
    api = store(rest_orders_use_coupons=False, invented_coupon="store", item_without_quantity="refuse")
    make(api, discountCoupon={"code": "FRIENDS"})
    assert api.get("/discount_coupons/FRIENDS")["orderCount"] == 0
    order = make(api, discountCoupon={"code": "INVENTED", "discount": 5})
    assert api.get(f"/orders/{order}")["discountCoupon"] == {"code": "INVENTED", "discount": 5}
    absent = api.call("POST", "/orders", json={"items": [{"name": "Tea"}]})
    assert absent.json()["errorMessage"] == "Field OrderItem.quantity is absent"


@pytest.mark.parametrize("undo", ["cancel", "delete"])
def test_a_cancelled_or_deleted_order_gives_its_coupon_back_if_the_switch_is_on(
    store: Open, undo: str
) -> None:
    api = store()

    def buy_and_undo(code: str) -> dict[str, Any]:
        api.coupon(code, usesLimit="SINGLE")
        basket = {"email": "anna@example.com", "items": [{"sku": "TEA-01"}], "coupon": code}
        order = api.admin("checkout", basket).json()["orderId"]
        if undo == "cancel":
            put(api, order, paymentStatus="CANCELLED")
        else:
            api.call("DELETE", f"/orders/{order}")
        coupon: dict[str, Any] = api.get(f"/discount_coupons/{code}")
        return coupon

    kept = buy_and_undo("KEPT")
    assert (kept["status"], kept["orderCount"]) == ("USEDUP", 1)
    api.turn(undone_orders_return_coupons=True)
    back = buy_and_undo("BACK")
    assert (back["status"], back["orderCount"]) == ("ACTIVE", 0)


def test_a_deleted_order_no_longer_counts_in_the_customers_figures(api: Any) -> None:
    order = make(api)
    customer = api.get(f"/orders/{order}")["customerId"]
    assert api.call("DELETE", f"/orders/{order}").json() == {"deleteCount": 1}
    assert api.get(f"/customers/{customer}")["stats"]["numberOfOrders"] == 0


def test_a_calculated_order_is_priced_and_not_stored(api: Any) -> None:
    coupon = {"code": "INVENTED", "discountType": "ABS", "discount": 5, "catalogLimit": {"products": [701]}}
    items = [{"productId": 701, "price": 9.5, "quantity": 2}]
    body = {"email": "a@example.com", "items": items, "discountCoupon": coupon}
    priced = api.call("POST", "/order/calculate", json=body).json()
    assert (priced["subtotal"], priced["total"]) == (19, 19)
    assert priced["discountCoupon"] == {
        **coupon,
        "orderCount": 0,
        "creationDate": "2026-03-02 12:00:00 +0000",
    }
    assert api.get("/orders")["total"] == 0


def test_an_order_has_a_link_to_repeat_it(api: Any) -> None:
    order = make(api, items=[{"productId": 701, "quantity": 2}, {"name": "Unknown"}])
    link = api.get(f"/orders/{order}/repeatURL")["repeatOrderUrl"]
    assert json.loads(unquote(link.partition("create=")[2])) == {"products": [{"id": 701, "quantity": 2}]}


def test_extra_fields_of_an_order(api: Any) -> None:
    path = f"/orders/{make(api)}/extraFields"
    assert api.get(path) == []
    assert api.call("POST", path, json={"id": "gift", "value": "yes"}).status_code == 200
    assert api.call("PUT", f"{path}/gift", json={"value": "no"}).json() == {"updateCount": 1}
    assert api.get(path) == [{"id": "gift", "value": "no"}]
    assert api.call("POST", path, json={"id": "long", "value": "x" * 256}).status_code == 400
    assert api.call("DELETE", f"{path}/gift").json() == {"deleteCount": 1}
    assert api.call("DELETE", f"{path}/gift").status_code == 404


def test_hidden_is_for_unfinished_orders_or_ignored(api: Any) -> None:
    order = make(api, hidden=True, paymentStatus="INCOMPLETE")
    assert api.get(f"/orders/{order}")["hidden"] is True
    api.turn(hidden_order="ignore")
    assert api.get(f"/orders/{make(api, hidden=True)}")["hidden"] is False


def test_an_unfinished_order_that_is_paid_becomes_real(api: Any) -> None:
    order = make(api, paymentStatus="INCOMPLETE")
    assert "customerId" not in api.get(f"/orders/{order}")
    assert put(api, order, paymentStatus="PAID").json() == {"updateCount": 1}
    shown = api.get(f"/orders/{order}")
    assert api.get(f"/customers/{shown['customerId']}")["stats"]["numberOfOrders"] == 1
    assert order_ids(api) == [order]


def test_an_invoice_of_an_order_is_created_and_sends_an_event(api: Any, receiver: Any) -> None:
    order = make(api)
    api.admin("webhooks", {"url": receiver.url, "events": ["invoice.created"]})
    made = api.call("POST", f"/orders/{order}/invoices/create-invoice").json()
    [invoice] = api.get(f"/orders/{order}/invoices")["invoices"]
    assert (invoice["id"], invoice["type"], invoice["created"]) == (
        made["id"], "SALE", "2026-03-02 12:00:00 +0000",
    )  # fmt: skip
    [event] = receiver.wait(1)
    assert (event["entityId"], event["data"]) == (invoice["internalId"], {"orderId": order})
    assert api.call("POST", "/orders/NONE/invoices/create-invoice").status_code == 404
