"""Customers: every filter, their groups, contacts and extra fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Open = Callable[..., Any]


def make(api: Any, email: str, **body: Any) -> int:
    answer = api.call("POST", "/customers", json={"email": email, **body})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["id"])


def put(api: Any, path: str, **body: Any) -> Any:
    return api.call("PUT", path, json=body)


def emails(api: Any, **query: Any) -> list[str]:
    return [customer["email"] for customer in api.get("/customers", **query)["items"]]


def test_a_customer_reads_back_with_what_was_written(api: Any) -> None:
    person = {"name": "Anna Lind", "countryCode": "SE", "city": "Malmö"}
    number = make(api, "Anna@example.com", billingPerson=person, acceptMarketing=True, lang="en")
    shown = api.get(f"/customers/{number}")
    assert (shown["email"], shown["name"], shown["lang"]) == ("Anna@example.com", "Anna Lind", "en")
    assert shown["billingPerson"] == {**person, "firstName": "Anna", "lastName": "Lind"}
    assert (shown["customerGroupId"], shown["customerGroupName"]) == (0, "General")
    assert shown["stats"] == {"numberOfOrders": 0, "salesValue": 0, "averageOrderValue": 0}
    assert (shown["contacts"][0]["type"], shown["contacts"][0]["contact"]) == ("EMAIL", "Anna@example.com")
    assert "acceptMarketing" not in api.get(f"/customers/{make(api, 'b@example.com')}")


def test_an_update_is_a_merge(api: Any) -> None:
    number = make(api, "anna@example.com", billingPerson={"name": "Anna Lind", "city": "Lund"}, lang="en")
    path = f"/customers/{number}"
    body = {"billingPerson": {"name": "Anna"}, "privateAdminNotes": "kind", "taxExempt": True}
    assert put(api, path, **body).json() == {"updateCount": 1}
    shown = api.get(path)
    assert shown["billingPerson"] == {"name": "Anna", "city": "Lund"}
    assert (shown["name"], shown["privateAdminNotes"], shown["lang"]) == ("Anna", "kind", "en")
    make(api, "ben@example.com")
    assert put(api, path, email="BEN@example.com").status_code == 409
    assert put(api, path, acceptMarketing="yes").status_code == 400
    assert put(api, path, customerGroupId=77).status_code == 404


def test_a_customers_language_must_be_one_of_the_stores_unless_the_switch_allows_any(api: Any) -> None:
    answer = api.call("POST", "/customers", json={"email": "a@example.com", "lang": "fr"})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "LANGUAGES_NOT_ALLOWED")
    api.turn(unknown_language="accept")
    make(api, "a@example.com", lang="fr")
    assert emails(api, lang="fr") == ["a@example.com"]


def test_customers_are_found_by(api: Any) -> None:
    home = {
        "name": "Anna Lind",
        "city": "Malmö",
        "postalCode": "21119",
        "countryCode": "SE",
        "phone": "+46 40 1",
    }
    away = {"city": "Trieste", "countryCode": "IT", "companyName": "Caffè"}
    make(api, "anna@example.com", billingPerson=home, shippingAddresses=[away], acceptMarketing=True)
    make(
        api,
        "ben@example.com",
        billingPerson={"name": "Ben", "countryCode": "GB"},
        b2b_b2c="b2b",
        taxExempt=True,
    )
    for query in (
        {"keyword": "LIND"}, {"name": "anna"}, {"email": "anna@"}, {"city": "malmö"}, {"city": "Trieste"},
        {"postalCode": "21119"}, {"countryCodes": "IT,FR"}, {"companyName": "caffè"}, {"phone": "+46"},
        {"acceptMarketing": "yes"}, {"b2b_b2c": "b2c"}, {"taxExempt": "false"},
    ):  # fmt: skip
        assert emails(api, **query) == ["anna@example.com"], query
    assert emails(api, b2b_b2c="b2b", taxExempt="true") == ["ben@example.com"]
    assert emails(api, email="anna", useExactEmailMatch="true") == []
    for bad in ("taxExempt=perhaps", "minOrderCount=many", "customerGroupIds=x", "createdFrom=soon"):
        assert api.call("GET", f"/customers?{bad}").status_code == 400


def test_customers_are_found_by_what_they_bought(api: Any) -> None:
    api.admin("checkout", {"email": "anna@example.com", "items": [{"sku": "TEA-01"}]})
    api.admin("checkout", {"email": "ben@example.com", "items": [{"sku": "POT-01", "quantity": 2}]})
    assert emails(api, purchasedProductIds="701") == ["anna@example.com"]
    assert emails(api, purchasedProductIds="719,720") == ["ben@example.com"]
    assert emails(api, minSalesValue="100") == ["ben@example.com"]
    assert emails(api, sortBy="SALES_VALUE_DESC") == ["ben@example.com", "anna@example.com"]


def test_groups_are_created_renamed_and_deleted(api: Any) -> None:
    made = api.call("POST", "/customer_groups", json={"name": "Friends"}).json()["id"]
    member = make(api, "anna@example.com", customerGroupId=made)
    groups = api.get("/customer_groups")
    assert (groups["total"], groups["items"][0]) == (4, {"id": 0, "name": "General"})
    assert put(api, f"/customer_groups/{made}", name="Family").json() == {"updateCount": 1}
    assert api.get(f"/customers/{member}")["customerGroupName"] == "Family"
    assert (
        emails(api, customerGroupIds=f"1,{made}") == emails(api, customerGroup=made) == ["anna@example.com"]
    )
    assert api.get("/customer_groups", keyword="fam")["total"] == 1
    assert api.get("/customer_groups", customerGroupIds=f"0,{made}")["total"] == 2
    assert api.call("DELETE", f"/customer_groups/{made}").json() == {"deleteCount": 1}
    assert api.get(f"/customers/{member}")["customerGroupId"] == 0
    answer = api.call("GET", f"/customer_groups/{made}")
    assert (answer.status_code, answer.json()["errorMessage"]) == (404, f"Customer group #{made} not found")
    assert api.call("DELETE", "/customer_groups/0").status_code == 400
    nameless = api.call("POST", "/customer_groups", json={})
    assert nameless.json()["errorMessage"] == "Field CustomerMembership.name is absent"


def test_contacts_have_one_default_of_a_type(api: Any) -> None:
    path = f"/customers/{make(api, 'anna@example.com')}/contacts"
    first = api.call("POST", path, json={"type": "PHONE", "contact": "+386 1", "default": True}).json()["id"]
    second = api.call("POST", path, json={"type": "PHONE", "contact": "+386 2", "default": True}).json()["id"]
    kinds = [(contact["type"], contact["default"]) for contact in api.get(path)]
    assert kinds == [("EMAIL", True), ("PHONE", False), ("PHONE", True)]
    assert put(api, f"{path}/{first}", default=True).json() == {"updateCount": 1}
    assert api.get(f"{path}/{second}")["default"] is False
    assert emails(api, phone="+386 2") == ["anna@example.com"]
    assert api.call("DELETE", f"{path}/{second}").json() == {"deleteCount": 1}
    assert api.call("GET", f"{path}/{second}").status_code == 404
    assert api.call("POST", path, json={"type": "PIGEON", "contact": "x"}).status_code == 400
    assert api.call("POST", path, json={"type": "URL"}).status_code == 400


def test_extra_fields_are_made_and_written(api: Any) -> None:
    made = api.call(
        "POST", "/store_extrafields/customers", json={"title": "Birthday", "type": "datetime"}
    ).json()
    assert made.keys() == {"createCount", "key"}
    [field] = api.get("/store_extrafields/customers")["items"]
    assert (field["title"], field["type"], field["entityTypes"]) == ("Birthday", "DATETIME", ["CUSTOMERS"])
    path = f"/store_extrafields/customers/{made['key']}"
    assert put(api, path, title="Name day").json() == {"updateCount": 1}
    assert api.get(path)["title"] == "Name day"
    value = [{"key": made["key"], "value": "2000-01-01"}]
    number = make(api, "anna@example.com", extrafields=value)
    [written] = api.get(f"/customers/{number}")["extrafields"]
    assert written == {**value[0], "title": "Name day", "type": "DATETIME", "entityTypes": ["CUSTOMERS"]}
    assert api.call("DELETE", path).json() == {"deleteCount": 1}
    assert api.call("GET", path).status_code == 404
    api.turn(write_customer_extra_fields=False)
    assert "extrafields" not in api.get(f"/customers/{make(api, 'b@example.com', extrafields=value)}")


def test_the_index_lags_in_counts_as_in_pages(store: Open) -> None:
    api = store(customers=30, index_lag=2.0)
    make(api, "late@example.com", lang="de")
    german = api.get("/customers", lang="de")
    assert "late@example.com" not in [customer["email"] for customer in german["items"]]
    assert german["total"] == german["count"]
    api.clock.pass_by(3)
    assert api.get("/customers", lang="de")["total"] == german["total"] + 1


@pytest.mark.parametrize("by", ["NAME", "EMAIL", "UPDATED_DATE", "LAST_ORDER_DATE"])
def test_pages_in_every_order_contain_each_customer_once(seeded_shop: Any, by: str) -> None:
    seen: list[int] = []
    for offset in range(0, 1500, 100):
        page = seeded_shop.get("/customers", sortBy=f"{by}_DESC", offset=offset, responseFields="items(id)")
        seen += [customer["id"] for customer in page["items"]]
    assert len(seen) == len(set(seen)) == 1500


def test_changes_of_customers_send_events(api: Any, receiver: Any) -> None:
    api.admin("webhooks", {"url": receiver.url})
    number = make(api, "anna@example.com")
    put(api, f"/customers/{number}", acceptMarketing=False)
    api.call("DELETE", f"/customers/{number}")
    api.call("POST", "/customer_groups", json={"name": "Friends"})
    events = {body["eventType"]: body for body in receiver.wait(4)}
    assert events.keys() == {
        "customer.created",
        "customer.updated",
        "customer.deleted",
        "customer_group.created",
    }
    for kind in ("created", "updated", "deleted"):
        assert events[f"customer.{kind}"]["data"] == {"customerEmail": "anna@example.com"}
        assert events[f"customer.{kind}"]["entityId"] == number
