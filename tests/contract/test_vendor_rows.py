"""What the vendor's own client sends and what its tests expect of the answers, over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.contract.rows import drives, refused
from tests.contract.samples import coupon, wait_for
from tests.store import turn
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.batches import InnerRequest
from tillroll.ecwid.endpoints.coupons import coupon_body
from tillroll.sandbox.serve import Sandbox


def some_product(client: Client, **fields: Any) -> int:
    return client.products.create({"sku": "NEW-01", "name": "White tea", "price": 12, **fields})


def test_a_date_may_end_in_the_name_of_its_zone(client: Client) -> None:
    for written, kept in (
        ("2026-11-28 23:47:05 UTC", "2026-11-28 23:47:05 +0000"),
        ("2026-11-28 23:47:05 GMT", "2026-11-28 23:47:05 +0000"),
        ("2026-11-28 23:47:05 GMT+01:00", "2026-11-28 22:47:05 +0000"),
        ("2026-11-28 23:47:05 -0330", "2026-11-29 03:17:05 +0000"),
    ):
        body = {**coupon_body(coupon(str(uuid.uuid4()))), "launchDate": written}
        made = client.connection.write("POST", "/discount_coupons", body=body)["id"]
        assert client.connection.read(f"/discount_coupons/{made}")["launchDate"] == kept
    for unknown in ("2026-11-28 23:47:05 XYZ", "2026-11-28 UTC+25", "UTC"):
        body = {"name": "x", "code": "X", "launchDate": unknown}
        with refused(400, "WRONG_PARAMETER", "not a date"):
            client.connection.write("POST", "/discount_coupons", body=body)


def test_a_path_in_a_batch_may_lack_its_slash(client: Client) -> None:
    paths = ["products?limit=1", "/products?limit=1"]
    requests = [InnerRequest(id=path, method="GET", path=path, body="") for path in paths]
    ticket = client.batches.create(requests, deduplication_key=str(uuid.uuid4()), group="g", parallel=False)
    assert [(one.status, len(one.body["items"])) for one in wait_for(client, ticket).answers] == [
        (200, 1)
    ] * 2
    for none in ("", "/", "//evil.example/x", "batch", "/batch?x=1"):
        with refused(400):
            client.connection.write("POST", "/batch", body=[{"method": "GET", "path": none}])


def test_an_order_that_is_brought_in_keeps_its_date_and_its_items_get_ids(client: Client) -> None:
    items = [
        {"name": "Sencha", "price": 9.5, "quantity": 1},
        {"id": 7, "name": "Assam", "price": 7.9, "quantity": 2},
    ]
    body = {
        "email": "old@example.com",
        "total": 25.3,
        "items": items,
        "createDate": "2019-05-04 03:02:01 +0000",
    }
    made = client.connection.write("POST", "/orders", body=body)
    kept = client.connection.read(f"/orders/{made['orderid']}")
    assert kept["createDate"] == "2019-05-04 03:02:01 +0000"
    assert kept["createTimestamp"] < kept["updateTimestamp"]
    first, second = (item["id"] for item in kept["items"])
    assert second == 7
    assert first not in {None, 0, 7}
    other = client.connection.write(
        "POST", "/orders", body={"email": "new@example.com", "items": [{"name": "Mint"}]}
    )
    (item,) = client.connection.read(f"/orders/{other['orderid']}")["items"]
    assert item["id"] != first
    stats = client.connection.read("/customers", {"email": "old@example.com"})["items"][0]["stats"]
    assert stats["firstOrderDate"] == "2019-05-04 03:02:01 +0000"


def test_a_calculated_order_says_whose_it_is(client: Client) -> None:
    body = {"customerId": 5, "items": [{"name": "Sencha", "price": 9.5, "quantity": 2}]}
    told = client.connection.write("POST", "/order/calculate", body=body)
    assert (told["customerId"], told["total"]) == (5, 19)


def test_stock_below_zero_is_told_in_the_vendors_words(client: Client) -> None:
    product = some_product(client, quantity=4)
    told = client.connection.write("PUT", f"/products/{product}/inventory", body={"quantityDelta": -5})
    assert told == {"updateCount": 1, "warning": "Product has negative stock."}


def test_a_variation_keeps_its_volume_and_its_customs_number(client: Client) -> None:
    product = some_product(client)
    body = {"options": [{"name": "Size", "value": "L"}], "volume": 0.25, "customsHsTariffCode": "0902.10"}
    made = client.products.create_variation(product, body)
    kept = client.connection.read(f"/products/{product}/combinations/{made}")
    assert (kept["volume"], kept["customsHsTariffCode"]) == (0.25, "0902.10")


def test_a_product_without_images_has_an_empty_list_of_them(client: Client) -> None:
    assert client.connection.read(f"/products/{some_product(client)}")["media"]["images"] == []


def test_an_empty_category_has_no_list_of_products_and_one_with_some_has(client: Client) -> None:
    category = client.connection.write("POST", "/categories", body={"name": "Empty"})["id"]
    product = some_product(client)

    def shown() -> dict[str, Any]:
        listed = client.connection.read("/categories", {"productIds": "true"})["items"]
        return next(one for one in listed if one["id"] == category)

    assert "productIds" not in shown()
    path = f"/categories/{category}"
    assert client.connection.write("POST", f"{path}/assignProducts", body={"productIds": [product]}) == {
        "updateCount": 1
    }
    assert shown()["productIds"] == [product]
    taken = [
        client.connection.write("POST", f"{path}/unassignProducts", body={"productIds": [product]})
        for _ in "ab"
    ]
    assert taken == [{"deleteCount": 1}, {"deleteCount": 0}], "the second time, it isn't there"
    assert "productIds" not in shown()


def test_the_profile_has_the_design_and_the_address_of_the_site_can_change(client: Client) -> None:
    assert client.connection.read("/profile")["designSettings"]
    site = {"starterSite": {"customDomain": "tea.example"}, "storeId": 7}
    assert client.connection.write("PUT", "/profile", body={"generalInfo": site}) == {"updateCount": 1}
    told = client.connection.read("/profile")["generalInfo"]
    assert told["starterSite"]["customDomain"] == "tea.example"
    assert told["starterSite"]["ecwidSubdomain"] == "sample-shop"
    assert told["storeId"] != 7


def test_attributes_of_other_sales_channels_are_kept(client: Client) -> None:
    kinds = ["EBAY_SHIPPING", "EXTERNAL_TAGS", "TAGS", "SUPPLIER"]
    body = {"name": "Loose tea", "attributes": [{"name": kind, "type": kind} for kind in kinds]}
    made = client.connection.write("POST", "/classes", body=body)["id"]
    assert [one["type"] for one in client.connection.read(f"/classes/{made}")["attributes"]] == kinds
    body = {"name": "Loose tea", "attributes": [{"name": "x", "type": "INVENTED"}]}
    with refused(400, "WRONG_PARAMETER"):
        client.connection.write("POST", "/classes", body=body)


def test_products_are_sorted_by_the_day_they_were_received(client: Client) -> None:
    some_product(client)
    found = client.connection.read("/products", {"sortBy": "IN_STORE_RECEIVED_DATE_DESC"})["items"]
    assert found[0]["sku"] == "NEW-01"


def test_a_bare_name_is_that_of_the_person_who_is_billed(client: Client) -> None:
    for sent, name in (
        ({"email": "a@example.com"}, "Živa Kovač"),
        ({"email": "b@example.com", "billingPerson": {"city": "Ptuj"}}, "Živa Kovač"),
        ({"email": "c@example.com", "billingPerson": {"name": "Ana Novak"}}, "Ana Novak"),
    ):
        made = client.connection.write("POST", "/customers", body={"name": "Živa Kovač", **sent})["id"]
        kept = client.connection.read(f"/customers/{made}")
        assert (kept["name"], kept["billingPerson"]["name"]) == (name, name)


@pytest.mark.parametrize("status_search", ["every", "written"])
@drives("GET /discount_coupons")
def test_coupons_are_searched_by_a_status_of_the_stores_own_or_that_is_refused(
    sandbox: Sandbox, client: Client, status_search: str
) -> None:
    turn(sandbox, status_search=status_search, store_statuses_sent="accept")
    made = client.coupons.create(coupon())
    client.coupons.update(made, {"status": "USEDUP"})
    assert made not in {one.coupon_id for one in client.coupons.every(statuses=["ACTIVE", "PAUSED"])}
    if status_search == "written":
        with refused(400, "WRONG_PARAMETER"):
            list(client.coupons.every(statuses=["USEDUP"]))
    else:
        assert [one.coupon_id for one in client.coupons.every(statuses=["USEDUP"])] == [made]
