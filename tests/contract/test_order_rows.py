"""Every row of the dossier's tables of orders and carts (sections 6 and 7), through the client, over HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import pytest

from tests.contract.rows import drives, refused
from tests.contract.samples import coupon
from tests.store import turn
from tillroll.ecwid.client import Client
from tillroll.sandbox.serve import Sandbox

MISSING = "NONE1"


def make(client: Client, **body: Any) -> str:
    """Create an order and return its public id. The answer's `id` is the old number."""
    sent = {"email": "anna@example.com", "total": 12, "subtotal": 10, "paymentStatus": "PAID", **body}
    answer = client.connection.write("POST", "/orders", body=sent)
    assert isinstance(answer["id"], int)
    return str(answer["orderid"])


def leave(client: Client, email: str = "cart@example.com") -> str:
    """Abandon a cart and return its id, which the answer to its creation lacks."""
    items = [{"productId": 701, "name": "Sencha", "price": 9.5, "quantity": 1}]
    make(client, email=email, paymentStatus="INCOMPLETE", items=items)
    return next(cart.cart_id for cart in client.carts.every() if cart.email == email)


@drives("POST /orders", "GET /orders/{orderId}", "PUT /orders/{orderId}", "DELETE /orders/{orderId}")
def test_an_order_is_made_with_its_own_totals_changed_and_deleted(client: Client) -> None:
    order = make(client, orderComments="čaj 🍵", fulfillmentStatus="PROCESSING")
    found = client.orders.get(order)
    assert (found.total, found.subtotal, found.email) == (12, 10, "anna@example.com")
    change = {"fulfillmentStatus": "SHIPPED", "trackingNumber": "T1"}
    assert client.connection.write("PUT", f"/orders/{order}", body=change) == {"updateCount": 1}
    raw = client.connection.read(f"/orders/{order}")
    assert (raw["fulfillmentStatus"], raw["trackingNumber"], raw["orderComments"]) == (
        "SHIPPED",
        "T1",
        "čaj 🍵",
    )
    assert client.orders.get(str(raw["orderNumber"])) == client.orders.get(order), "the number works too"
    assert client.connection.write("DELETE", f"/orders/{order}") == {"deleteCount": 1}
    words = f"Order #{order} not found"
    with refused(404, "ORDER_NOT_FOUND", words):
        client.orders.get(order)
    with refused(404, "ORDER_NOT_FOUND", words):
        client.connection.write("PUT", f"/orders/{order}", body={})
    with refused(404, "ORDER_NOT_FOUND", words):
        client.connection.write("DELETE", f"/orders/{order}")


@drives("GET /orders", "GET /orders/last", "GET /orders/deleted")
def test_orders_the_last_one_and_deletions_are_listed(client: Client) -> None:
    order = make(client, email="last@example.com")
    assert [one.order_id for one in client.orders.every(filters={"email": "last@example.com"})] == [order]
    assert client.connection.read("/orders/last")["id"] == order
    query = {"customerEmail": "last@example.com", "responseFields": "id"}
    assert client.connection.read("/orders/last", query) == {"id": order}
    with refused(404, "ORDER_NOT_FOUND"):
        client.connection.read("/orders/last", {"customerEmail": "nobody@example.com"})
    client.connection.write("DELETE", f"/orders/{order}")
    gone = list(client.orders.deleted(datetime.now(UTC) - timedelta(hours=1)))
    assert [one.id for one in gone] == [order]
    assert gone[0].at is not None


@pytest.mark.parametrize("deleted_orders", ["both", "number", "text"])
def test_a_deleted_order_is_told_by_its_number_its_public_id_or_both(
    sandbox: Sandbox, client: Client, deleted_orders: str
) -> None:
    order = make(client)
    number = client.orders.get(order).number
    client.connection.write("DELETE", f"/orders/{order}")
    turn(sandbox, deleted_orders=deleted_orders)
    (gone,) = client.orders.deleted(datetime.now(UTC) - timedelta(hours=1))
    told = {"both": (order, number), "number": ("", number), "text": (order, None)}
    assert (gone.id, gone.number) == told[deleted_orders]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"paymentStatus": "QUEUED"}, 400), ({"fulfillmentStatus": "LOST"}, 400), ({"total": -1}, 400),
        ({"items": {}}, 400), ({"customerId": 999_999}, 404),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_order_is_refused(client: Client, body: dict[str, Any], status: int) -> None:
    with refused(status):
        make(client, **body)


