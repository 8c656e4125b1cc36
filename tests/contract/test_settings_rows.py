"""What the owner sets up, dictionaries, receipts and subscriptions (dossier sections 6.8 and 10.6 to 10.9), over HTTP."""

from __future__ import annotations

import requests

from tests.contract.rows import drives, refused, send
from tests.contract.test_goods_rows import PNG
from tillroll.ecwid.client import Client
from tillroll.sandbox.serve import Sandbox


@drives(
    "GET /profile/shippingOptions",
    "POST /profile/shippingOptions",
    "PUT /profile/shippingOptions/{id}",
    "DELETE /profile/shippingOptions/{id}",
)
def test_shipping_options_are_those_of_the_profile(client: Client) -> None:
    read, write = client.connection.read, client.connection.write
    before = read("/profile/shippingOptions")["items"]
    made = write("POST", "/profile/shippingOptions", body={"title": "Courier", "fulfilmentType": "delivery"})[
        "id"
    ]
    assert write("PUT", f"/profile/shippingOptions/{made}", body={"enabled": False, "id": "x"}) == {
        "updateCount": 1
    }
    (added,) = read("/profile/shippingOptions")["items"][len(before) :]
    assert (added["id"], added["title"], added["enabled"], added["fulfilmentType"]) == (
        made,
        "Courier",
        False,
        "delivery",
    )
    assert added in read("/profile")["shipping"]["shippingOptions"]
    assert write("DELETE", f"/profile/shippingOptions/{made}") == {"deleteCount": 1}
    assert read("/profile/shippingOptions")["items"] == before
    with refused(404):
        write("DELETE", f"/profile/shippingOptions/{made}")
    for body in ({}, {"title": 7}, {"title": "x", "enabled": "yes"}):
        with refused(400, "WRONG_PARAMETER"):
            write("POST", "/profile/shippingOptions", body=body)


@drives(
    "GET /profile/paymentOptions",
    "POST /profile/paymentOptions",
    "GET /profile/paymentOptions/{id}",
    "PUT /profile/paymentOptions/{id}",
    "DELETE /profile/paymentOptions/{id}",
)
def test_payment_options_are_those_of_the_profile(client: Client) -> None:
    read, write = client.connection.read, client.connection.write
    before = read("/profile/paymentOptions")["items"]
    made = write("POST", "/profile/paymentOptions", body={"checkoutTitle": "Invoice"})["id"]
    write("PUT", f"/profile/paymentOptions/{made}", body={"enabled": False})
    found = read(f"/profile/paymentOptions/{made}")
    assert (found["checkoutTitle"], found["enabled"]) == ("Invoice", False)
    assert found in read("/profile")["payment"]["paymentOptions"]
    assert write("DELETE", f"/profile/paymentOptions/{made}") == {"deleteCount": 1}
    assert read("/profile/paymentOptions")["items"] == before
    with refused(404):
        read(f"/profile/paymentOptions/{made}")


@drives(
    "GET /profile/extrafields",
    "POST /profile/extrafields",
    "GET /profile/extrafields/{key}",
    "PUT /profile/extrafields/{key}",
    "DELETE /profile/extrafields/{key}",
)
def test_the_checkout_has_extra_fields(client: Client) -> None:
    read, write = client.connection.read, client.connection.write
    made = write("POST", "/profile/extrafields", body={"title": "A card with it?", "type": "checkbox"})
    assert made["createCount"] == 1
    path = f"/profile/extrafields/{made['key']}"
    assert write("PUT", path, body={"required": True}) == {"updateCount": 1}
    found = read(path)
    assert (found["title"], found["type"], found["required"]) == ("A card with it?", "checkbox", True)
    assert read("/profile/extrafields")["items"] == [found]
    with refused(400, "WRONG_PARAMETER"):
        write("PUT", path, body={"type": "colour"})
    assert write("DELETE", path) == {"deleteCount": 1}
    with refused(404):
        read(path)


@drives(
    "POST /profile/logo",
    "DELETE /profile/logo",
    "POST /profile/invoicelogo",
    "DELETE /profile/invoicelogo",
    "POST /profile/emaillogo",
    "DELETE /profile/emaillogo",
)
def test_the_store_has_three_logos(client: Client) -> None:
    for path, field in (
        ("logo", "storeLogoUrl"),
        ("invoicelogo", "invoiceLogoUrl"),
        ("emaillogo", "emailLogoUrl"),
    ):
        assert send(client, "POST", f"/profile/{path}", PNG, "image/png").status == 200
        assert client.connection.read("/profile")["settings"][field]
        assert client.connection.write("DELETE", f"/profile/{path}") == {"deleteCount": 1}
        assert not client.connection.read("/profile")["settings"][field]


@drives("GET /domains", "PUT /domains", "GET /domains/search", "POST /domains/purchase")
def test_the_store_has_addresses_and_buys_more(client: Client) -> None:
    read, write = client.connection.read, client.connection.write
    assert read("/domains")["instantSiteDomain"]["ecwidSubdomain"] == "sample-shop"
    write("PUT", "/domains", body={"instantSiteDomain": {"thirdPartyVendorDomain": "tea.example"}})
    assert read("/profile")["generalInfo"]["starterSite"]["customDomain"] == "tea.example"
    offered = read("/domains/search", {"keyword": "Tea"})["domains"]
    assert {"name": "tea.com", "status": "available"}.items() <= offered[0].items()
    bought = write("POST", "/domains/purchase", body={"domainName": "tea.com", "firstName": "Ana"})
    assert write("PUT", "/domains", body={"purchasedDomains": [{"id": bought["id"], "primaryDomain": True}]})
    (kept,) = read("/domains")["purchasedDomains"]
    assert (kept["name"], kept["primaryDomain"]) == ("tea.com", True)
    assert read("/domains/search", {"keyword": "tea"})["domains"][0]["status"] == "taken"
    with refused(409):
        write("POST", "/domains/purchase", body={"domainName": "TEA.com"})
    with refused(400, "WRONG_PARAMETER"):
        read("/domains/search")


