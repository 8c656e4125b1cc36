"""The store's profile, timestamps and counts, reports, reviews and promotions."""

from __future__ import annotations

from typing import Any

import pytest


def test_the_profile_is_changed_section_by_section(api: Any) -> None:
    body = {"settings": {"closed": True}, "account": {"accountName": "Somebody"}}
    assert api.call("PUT", "/profile", json=body).json() == {"updateCount": 1}
    profile = api.get("/profile")
    assert (profile["settings"]["closed"], profile["settings"]["storeName"]) == (True, "Sample Shop")
    assert profile["account"]["accountName"] == "Ana Novak"
    assert api.get("/profile", responseFields="settings(closed)") == {"settings": {"closed": True}}
    assert "accountBilling" not in profile
    assert api.get("/profile", showExtendedInfo="true")["accountBilling"]["pricingPlanName"] == "Venture"
    messages = profile["mailNotifications"]["customerMarketingMessages"]
    assert messages["abandonedCartRecovery"] == {"enabled": False}


def test_custom_statuses_have_names(api: Any) -> None:
    shown = api.get("/profile/order_statuses")
    assert (shown["limit"], len(shown["items"])) == (19, 19)
    path = "/profile/order_status/CUSTOM_PAYMENT_STATUS_1"
    assert api.call("PUT", path, json={"name": "On account", "enabled": True}).json() == {"updateCount": 1}
    status = api.get(path)
    assert (status["statusId"], status["name"], status["enabled"]) == (
        path.split("/")[-1],
        "On account",
        True,
    )
    assert status["lastNameChangeDate"] == "2026-03-02 12:00:00 +0000"
    assert api.get("/profile/order_status/PAID")["orderStatusType"] == "PAYMENT"
    assert api.call("GET", "/profile/order_status/QUEUED").status_code == 404


def test_counts_and_more_timestamps_are_given_on_request(api: Any) -> None:
    plain = api.get("/latest-stats")
    assert not {"productCount", "categoryCount", "reviewsUpdated"} & plain.keys()
    more = api.get("/latest-stats", productCountRequired="true", categoryCountRequired="yes")
    assert (more["productCount"], more["productCountRequired"], more["categoryCount"]) == (26, 26, 4)
    assert api.call("GET", "/latest-stats?productCountRequired=perhaps").status_code == 400


@pytest.mark.parametrize(
    ("area", "method", "path", "body"),
    [
        ("productsUpdated", "PUT", "/products/701", {"price": 1}),
        ("categoriesUpdated", "PUT", "/categories/1", {"name": "Green"}),
        ("customersUpdated", "POST", "/customers", {"email": "a@example.com"}),
        ("customersUpdated", "POST", "/customer_groups", {"name": "Friends"}),
        ("abandonedSalesUpdated", "POST", "/orders", {"paymentStatus": "INCOMPLETE"}),
        ("ordersUpdated", "POST", "/orders", {}),
        ("profileUpdated", "PUT", "/profile", {"settings": {"closed": True}}),
        ("discountCouponsUpdated", "DELETE", "/discount_coupons/FRIENDS", None),
    ],
)
def test_a_change_updates_only_its_own_timestamp(
    api: Any, area: str, method: str, path: str, body: Any
) -> None:
    before = api.get("/latest-stats")
    api.clock.pass_by(60)
    assert api.call(method, path, json=body).status_code == 200
    after = api.get("/latest-stats")
    assert {name for name in after if after[name] != before.get(name)} == {area}
    assert after[area] == "2026-03-02 12:01:00 +0000"