@pytest.mark.parametrize("item_without_quantity", ["accept", "refuse"])
def test_an_item_may_lack_its_quantity_or_not(
    sandbox: Sandbox, client: Client, item_without_quantity: str
) -> None:
    turn(sandbox, item_without_quantity=item_without_quantity)
    if item_without_quantity == "refuse":
        with refused(400, words="Field OrderItem.quantity is absent"):
            make(client, items=[{"name": "Tea"}])
    else:
        (item,) = client.orders.get(make(client, items=[{"name": "Tea"}])).items
        assert item.quantity == 1


@pytest.mark.parametrize("rest_orders_use_coupons", [True, False])
@pytest.mark.parametrize("invented_coupon", ["drop", "store"])
def test_an_orders_coupon_is_the_stores_own_whatever_becomes_of_invented_ones(
    sandbox: Sandbox, client: Client, rest_orders_use_coupons: bool, invented_coupon: str
) -> None:
    turn(sandbox, rest_orders_use_coupons=rest_orders_use_coupons, invented_coupon=invented_coupon)
    coupon_id = client.coupons.create(coupon(uses_limit="UNLIMITED"))
    order = make(client, discountCoupon={"code": "till-test", "discount": 99}, couponDiscount=2)
    assert client.orders.get(order).coupon_code == "TILL-TEST"
    assert client.coupons.get(coupon_id).order_count == int(rest_orders_use_coupons)
    invented = client.orders.get(make(client, discountCoupon={"code": "INVENTED"}))
    assert invented.coupon_code == ("INVENTED" if invented_coupon == "store" else "")


@pytest.mark.parametrize("undone_orders_return_coupons", [True, False])
@pytest.mark.parametrize("undo", ["cancel", "delete"])
def test_a_coupon_of_an_undone_order_is_shown_as_the_store_counts_it(
    sandbox: Sandbox, client: Client, undone_orders_return_coupons: bool, undo: str
) -> None:
    turn(sandbox, undone_orders_return_coupons=undone_orders_return_coupons)
    coupon_id = client.coupons.create(coupon(uses_limit="SINGLE", application_limit="UNLIMITED"))
    order = make(client, discountCoupon={"code": "TILL-TEST"})
    assert client.coupons.get(coupon_id).status == "USEDUP"
    if undo == "cancel":
        client.connection.write("PUT", f"/orders/{order}", body={"paymentStatus": "CANCELLED"})
    else:
        client.connection.write("DELETE", f"/orders/{order}")
    found = client.coupons.get(coupon_id)
    assert (found.status, found.order_count) == (
        ("ACTIVE", 0) if undone_orders_return_coupons else ("USEDUP", 1)
    )


@pytest.mark.parametrize("hidden_order", ["refuse", "ignore"])
def test_hidden_is_for_unfinished_orders(sandbox: Sandbox, client: Client, hidden_order: str) -> None:
    turn(sandbox, hidden_order=hidden_order)
    assert client.connection.read(f"/orders/{make(client, hidden=True, paymentStatus='INCOMPLETE')}")[
        "hidden"
    ]
    if hidden_order == "refuse":
        with refused(400):
            make(client, hidden=True)
    else:
        assert client.connection.read(f"/orders/{make(client, hidden=True)}")["hidden"] is False


@drives("POST /order/calculate", "GET /orders/{orderId}/repeatURL")
def test_an_order_is_priced_without_being_kept_and_repeated_by_a_link(client: Client) -> None:
    before, items = client.orders.count(), [{"productId": 701, "price": 9.5, "quantity": 2}]
    offer = {"code": "INVENTED", "discountType": "ABS", "discount": 5, "catalogLimit": {"products": [701]}}
    asked = {"email": "a@example.com", "items": items, "discountCoupon": offer}
    priced = client.connection.write("POST", "/order/calculate", body=asked)
    assert (priced["subtotal"], priced["discountCoupon"]["orderCount"]) == (19, 0)
    assert priced["discountCoupon"].items() >= offer.items()
    assert client.orders.count() == before
    link = client.connection.read(f"/orders/{make(client, items=items)}/repeatURL")["repeatOrderUrl"]
    assert json.loads(unquote(link.partition("create=")[2])) == {"products": [{"id": 701, "quantity": 2}]}
    with refused(404, "ORDER_NOT_FOUND"):
        client.connection.read(f"/orders/{MISSING}/repeatURL")


