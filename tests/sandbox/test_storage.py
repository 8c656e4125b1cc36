"""What an app keeps in the store, and the app itself."""

from __future__ import annotations

from typing import Any


def test_a_key_is_made_read_overwritten_and_deleted(api: Any) -> None:
    assert api.get("/storage") == []
    assert api.call("POST", "/storage/settings", json="a").json() == {"updateCount": 1}
    assert api.call("PUT", "/storage/other", json={"value": "b"}).json() == {"updateCount": 1}
    assert api.get("/storage/settings") == {"key": "settings", "value": "a"}
    api.call("POST", "/storage/settings", json={"colour": "green", "size": 2})
    assert api.get("/storage/settings")["value"] == '{"colour":"green","size":2}'
    assert [one["key"] for one in api.get("/storage")] == ["other", "settings"]
    assert api.call("DELETE", "/storage/other").json() == {"deleteCount": 1}
    assert len(api.get("/storage")) == 1


def test_a_missing_key_is_404_under_the_odd_name(api: Any) -> None:
    answer = api.call("GET", "/storage/none")
    assert (answer.status_code, answer.json()) == (404, {"error": "OTHER", "errorMessage": "Key not found"})
    assert api.call("DELETE", "/storage/none").status_code == 404


def test_values_have_an_end(api: Any) -> None:
    assert api.call("POST", "/storage/much", json="x" * 1024 * 1024).status_code == 200
    assert api.call("POST", "/storage/more", json="x" * (1024 * 1024 + 1)).status_code == 400
    assert api.call("POST", "/storage/public", json="x" * (256 * 1024 + 1)).status_code == 400


def test_storage_may_answer_as_the_tables_say(api: Any) -> None:
    api.turn(storage_answers="success")
    assert api.call("PUT", "/storage/a", json="b").json() == {"success": True}
    assert api.call("DELETE", "/storage/a").json() == {"success": True}


def test_the_application_tells_of_its_subscription(api: Any) -> None:
    assert api.get("/application")["subscriptionStatus"] == "ACTIVE"
    api.turn(subscription="TRIAL")
    assert api.get("/application")["subscription"]["status"] == "TRIAL"


def test_the_token_tells_what_it_may_do(api: Any) -> None:
    api.turn(missing_scopes=["read_staff"])
    told = api.get("/application/token")["permissions"]
    assert "read_orders" in told
    assert "read_staff" not in told


def test_the_people_behind_the_counter(api: Any) -> None:
    people = api.get("/staff")["staffList"]
    assert {"id", "name", "email", "staffScopes", "inviteAccepted"} == people[0].keys()
    assert api.get(f"/staff/{people[1]['id']}") == people[1]
    assert api.call("GET", "/staff/99").status_code == 404


def test_an_uninstalled_app_has_no_token_any_more(api: Any) -> None:
    assert api.call("DELETE", "/application").status_code == 400
    assert api.call("DELETE", "/application", params={"namespace": "tillroll"}).json() == {"deleteCount": 1}
    assert api.call("GET", "/profile").status_code == 403


def test_a_value_that_is_no_json_is_kept_as_it_stands(api: Any) -> None:
    kind = {"Content-Type": "application/json"}
    assert api.call("PUT", "/storage/plain", data="čaj, 50 %".encode(), headers=kind).status_code == 200
    assert api.get("/storage/plain")["value"] == "čaj, 50 %"
    assert api.call("PUT", "/storage/plain", data=b"\xff", headers=kind).status_code == 400
    assert api.call("PUT", "/storage/plain", data=b"x", headers={"Content-Type": "a/b"}).status_code == 415
    assert api.call("POST", "/customers", data=b"not json", headers=kind).status_code == 400


def test_an_invited_person_waits_until_the_invitation_is_cancelled(api: Any) -> None:
    before, sent = api.get("/staff")["staffList"], {"email": "new@example.com"}
    assert api.call("POST", "/staff", json={**sent, "staffScopes": ["REPORT_ACCESS"]}).json() == {
        "success": True
    }
    assert api.get("/staff")["staffList"][-1]["inviteAccepted"] is False
    assert api.call("POST", "/staff", json={"email": "NEW@example.com"}).status_code == 409
    assert api.call("PUT", "/staff/99", json=sent).status_code == 404
    assert api.call("DELETE", "/staff/invite", json=sent).json() == {"deleteCount": 1}
    assert api.get("/staff")["staffList"] == before
