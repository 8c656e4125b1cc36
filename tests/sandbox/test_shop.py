"""The sample shop, and the queries that campaigns make about customers, orders, catalog and profile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tillroll.clock import SystemClock
from tillroll.sandbox import PortInUse, Switches
from tillroll.sandbox.serve import Sandbox

Open = Callable[..., Any]
DAY = 86_400


def everything(api: Any, path: str, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while True:
        page = api.get(path, offset=len(items), **query)
        items += page["items"]
        if not page["items"]:
            return items


def test_the_shop_has_every_kind_of_customer(seeded_shop: Any) -> None:
    people = everything(seeded_shop, "/customers")
    assert len(people) == len({customer["email"].lower() for customer in people}) == 1500
    consents = [customer.get("acceptMarketing", "absent") for customer in people]
    shares = {consent: consents.count(consent) / 1500 for consent in (True, False, "absent")}
    assert (0.65 < shares[True] < 0.75, 0.15 < shares[False] < 0.25, 0.05 < shares["absent"] < 0.15) == (
        True,
    ) * 3
    assert {"en", "sl", "de", "it", "ar"} <= {customer.get("lang") for customer in people}
    assert {"SI", "AT", "DE", "IT", "GB", "US", "NO", "AE"} <= {
        customer["billingPerson"]["countryCode"] for customer in people
    }
    names = [customer.get("name", "") for customer in people]
    assert "" in names
    assert any("م" in name or "ن" in name for name in names)
    assert any("'" in name for name in names)
    assert any(name and " " not in name for name in names)
    assert {customer["email"].rpartition("@")[2] for customer in people} == {
        "example.com",
        "example.net",
        "example.org",
    }


def test_about_a_fifth_of_the_customers_bought_twice_and_then_lapsed(seeded_shop: Any) -> None:
    now = seeded_shop.clock.now().timestamp()
    people = everything(seeded_shop, "/customers", minOrderCount=2)
    silent = [customer for customer in people if moment(customer["stats"]["lastOrderDate"]) < now - 90 * DAY]
    assert 0.15 < len(silent) / 1500 < 0.27


def test_figures_agree_with_the_orders(seeded_shop: Any) -> None:
    orders = everything(
        seeded_shop, "/orders", responseFields="items(customerId,total,paymentStatus,createDate)"
    )
    by_customer: dict[int, list[dict[str, Any]]] = {}
    for order in orders:
        if order["paymentStatus"] not in {"CANCELLED", "REFUNDED"}:
            by_customer.setdefault(order["customerId"], []).append(order)
    for customer in everything(seeded_shop, "/customers"):
        own, stats = by_customer.get(customer["id"], []), customer["stats"]
        assert stats["numberOfOrders"] == len(own)
        assert stats["salesValue"] == pytest.approx(sum(order["total"] for order in own), abs=0.01)
        assert stats.get("lastOrderDate") == max((order["createDate"] for order in own), default=None)


def test_the_same_seed_makes_the_same_shop(store: Open) -> None:
    first, second = store(customers=50), store(customers=50)
    assert everything(first, "/customers") == everything(second, "/customers")


def test_customers_are_found_by_the_filters_that_campaigns_use(seeded_shop: Any) -> None:
    customer = seeded_shop.get("/customers", minOrderCount=3, limit=1)["items"][0]
    person = seeded_shop.get(f"/customers/{customer['id']}")
    assert person == customer
    page = seeded_shop.get("/customers", email=customer["email"].upper(), useExactEmailMatch="true")
    assert [each["id"] for each in page["items"]] == [customer["id"]]
    assert page["allCustomerCount"] == 1500
    for query, holds in (
        ({"acceptMarketing": "true"}, lambda each: each["acceptMarketing"] is True),
        ({"lang": "sl"}, lambda each: each["lang"] == "sl"),
        ({"countryCodes": "NO,AE"}, lambda each: each["billingPerson"]["countryCode"] in {"NO", "AE"}),
        ({"customerGroupIds": "1"}, lambda each: each["customerGroupName"] == "Staff"),
        ({"keyword": "ŽIŽEK"}, lambda each: "Žižek" in each["name"]),
        ({"minSalesValue": "100.5"}, lambda each: each["stats"]["salesValue"] >= 100.5),
        ({"maxOrderCount": "0"}, lambda each: each["stats"]["numberOfOrders"] == 0),
    ):
        items = seeded_shop.get("/customers", **query)["items"]
        assert items, query
        assert all(holds(each) for each in items), query


def test_a_wildcard_in_a_search_is_a_plain_character(seeded_shop: Any) -> None:
    assert seeded_shop.get("/customers", email="customer_")["total"] == 0
    assert seeded_shop.get("/customers", keyword="%")["total"] == 0


@pytest.mark.parametrize(
    "by", ["NAME", "EMAIL", "ORDER_COUNT", "SALES_VALUE", "LAST_ORDER_DATE", "FIRST_ORDER_DATE"]
)
def test_customers_sort_both_ways(seeded_shop: Any, by: str) -> None:
    first = seeded_shop.get("/customers", sortBy=f"{by}_ASC", limit=1)["items"][0]
    last = seeded_shop.get("/customers", sortBy=f"{by}_DESC", limit=1)["items"][0]
    assert first["id"] != last["id"]
    assert seeded_shop.call("GET", "/customers?sortBy=AGE_ASC").status_code == 400


@pytest.mark.parametrize("by", ["REGISTERED_DATE", "UPDATED_DATE"])
def test_date_filters_agree_with_the_sort_order(seeded_shop: Any, by: str) -> None:
    field, prefix = {"REGISTERED_DATE": ("registered", "created"), "UPDATED_DATE": ("updated", "updated")}[by]
    newest = seeded_shop.get("/customers", sortBy=f"{by}_DESC", limit=10)["items"]
    at = moment(newest[-1][field])
    assert seeded_shop.get("/customers", **{f"{prefix}From": at})["total"] == 10
    assert seeded_shop.get("/customers", **{f"{prefix}To": at})["total"] >= 1491


def test_consent_may_be_withdrawn(store: Open) -> None:
    api = store(customers=3)
    api.clock.pass_by(60)
    assert api.call("PUT", "/customers/1", json={"acceptMarketing": False}).json() == {"updateCount": 1}
    customer = api.get("/customers/1")
    assert (customer["acceptMarketing"], customer["updated"]) == (False, "2026-03-02 12:01:00 +0000")
    assert api.call("PUT", "/customers/99", json={}).status_code == 404


def test_a_used_address_is_a_conflict(api: Any) -> None:
    assert api.call("POST", "/customers", json={"email": "Anna@example.com"}).status_code == 200
    assert api.call("POST", "/customers", json={"email": "anna@EXAMPLE.com"}).status_code == 409


def test_searches_lag_behind_writes_and_reads_do_not(store: Open) -> None:
    api = store(index_lag=1.5, index_lag_spread=3.5)
    customer = api.call("POST", "/customers", json={"email": "late@example.com"}).json()["id"]
    assert api.get(f"/customers/{customer}")["email"] == "late@example.com"
    assert api.get("/customers")["total"] == 0
    api.clock.pass_by(5.1)
    assert api.get("/customers")["total"] == 1
    now = int(api.clock.now().timestamp())
    api.call("PUT", f"/customers/{customer}", json={"acceptMarketing": True})
    assert api.get("/customers")["total"] == 1, "a changed customer never vanishes from the list"
    assert api.get("/customers", updatedFrom=now)["total"] == 0
    api.clock.pass_by(5.1)
    assert api.get("/customers", updatedFrom=now)["total"] == 1


def test_an_order_by_rest_keeps_its_totals_and_uses_its_coupon(api: Any) -> None:
    body = {
        "email": "anna@example.com",
        "subtotal": 40,
        "total": 34,
        "couponDiscount": 6,
        "paymentStatus": "PAID",
        "discountCoupon": {"code": "friends", "discount": 99},
        "items": [{"name": "Green tea"}],
    }
    made = api.call("POST", "/orders", json=body).json()
    order = api.get(f"/orders/{made['orderid']}")
    assert (order["total"], order["couponDiscount"], order["items"][0]["quantity"]) == (34, 6, 1)
    assert (order["discountCoupon"]["code"], order["discountCoupon"]["discount"]) == ("FRIENDS", 20)
    assert order["discountCoupon"]["orderCount"] == 0
    assert api.get("/discount_coupons/FRIENDS")["orderCount"] == 1
    assert api.get(f"/orders/{made['id']}") == order
    for query in ({"couponCode": "FRIENDS"}, {"email": "ANNA@example.com"}, {"ids": str(made["id"])}):
        assert [each["id"] for each in api.get("/orders", **query)["items"]] == [made["orderid"]]


def test_an_unknown_coupon_is_not_kept_in_an_order(api: Any) -> None:
    body = {"email": "a@example.com", "discountCoupon": {"code": "INVENTED"}}
    made = api.call("POST", "/orders", json=body).json()
    assert "discountCoupon" not in api.get(f"/orders/{made['orderid']}")
    assert api.call("POST", "/orders", json={"total": "much"}).status_code == 400


def test_unfinished_orders_show_only_when_asked_for(api: Any) -> None:
    api.call("POST", "/orders", json={"email": "a@example.com", "paymentStatus": "INCOMPLETE"})
    assert api.get("/orders")["total"] == 0
    assert api.get("/orders", paymentStatus="INCOMPLETE,PAID")["total"] == 1
    assert api.call("GET", "/orders?paymentStatus=QUEUED").status_code == 400
    assert api.call("GET", "/orders/NONE").json()["errorCode"] == "ORDER_NOT_FOUND"


def test_a_refunded_order_no_longer_counts_in_the_figures(api: Any) -> None:
    made = api.call("POST", "/orders", json={"email": "a@example.com", "total": 50}).json()
    customer = api.get("/orders")["items"][0]["customerId"]
    assert api.get(f"/customers/{customer}")["stats"]["salesValue"] == 50
    api.call("PUT", f"/orders/{made['orderid']}", json={"paymentStatus": "REFUNDED"})
    assert api.get(f"/customers/{customer}")["stats"]["numberOfOrders"] == 0


def test_the_catalog_and_the_profile_can_be_read(api: Any) -> None:
    products = api.get("/products")
    assert products["total"] == 26
    assert {"sku", "name", "price", "quantity", "costPrice"} <= products["items"][0].keys()
    assert api.get("/products", sku="POT-01")["items"][0]["name"] == "Cast-iron pot"
    assert api.call("GET", "/products/1").json()["errorCode"] == "PRODUCT_NOT_FOUND"
    assert api.get("/categories")["total"] == 4
    assert api.get("/categories/1")["name"] == "Green tea"
    profile = api.get("/profile")
    assert (profile["formatsAndUnits"]["currency"], profile["formatsAndUnits"]["timezone"]) == (
        "EUR",
        "Europe/Ljubljana",
    )
    assert "DISCOUNT_COUPONS" in profile["account"]["availableFeatures"]


def test_the_timestamp_of_an_area_changes_with_it(api: Any) -> None:
    before = api.get("/latest-stats")
    api.clock.pass_by(60)
    api.coupon("STAMP")
    after = api.get("/latest-stats")
    assert {name for name in after if after[name] != before[name]} == {"discountCouponsUpdated"}


def test_a_port_in_use_is_named(tmp_path: Path, api: Any) -> None:
    port = int(api.base_url.split(":")[2].split("/")[0])
    with pytest.raises(PortInUse) as taken:
        Sandbox(port=port, directory=tmp_path, customers=0, seed=1, switches=Switches(), clock=SystemClock())
    assert taken.value.port == port
    assert requests.get(f"http://127.0.0.1:{port}/sandbox/health", timeout=60).json() == {"status": "ok"}


def moment(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z").timestamp())


def test_the_file_of_an_older_sandbox_still_opens(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "sandbox.sqlite3")
    old.executescript("""
        create table facts (name text primary key, value text not null);
        insert into facts values ('seeded', '1 customers, seed 1');
        create table coupons (
            id integer primary key autoincrement, code text not null unique, created real not null,
            updated real not null, body text not null);
        insert into coupons values (7, 'OLD', 1000, 1000, '{"name":"Old","code":"OLD","discountType":"PERCENT",
            "status":"PAUSED","discount":5,"launchDate":1000,"usesLimit":"UNLIMITED",
            "applicationLimit":"UNLIMITED","orderCount":0}');
        create table customers (
            id integer primary key, email text not null unique, registered real not null, updated real not null,
            searchable real not null, orders integer not null, spent real not null, first_order real,
            last_order real, consent integer, lang text not null, country text not null,
            group_name text not null, name text not null, body text not null);
        insert into customers values (3, 'a@example.com', 1000, 1000, 0, 0, 0, null, null, 1, 'en', 'SI', 'Staff',
            'Anna', '{"email":"a@example.com","billingPerson":{"name":"Anna"}}');
        create table orders (
            number integer primary key, id text not null unique, customer integer, email text not null,
            created real not null, updated real not null, searchable real not null, status text not null,
            coupon text not null, total real not null, body text not null);
        insert into orders values (100001, 'ABCDE', 3, 'a@example.com', 1000, 1000, 0, 'PAID', '', 9, '{}');
        insert into orders values (100002, 'ABCDF', 3, 'a@example.com', 1000, 1000, 0, 'INCOMPLETE', '', 9, '{}');
        create table products (id integer primary key, sku text not null unique, body text not null);
        insert into products values (701, 'TEA-01', '{"name":"Sencha","price":9,"unlimited":true}');
        create table categories (id integer primary key, body text not null);
    """)
    old.close()
    for _ in range(2):
        sandbox = Sandbox(
            port=0, directory=tmp_path, customers=9, seed=1, switches=Switches(), clock=SystemClock()
        )
        ready = sandbox.ready
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {ready.token}"
        base = f"{ready.base_url}/{ready.store_id}"
        paused = session.get(f"{base}/discount_coupons?availability=PAUSED", timeout=60).json()
        customer = session.get(f"{base}/customers/3", timeout=60).json()
        assert [coupon["code"] for coupon in paused["items"]] == ["OLD"]
        assert (customer["customerGroupName"], customer["acceptMarketing"]) == ("Staff", True)
        assert session.get(f"{base}/orders", timeout=60).json()["items"][0]["id"] == "ABCDE"
        assert session.get(f"{base}/carts", timeout=60).json()["items"][0]["cartId"]
        assert session.get(f"{base}/products?sku=TEA-01", timeout=60).json()["items"][0]["price"] == 9
        session.close()
        sandbox.close()
