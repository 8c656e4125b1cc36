"""Lists of deleted objects with the time of deletion, by kind."""

from __future__ import annotations

from typing import Any

import pytest


def make(api: Any, kind: str) -> str:
    """Create an object of this kind to delete, and return its path."""
    match kind:
        case "orders":
            return f"/orders/{api.call('POST', '/orders', json={'email': 'a@example.com'}).json()['orderid']}"
        case "customers":
            return (
                f"/customers/{api.call('POST', '/customers', json={'email': 'a@example.com'}).json()['id']}"
            )
        case "coupons":
            return f"/discount_coupons/{api.coupon('GONE').json()['id']}"
        case _:
            return "/products/701"


@pytest.mark.parametrize("kind", ["orders", "customers", "coupons", "products"])
def test_a_deletion_is_remembered_with_its_time(api: Any, kind: str) -> None:
    path = make(api, kind)
    number = api.get(path)["orderNumber"] if kind == "orders" else None
    assert api.get(f"/{kind}/deleted") == {"total": 0, "count": 0, "offset": 0, "limit": 100, "items": []}
    api.clock.pass_by(30)
    assert api.call("DELETE", path).json() == {"deleteCount": 1}
    assert api.call("GET", path).status_code == 404
    [gone] = api.get(f"/{kind}/deleted")["items"]
    identity = path.split("/")[-1]
    named = {"id": number, "orderId": identity} if kind == "orders" else {"id": int(identity)}
    assert gone == {**named, "date": "2026-03-02 12:00:30 +0000"}


def test_deletions_are_filtered_by_time_and_paged(api: Any) -> None:
    now = int(api.clock.now().timestamp())
    for number in range(3):
        api.call("DELETE", f"/products/{701 + number}")
        api.clock.pass_by(10)

    def deleted_ids(**query: Any) -> list[int]:
        return [product["id"] for product in api.get("/products/deleted", **query)["items"]]

    assert deleted_ids() == [701, 702, 703]
    assert deleted_ids(from_date=now + 10) == [702, 703]
    assert deleted_ids(from_date="2026-03-02 12:00:10", to_date="2026-03-02 13:00:10 +0100") == [702]
    assert deleted_ids(offset=1, limit=1) == [702]
    assert api.call("GET", "/products/deleted?from_date=soon").status_code == 400


def test_deleted_coupons_are_found_under_the_old_path_too(api: Any) -> None:
    api.call("DELETE", "/discount_coupons/FRIENDS")
    assert api.get("/discount_coupons/deleted") == api.get("/coupons/deleted")


def test_no_id_is_assigned_twice(api: Any) -> None:
    first = api.call("POST", "/customers", json={"email": "a@example.com"}).json()["id"]
    api.call("DELETE", f"/customers/{first}")
    assert api.call("POST", "/customers", json={"email": "a@example.com"}).json()["id"] > first
    order = api.call("POST", "/orders", json={}).json()
    api.call("DELETE", f"/orders/{order['orderid']}")
    assert api.call("POST", "/orders", json={}).json()["id"] > order["id"]


@pytest.mark.parametrize("path", ["/orders/NONE", "/customers/99", "/products/99", "/reviews/99"])
def test_a_missing_object_cannot_be_deleted(api: Any, path: str) -> None:
    assert api.call("DELETE", path).status_code == 404