@drives("GET /orders/{orderId}/invoices", "POST /orders/{orderId}/invoices/create-invoice")
def test_invoices_of_a_sale_and_of_its_end(client: Client) -> None:
    order = make(client)
    path = f"/orders/{order}/invoices"
    assert client.connection.read(path) == {"invoices": []}
    first = client.connection.write("POST", f"{path}/create-invoice")
    client.connection.write("PUT", f"/orders/{order}", body={"paymentStatus": "REFUNDED"})
    client.connection.write("POST", f"{path}/create-invoice")
    found = client.connection.read(path)["invoices"]
    assert [one["type"] for one in found] == ["SALE", "FULL_CANCEL"]
    assert found[0].keys() == {"internalId", "id", "created", "link", "type"}
    assert found[0]["id"] == first["id"]
    assert client.connection.read(path, {"responseFields": "invoices(type)"})["invoices"][0] == {
        "type": "SALE"
    }
    with refused(404, "ORDER_NOT_FOUND"):
        client.connection.read(f"/orders/{MISSING}/invoices")


@drives(
    "GET /orders/{orderId}/extraFields",
    "POST /orders/{orderId}/extraFields",
    "PUT /orders/{orderId}/extraFields/{extraFieldId}",
    "DELETE /orders/{orderId}/extraFields/{extraFieldId}",
)
def test_extra_fields_of_an_order_hold_255_characters(client: Client) -> None:
    path = f"/orders/{make(client)}/extraFields"
    client.connection.write("POST", path, body={"id": "gift", "value": "yes"})
    assert client.connection.write("PUT", f"{path}/gift", body={"value": "no"}) == {"updateCount": 1}
    assert client.connection.read(path)["items"] == [{"id": "gift", "value": "no"}]
    with refused(400):
        client.connection.write("POST", path, body={"id": "long", "value": "x" * 256})
    assert client.connection.write("DELETE", f"{path}/gift") == {"deleteCount": 1}
    with refused(404):
        client.connection.write("DELETE", f"{path}/gift")


@drives("GET /profile/order_statuses", "GET /profile/order_status/{id}", "PUT /profile/order_status/{id}")
def test_the_owner_names_the_custom_statuses(client: Client) -> None:
    every = client.connection.read("/profile/order_statuses")["items"]
    assert {"PAID", "SHIPPED", "CUSTOM_PAYMENT_STATUS_1"} <= {one["statusId"] for one in every}
    path = "/profile/order_status/CUSTOM_FULFILLMENT_STATUS_1"
    change = {"name": "Gift-wrapped", "enabled": True}
    assert client.connection.write("PUT", path, body=change) == {"updateCount": 1}
    assert client.connection.read(path).items() >= change.items()
    with refused(404):
        client.connection.read("/profile/order_status/LOST")


@drives("GET /carts", "GET /carts/{cartId}", "PUT /carts/{cartId}")
def test_a_cart_may_be_hidden_and_little_else(client: Client) -> None:
    cart = leave(client)
    change = {"hidden": True, "email": "x@example.com"}
    assert client.connection.write("PUT", f"/carts/{cart}", body=change) == {"updateCount": 1}
    found = client.carts.get(cart)
    assert (found.hidden, found.email) == (True, "cart@example.com")
    shown = client.connection.read("/carts", {"showHidden": "false"})["items"]
    assert cart not in {one["cartId"] for one in shown}
    with refused(404):
        client.carts.get(str(uuid4()).upper())
    with refused(400):
        client.connection.write("PUT", f"/carts/{cart}", body={"hidden": "yes"})


@pytest.mark.parametrize("unplaceable_cart", [422, 400, 404, 409])
@drives("POST /carts/{cartId}/place")
def test_a_cart_is_placed_once(sandbox: Sandbox, client: Client, unplaceable_cart: int) -> None:
    turn(sandbox, unplaceable_cart=unplaceable_cart)
    cart = leave(client)
    placed = client.connection.write("POST", f"/carts/{cart}/place")
    assert placed.keys() == {"id", "orderNumber", "vendorOrderNumber", "cartId"}
    assert client.orders.get(placed["id"]).payment_status == "AWAITING_PAYMENT"
    assert client.carts.get(cart).recovered_order == placed["orderNumber"]
    with refused(unplaceable_cart):
        client.connection.write("POST", f"/carts/{cart}/place")
