"""An app's storage in the store, and the data about the app."""

from __future__ import annotations

from typing import Any


def put(api: Any, key: str, body: str, *, method: str = "PUT") -> Any:
    kind = {"Content-Type": "application/json"}
    return api.call(method, f"/storage/{key}", data=body.encode(), headers=kind)


def test_a_key_is_created_read_overwritten_and_deleted(api: Any) -> None:
    assert api.get("/storage") == []
    assert put(api, "settings", "a").json() == {"updateCount": 1}
    assert put(api, "other", "b", method="POST").json() == {"updateCount": 1}
    assert api.get("/storage/settings") == {"key": "settings", "value": "a"}
    put(api, "settings", '{"colour": "green", "size": 2}', method="POST")
    assert api.get("/storage/settings")["value"] == '{"colour": "green", "size": 2}'
    assert [entry["key"] for entry in api.get("/storage")] == ["other", "settings"]
    assert api.call("DELETE", "/storage/other").json() == {"deleteCount": 1}
    assert len(api.get("/storage")) == 1


def test_a_body_is_kept_as_it_came_or_unwrapped(api: Any) -> None:
    bodies = {
        '{"value": "b"}': "b",
        '{"value": {"a":[1]}}': '{"a":[1]}',
        '{"value": "b", "also": 1}': '{"value": "b", "also": 1}',
        '"a"': '"a"',
        "": "",
    }
    for body, unwrapped in bodies.items():
        for setting, kept in (("kept", body), ("unwrapped", unwrapped)):
            api.turn(storage_bodies=setting)
            assert put(api, "x", body).status_code == 200
            assert api.get("/storage/x")["value"] == kept


def test_a_batch_keeps_what_its_json_holds(api: Any) -> None:
    bodies = {"text": "7", "object": {"a": 1}}
    asked = [{"path": f"/storage/{key}", "method": "PUT", "body": body} for key, body in bodies.items()]
    api.finished(api.batch(asked))
    assert {row["key"]: row["value"] for row in api.get("/storage")} == {"object": '{"a":1}', "text": "7"}


def test_a_missing_key_is_404_under_the_odd_name(api: Any) -> None:
    answer = api.call("GET", "/storage/none")
    assert (answer.status_code, answer.json()) == (404, {"error": "OTHER", "errorMessage": "Key not found"})
    assert api.call("DELETE", "/storage/none").status_code == 404


def test_values_have_a_maximum_size(api: Any) -> None:
    assert put(api, "much", "x" * 1024 * 1024).status_code == 200
    assert put(api, "more", "x" * (1024 * 1024 + 1)).status_code == 400
    assert put(api, "public", "x" * (256 * 1024 + 1)).status_code == 400


def test_storage_may_answer_as_documented_in_the_tables(api: Any) -> None:
    api.turn(storage_answers="success")
    assert api.call("PUT", "/storage/a", json="b").json() == {"success": True}
    assert api.call("DELETE", "/storage/a").json() == {"success": True}


def test_the_application_shows_its_subscription(api: Any) -> None:
    assert api.get("/application")["subscriptionStatus"] == "ACTIVE"
    api.turn(subscription="TRIAL")
    assert api.get("/application")["subscription"]["status"] == "TRIAL"


def test_the_token_lists_its_permissions(api: Any) -> None:
    api.turn(missing_scopes=["read_staff"])
    permissions = api.get("/application/token")["permissions"]
    assert "read_orders" in permissions
    assert "read_staff" not in permissions


def test_the_stores_staff_is_listed(api: Any) -> None:
    people = api.get("/staff")["staffList"]
    assert {"id", "name", "email", "staffScopes", "inviteAccepted"} == people[0].keys()
    assert api.get(f"/staff/{people[1]['id']}") == people[1]
    assert api.call("GET", "/staff/99").status_code == 404


def test_an_uninstalled_app_has_no_token(api: Any) -> None:
    assert api.call("DELETE", "/application").status_code == 400
    assert api.call("DELETE", "/application", params={"namespace": "tillroll"}).json() == {"deleteCount": 1}
    assert api.call("GET", "/profile").status_code == 403


def test_a_value_that_is_not_json_is_kept_unchanged(api: Any) -> None:
    kind = {"Content-Type": "application/json"}
    assert put(api, "plain", "čaj, 50 %").status_code == 200
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