def test_a_report_counts_orders_over_time(api: Any) -> None:
    for total in (10, 20):
        api.call("POST", "/orders", json={"email": "a@example.com", "total": total})
        api.clock.pass_by(86_400)
    now = int(api.clock.now().timestamp())
    window = {"startedFrom": now - 3 * 86_400, "endedAt": now, "timeScaleValue": "day"}
    report = api.get("/reports/allOrders", **window)
    assert report["aggregatedData"] == [{"dataId": "orders", "dataValue": 2}]
    assert sum(point["data"][0]["dataValue"] for point in report["dataset"]) == 2
    assert report["dataset"][-1]["endTimeStamp"] == now
    assert api.get("/reports/allRevenue", **window)["aggregatedData"][0]["dataValue"] == 30
    kinds = api.get("/reports/newOrdersVsRepeatOrders", comparePeriod="previousPeriod", **window)
    assert [kind["dataValue"] for kind in kinds["aggregatedData"]] == [1, 1]
    assert kinds["comparePeriodAggregatedData"][0]["dataValue"] == 0
    for unknown in ("topOfCouponsByOrders", "nonsense", "allOrders?timeScaleValue=decade"):
        assert api.call("GET", f"/reports/{unknown}").status_code == 400


def test_reviews_are_published_found_and_deleted(store: Any) -> None:
    api = store(customers=60)
    page = api.get("/reviews")
    assert page["total"] == 12
    review = page["items"][0]
    assert {"productId", "orderId", "customerId", "rating", "review", "status", "createDate"} <= review.keys()
    path = f"/reviews/{review['id']}"
    assert api.call("PUT", path, json={"status": "MODERATED"}).json() == {"updateCount": 1}
    waiting = api.get("/reviews", status="MODERATED", productId=review["productId"])["items"]
    assert review["id"] in [each["id"] for each in waiting]
    assert all(each["rating"] == 5 for each in api.get("/reviews", rating=5)["items"])
    assert api.call("PUT", path, json={"status": "LOVED"}).status_code == 400
    assert api.call("DELETE", path).json() == {"deleteCount": 1}
    assert api.get("/reviews/deleted")["items"][0]["id"] == review["id"]


def test_promotions_are_created_changed_and_deleted(api: Any) -> None:
    assert api.get("/promotions")["total"] == 1
    body = {"name": "Ten off", "discountBase": "SUBTOTAL", "discountType": "ABSOLUTE", "amount": 10}
    made = api.call("POST", "/promotions", json={**body, "externalReferenceId": "a"}).json()["id"]
    assert api.call("PUT", f"/promotions/{made}", json={"enabled": False}).json() == {"updateCount": 1}
    shown = next(promotion for promotion in api.get("/promotions")["items"] if promotion["id"] == made)
    assert (shown["enabled"], shown["amount"], shown["targets"]) == (False, 10, {"all": True})

    def refused(method: str, path: str, **fields: Any) -> tuple[int, str]:
        answer = api.call(method, path, json=fields)
        return answer.status_code, answer.json()["errorCode"]

    again = {**body, "externalReferenceId": "a"}
    assert refused("POST", "/promotions", **again) == (409, "EXTERNAL_ID_ALREADY_USED")
    assert refused("POST", "/promotions", **{**body, "discountType": "ABS"}) == (400, "WRONG_PARAMETER")
    assert refused("PUT", "/promotions/1", **{}) == (404, "PROMOTION_NOT_FOUND")
    fixed = (422, "READ_ONLY_PROMOTION_FIELD_CHANGE")
    assert refused("PUT", f"/promotions/{made}", targets={"all": True}) == fixed
    assert api.call("DELETE", f"/promotions/{made}").json() == {"deleteCount": 1}
    api.turn(missing_features=["promotions"])
    assert refused("POST", "/promotions", **body) == (403, "ADVANCED_DISCOUNTS_FEATURE_NOT_AVAILABLE")
    assert "ADVANCED_DISCOUNTS_FEATURE" not in api.get("/profile")["account"]["availableFeatures"]


def test_a_store_has_a_hundred_promotions_at_most(store: Any) -> None:
    api = store(requests_per_minute=1_000)
    body = {"name": "One", "discountBase": "ITEM", "discountType": "PERCENT", "amount": 1}
    codes = [api.call("POST", "/promotions", json=body).status_code for _ in range(100)]
    assert codes == [200] * 99 + [402]
