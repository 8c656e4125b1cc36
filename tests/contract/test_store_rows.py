"""Every row of the dossier's tables of the store itself, the app and promotions (4.6, 10, 11), over HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.rows import drives, refused
from tests.store import turn
from tillroll.ecwid.client import Client
from tillroll.errors import ScopeMissing, StoreDisconnected
from tillroll.sandbox.serve import Sandbox

HOUR = timedelta(hours=1)


@drives("GET /profile", "PUT /profile")
def test_the_profile_is_read_and_merged(client: Client) -> None:
    before = client.shop.profile()
    body = {"settings": {"storeName": "Čajnica 🍵"}}
    assert client.connection.write("PUT", "/profile", body=body) == {"updateCount": 1}
    after = client.shop.profile()
    assert (after.name, after.currency, after.timezone) == ("Čajnica 🍵", before.currency, before.timezone)
    only = client.connection.read("/profile", {"responseFields": "generalInfo(storeId)"})
    assert only == {"generalInfo": {"storeId": before.store_id}}
    with refused(400):
        client.connection.write("PUT", "/profile", body=[])


@drives("GET /latest-stats", "GET /reports/{reportType}", "GET /reviews/deleted")
def test_change_times_reports_and_deleted_reviews_are_read(client: Client) -> None:
    before = client.shop.latest_stats()
    review = next(iter(client.reviews.every()))
    client.connection.write("DELETE", f"/reviews/{review.review_id}")
    assert [one.id for one in client.reviews.deleted(datetime.now(UTC) - HOUR)] == [str(review.review_id)]
    after = client.shop.latest_stats()
    assert after.reviews is not None
    assert before.reviews is None or after.reviews >= before.reviews
    assert after.products == before.products
    now = datetime.now(UTC)
    for kind in ("allOrders", "newOrdersVsRepeatOrders", "allRevenue"):
        assert client.shop.report(kind, start=now - 30 * 24 * HOUR, end=now).totals, kind
    with refused(400):
        client.shop.report("allOrders", start=now - HOUR, end=now, scale="fortnight")


@pytest.mark.parametrize("subscription", ["ACTIVE", "TRIAL", "SUSPENDED"])
@drives("GET /application", "GET /application/token")
def test_the_app_has_its_subscription_and_scopes(sandbox: Sandbox, client: Client, subscription: str) -> None:
    turn(sandbox, subscription=subscription)
    app = client.connection.read("/application")
    assert (app["subscriptionStatus"], app["subscription"]["status"]) == (subscription, subscription)
    assert app["subscription"].keys() == {"startDate", "expirationDate", "status"}
    assert "read_orders" in client.connection.read("/application/token")["permissions"]
    turn(sandbox, missing_scopes=["read_orders"])
    assert "read_orders" not in client.connection.read("/application/token")["permissions"]
    assert client.shop.profile().currency, "a suspended app is still answered"


@drives("DELETE /application")
def test_an_app_that_uninstalls_itself_has_a_dead_token(client: Client) -> None:
    with refused(400, "WRONG_PARAMETER"):
        client.connection.write("DELETE", "/application")
    client.connection.write("DELETE", "/application", query={"namespace": "tillroll"})
    with pytest.raises(StoreDisconnected):
        client.shop.profile()
    assert client.connection.refused


@pytest.mark.parametrize("storage_bodies", ["kept", "unwrapped"])
@pytest.mark.parametrize("storage_answers", ["count", "success"])
@drives(
    "GET /storage", "GET /storage/{key}", "POST /storage/{key}", "PUT /storage/{key}", "DELETE /storage/{key}"
)
def test_the_store_keeps_texts_for_the_app(
    sandbox: Sandbox, client: Client, storage_answers: str, storage_bodies: str
) -> None:
    turn(sandbox, storage_answers=storage_answers, storage_bodies=storage_bodies)
    for text in ("7", "", '{"epoch": 8}', '"8 📦"', "{"):
        client.shop.write_storage("epoch", text)
        assert client.shop.read_storage("epoch") == text
    answer = client.connection.write("POST", "/storage/epoch", body={"value": "8 📦"})
    assert answer == ({"updateCount": 1} if storage_answers == "count" else {"success": True})
    (kept,) = client.connection.read("/storage")["items"]
    assert kept["key"] == "epoch"
    value = json.loads(kept["value"])["value"] if storage_bodies == "kept" else kept["value"]
    assert value == "8 📦"
    client.shop.write_storage("private", "x" * 300_000)
    with refused(400):
        client.shop.write_storage("public", "x" * 300_000)
    client.connection.write("DELETE", "/storage/epoch")
    assert client.shop.read_storage("epoch") is None
    with refused(404, "OTHER", "Key not found"):
        client.connection.write("DELETE", "/storage/epoch")


@drives(
    "GET /staff",
    "POST /staff",
    "GET /staff/{id}",
    "PUT /staff/{id}",
    "DELETE /staff/{id}",
    "POST /staff/invite",
    "DELETE /staff/invite",
    "GET /profile/staffScopes",
)
def test_staff_is_invited_given_permissions_and_removed(sandbox: Sandbox, client: Client) -> None:
    scopes = client.connection.read("/profile/staffScopes")["staffScopes"]
    ana = {"email": "ana@example.com"}
    body = {**ana, "staffScopes": scopes[:2]}
    assert client.connection.write("POST", "/staff", body=body) == {"success": True}
    with refused(409):
        client.connection.write("POST", "/staff", body=body)
    made = client.connection.read("/staff")["staffList"][-1]
    assert made.keys() == {"id", "name", "email", "staffScopes", "inviteAccepted"}
    assert (made["email"], made["staffScopes"], made["inviteAccepted"]) == (ana["email"], scopes[:2], False)
    path = f"/staff/{made['id']}"
    assert client.connection.write("PUT", path, body={"staffScopes": scopes[2:3]}) == {"updateCount": 1}
    assert client.connection.read(path) == {**made, "staffScopes": scopes[2:3]}
    with refused(400, "WRONG_PARAMETER"):
        client.connection.write("PUT", path, body={"staffScopes": ["EVERYTHING"]})
    assert client.connection.write("POST", "/staff/invite", body=ana) == {"success": True}
    assert client.connection.write("DELETE", "/staff/invite", body=ana) == {"deleteCount": 1}
    assert client.connection.write("DELETE", "/staff/invite", body=ana) == {"deleteCount": 0}
    assert client.connection.write("POST", "/staff/invite", body=ana) == {"success": False}
    with refused(404):
        client.connection.read(path)
    first = client.connection.read("/staff")["staffList"][0]
    taken = {"email": first["email"]}
    assert client.connection.write("DELETE", "/staff/invite", body=taken) == {"deleteCount": 0}
    assert client.connection.write("DELETE", f"/staff/{first['id']}") == {"deleteCount": 1}
    assert client.connection.write("DELETE", f"/staff/{first['id']}") == {"deleteCount": 0}
    with refused(400, words="Field StaffAccount.email is absent"):
        client.connection.write("POST", "/staff", body={})
    turn(sandbox, missing_scopes=["create_staff"])
    with pytest.raises(ScopeMissing, match="create_staff"):
        client.connection.write("POST", "/staff", body=body)


@drives("GET /promotions", "POST /promotions", "PUT /promotions/{id}", "DELETE /promotions/{id}")
def test_a_promotion_is_made_changed_and_deleted(client: Client) -> None:
    body = {"name": "Čajni teden", "discountBase": "SUBTOTAL", "discountType": "PERCENT", "amount": 5}
    made = client.connection.write("POST", "/promotions", body={**body, "externalReferenceId": "P1"})["id"]
    path = f"/promotions/{made}"
    assert client.connection.write("PUT", path, body={"enabled": False}) == {"updateCount": 1}
    found = next(one for one in client.shop.promotions() if one.promotion_id == made)
    assert (found.name, found.base, found.enabled, found.amount) == ("Čajni teden", "SUBTOTAL", False, 5)
    with refused(409, "EXTERNAL_ID_ALREADY_USED"):
        client.connection.write("POST", "/promotions", body={**body, "externalReferenceId": "P1"})
    with refused(422, "READ_ONLY_PROMOTION_FIELD_CHANGE"):
        client.connection.write("PUT", path, body={"targets": {"all": True}})
    with refused(400):
        client.connection.write("POST", "/promotions", body={**body, "discountType": "ABS"})
    assert client.connection.write("DELETE", path) == {"deleteCount": 1}
    for method in ("PUT", "DELETE"):
        with refused(404, "PROMOTION_NOT_FOUND"):
            client.connection.write(method, path, body={})
