"""Every row of the dossier's tables of customers, contacts, groups and extra fields (section 8), over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.rows import drives, refused
from tests.store import turn
from tillroll.ecwid.client import Client
from tillroll.sandbox.serve import Sandbox

MISSING = 999_999


@drives("POST /customers", "GET /customers/{id}", "PUT /customers/{id}", "DELETE /customers/{id}")
def test_a_customer_is_made_changed_and_deleted(client: Client) -> None:
    person = {"name": "نور الدين", "countryCode": "AE", "city": "Dubai"}
    body = {"email": "noor@example.com", "billingPerson": person, "acceptMarketing": True, "lang": "en"}
    answer = client.connection.write("POST", "/customers", body=body)
    assert answer.keys() == {"id"}
    found = client.customers.get(answer["id"])
    assert (found.name, found.country, found.accepts_marketing) == ("نور الدين", "AE", True)
    path = f"/customers/{answer['id']}"
    assert client.connection.write("PUT", path, body={"acceptMarketing": False}) == {"updateCount": 1}
    assert client.customers.get(answer["id"]).accepts_marketing is False
    with refused(409):
        client.connection.write("POST", "/customers", body={"email": "NOOR@example.com"})
    other = client.connection.write("POST", "/customers", body={"email": "other@example.com"})["id"]
    with refused(409):
        client.connection.write("PUT", f"/customers/{other}", body={"email": "noor@example.com"})
    with refused(400):
        client.connection.write("POST", "/customers", body={"billingPerson": person})
    assert client.connection.write("DELETE", path) == {"deleteCount": 1}
    for method in ("PUT", "DELETE"):
        with refused(404, words=f"Customer #{answer['id']} not found"):
            client.connection.write(method, path, body={})
    with refused(404, words="not found"):
        client.customers.get(answer["id"])


@drives("GET /customers", "GET /customers/deleted")
def test_customers_are_listed_with_their_total_and_deletions_are_listed(client: Client) -> None:
    page = client.connection.read("/customers", {"limit": 1, "minOrderCount": 2})
    assert page.keys() == {"total", "count", "offset", "limit", "items", "allCustomerCount"}
    assert page["allCustomerCount"] == client.customers.count() > page["total"]
    client.connection.write("DELETE", "/customers/9")
    assert [one.id for one in client.customers.deleted(datetime.now(UTC) - timedelta(hours=1))] == ["9"]
    with refused(400, "WRONG_PARAMETER"):
        client.connection.read("/customers", {"minOrderCount": "many"})


@pytest.mark.parametrize("unknown_language", ["refuse", "accept"])
def test_a_language_the_store_lacks_is_refused_or_kept(
    sandbox: Sandbox, client: Client, unknown_language: str
) -> None:
    turn(sandbox, unknown_language=unknown_language)
    body = {"email": "a@example.com", "lang": "fr"}
    if unknown_language == "refuse":
        with refused(400, "LANGUAGES_NOT_ALLOWED"):
            client.connection.write("POST", "/customers", body=body)
    else:
        made = client.connection.write("POST", "/customers", body=body)["id"]
        assert client.customers.get(made).language == "fr"


@drives(
    "GET /customers/{id}/contacts",
    "POST /customers/{id}/contacts",
    "GET /customers/{id}/contacts/{contactId}",
    "PUT /customers/{id}/contacts/{contactId}",
    "DELETE /customers/{id}/contacts/{contactId}",
)
def test_contacts_have_one_default_of_a_type(client: Client) -> None:
    path, phone = "/customers/4/contacts", {"type": "PHONE", "default": True}
    first = client.connection.write("POST", path, body={**phone, "contact": "+386 1"})["id"]
    second = client.connection.write("POST", path, body={**phone, "contact": "+386 2"})["id"]
    every = client.connection.read(path)["items"]
    assert every[0]["type"] == "EMAIL", "the e-mail is a contact of its own"
    assert [one["default"] for one in every if one["type"] == "PHONE"] == [False, True]
    assert client.connection.write("PUT", f"{path}/{first}", body={"default": True}) == {"updateCount": 1}
    assert client.connection.read(f"{path}/{second}")["default"] is False
    assert client.connection.write("DELETE", f"{path}/{second}") == {"deleteCount": 1}
    with refused(404):
        client.connection.read(f"{path}/{second}")
    for body in ({"type": "PIGEON", "contact": "x"}, {"type": "URL"}, {"contact": "x"}):
        with refused(400):
            client.connection.write("POST", path, body=body)
    with refused(404):
        client.connection.read(f"/customers/{MISSING}/contacts")


@drives(
    "GET /customer_groups",
    "POST /customer_groups",
    "GET /customer_groups/{groupId}",
    "PUT /customer_groups/{groupId}",
    "DELETE /customer_groups/{groupId}",
)
def test_a_group_is_made_renamed_and_deleted_and_general_stays(client: Client) -> None:
    made = client.connection.write("POST", "/customer_groups", body={"name": "Friends"})["id"]
    path = f"/customer_groups/{made}"
    client.connection.write("PUT", "/customers/3", body={"customerGroupId": made})
    assert client.connection.write("PUT", path, body={"name": "Družina"}) == {"updateCount": 1}
    assert client.connection.read(path) == {"id": made, "name": "Družina"}
    assert client.customers.get(3).group_name == "Družina"
    assert next(iter(client.customers.groups())).group_id == 0
    assert made in {one.group_id for one in client.customers.groups()}
    assert client.connection.write("DELETE", path) == {"deleteCount": 1}
    assert client.customers.get(3).group_name == "General", "its members move there"
    with refused(404, words=f"Customer group #{made} not found"):
        client.connection.read(path)
    with refused(400, words="Field CustomerMembership.name is absent"):
        client.connection.write("POST", "/customer_groups", body={})
    with refused(400):
        client.connection.write("DELETE", "/customer_groups/0")


@pytest.mark.parametrize("write_customer_extra_fields", [True, False])
@drives(
    "GET /store_extrafields/customers",
    "POST /store_extrafields/customers",
    "GET /store_extrafields/customers/{key}",
    "PUT /store_extrafields/customers/{key}",
    "DELETE /store_extrafields/customers/{key}",
)
def test_extra_fields_are_made_and_perhaps_filled(
    sandbox: Sandbox, client: Client, write_customer_extra_fields: bool
) -> None:
    turn(sandbox, write_customer_extra_fields=write_customer_extra_fields)
    path = "/store_extrafields/customers"
    made = client.connection.write("POST", path, body={"title": "Birthday", "type": "DATETIME"})
    assert (made["createCount"], made.keys()) == (1, {"createCount", "key"})
    assert client.connection.write("PUT", f"{path}/{made['key']}", body={"title": "Name day"}) == {
        "updateCount": 1
    }
    every = client.connection.read(path)
    assert every.keys() == {"items"}, "this list has no totals"
    assert every["items"] == [client.connection.read(f"{path}/{made['key']}")]
    assert (every["items"][0]["title"], every["items"][0]["entityTypes"]) == ("Name day", ["CUSTOMERS"])
    value = [{"key": made["key"], "value": "2000-01-01"}]
    client.connection.write("PUT", "/customers/3", body={"extrafields": value})
    kept = client.connection.read("/customers/3").get("extrafields", [])
    whole = {**value[0], "title": "Name day", "type": "DATETIME", "entityTypes": ["CUSTOMERS"]}
    assert kept == ([whole] if write_customer_extra_fields else [])
    assert client.connection.write("DELETE", f"{path}/{made['key']}") == {"deleteCount": 1}
    with refused(404):
        client.connection.read(f"{path}/{made['key']}")