@drives("GET /countries", "GET /states", "GET /currencies", "GET /currencyByCountry", "GET /taxClasses")
def test_dictionaries_are_lists_in_a_language(sandbox: Sandbox, client: Client) -> None:
    def read(path: str, **query: str) -> list[dict[str, object]]:
        items: list[dict[str, object]] = client.connection.read(path, query)["items"]
        return items

    assert {"code": "SI", "name": "Slovenia"} in read("/countries")
    assert {"code": "SI", "name": "Slowenien"} in read("/countries", lang="de")
    (america,) = (one for one in read("/countries", withStates="true") if one["code"] == "US")
    assert america["states"] == read("/states", countryCode="US")
    assert {"code": "CA", "name": "California"} in read("/states", countryCode="us")
    assert read("/states", countryCode="SI") == []
    assert {"code": "USD", "name": "US Dollar"} in read("/currencies", lang="xx-nonsense")
    (euro,) = read("/currencyByCountry", countryCode="DE")
    assert (euro["currencyCode"], euro["prefix"], euro["decimalPlaces"]) == ("EUR", "€", "2")
    assert read("/taxClasses", countryCode="SI")[0]["taxClassRate"] == "22"
    assert read("/taxClasses", countryCode="US") == []
    with refused(400, "WRONG_PARAMETER"):
        read("/states")
    address = f"{sandbox.ready.base_url}/{sandbox.ready.store_id}"
    assert requests.get(f"{address}/countries", timeout=60).status_code == 200, "they need no token"
    assert requests.get(f"{address}/domains", timeout=60).status_code == 403


@drives("GET /subscriptions", "GET /subscriptions/{subscriptionId}", "PUT /subscriptions/{subscriptionId}")
def test_subscriptions_are_searched_and_changed(client: Client) -> None:
    read, write = client.connection.read, client.connection.write
    listed = read("/subscriptions")["items"]
    assert [one["created"] for one in listed] == sorted((one["created"] for one in listed), reverse=True)
    first = next(one for one in listed if one["status"] == "ACTIVE")
    path = f"/subscriptions/{first['subscriptionId']}"
    assert read(path) == first
    assert write("PUT", path, body={"status": "CANCELLED", "nextCharge": "2030-01-02 03:04:05 +0000"}) == {
        "updateCount": 1
    }
    found = read("/subscriptions", {"id": first["subscriptionId"], "status": "CANCELLED"})["items"]
    assert [one["nextCharge"] for one in found] == ["2030-01-02 03:04:05 +0000"]
    assert found[0]["cancelled"] >= first["created"]
    item, email = first["orderTemplate"]["items"][0], first["orderTemplate"]["email"]
    for query, count in (
        ({"customerId": first["customerId"]}, 1),
        ({"email": email.upper(), "productId": item["productId"]}, 1),
        ({"productId": "999999"}, 0),
        ({"nextChargeFrom": "2029-12-31"}, 1),
        ({"nextChargeTo": "2029-12-31"}, len(listed) - 1),
        ({"createdFrom": "2035-01-01"}, 0),
        ({"recurringInterval": "WEEK"}, 1),
        ({"limit": 1, "offset": 1, "sortBy": "DATE_CREATED_ASC"}, 1),
    ):
        assert read("/subscriptions", query)["count"] == count, query
    for wrong in (
        {"status": "PAUSED"},
        {"chargeSettings": {"recurringInterval": "DAY", "recurringIntervalCount": 9}},
    ):
        with refused(400, "WRONG_PARAMETER"):
            write("PUT", path, body=wrong)
    with refused(404):
        read("/subscriptions/1")


@drives("GET /orders/{orderId}/invoice", "GET /orders/{orderId}/invoice-pdf")
def test_a_receipt_is_a_page_and_a_document(client: Client) -> None:
    body = {
        "email": "a@example.com",
        "total": 19,
        "items": [{"name": "Zeli (šopek) <b>", "price": 9.5, "quantity": 2}],
    }
    order = client.connection.write("POST", "/orders", body=body)["orderid"]
    page = send(client, "GET", f"/orders/{order}/invoice")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "2 x Zeli (šopek) &lt;b&gt;: 9.50 EUR" in page.body.decode()
    document = send(client, "GET", f"/orders/{order}/invoice-pdf")
    assert document.headers["Content-Type"] == "application/pdf"
    assert document.body.startswith(b"%PDF-1.4")
    assert b"2 x Zeli \\(" in document.body
    start = int(document.body.rsplit(b"startxref\n", 1)[1].split()[0])
    assert document.body[start:].startswith(b"xref\n0 6\n"), (
        "a reader finds the table at the place that the end names"
    )
    assert send(client, "GET", "/orders/NOPE/invoice-pdf").status == 404
