"""Deliberate faults, and the counters of a client's behaviour."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import eventually
from tillroll.sandbox import PlanFault, read_plan
from tillroll.sandbox.state.faults import KINDS, Faults

Open = Callable[..., Any]


def statuses(api: Any, count: int, method: str = "GET", path: str = "/profile") -> list[int]:
    return [api.call(method, path).status_code for _ in range(count)]


def test_a_storm_tells_the_client_to_wait_and_counts_its_early_requests(api: Any) -> None:
    api.lay(storm={"retry_after": 7, "times": 1})
    refused = api.call("GET", "/profile")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
    assert statuses(api, 2) == [200, 200]
    assert api.counters()["early_requests"] == 2
    api.clock.pass_by(7)
    assert statuses(api, 1) == [200]
    counters = api.counters()
    assert (counters["early_requests"], counters["faults"]) == (2, {"storm": 1})


def test_a_share_repeats_with_its_seed(store: Open) -> None:
    plan = {"seed": 4, "errors": {"share": 0.3, "status": 502}}
    runs = [statuses(store(with_={"faults": plan}), 60) for _ in range(2)]
    assert runs[0] == runs[1]
    assert 8 <= runs[0].count(502) <= 30
    assert statuses(store(with_={"faults": {**plan, "seed": 5}}), 60) != runs[0]


def test_errors_happen_before_the_work_and_only_on_matching_requests(api: Any) -> None:
    api.lay(errors={"on": "writes", "path": "/discount_coupons"})
    assert api.coupon("NOT1").status_code == 500
    assert api.call("GET", "/discount_coupons/NOT1").status_code == 404
    assert api.call("POST", "/customers", json={"email": "a@example.com"}).status_code == 200


def test_a_request_with_a_lost_answer_takes_effect_and_a_reset_one_does_not(api: Any) -> None:
    api.lay(lost_answers={"times": 1})
    with pytest.raises(requests.ConnectionError):
        api.coupon("DONE1")
    assert api.coupon("DONE1").status_code == 409
    api.lay(resets={"on": "writes", "times": 1})
    with pytest.raises(requests.ConnectionError):
        api.coupon("UNDONE1")
    assert api.coupon("UNDONE1").status_code == 200
    assert api.counters()["faults"] == {"lost_answers": 1, "resets": 1}


def test_a_slow_answer_is_late_by_the_clients_clock_and_delays_no_other(api: Any) -> None:
    api.lay(slow={"seconds": 60, "times": 1})
    with pytest.raises(requests.ReadTimeout):
        api.session.get(
            f"{api.base_url}/{api.store_id}/profile",
            headers={"Authorization": f"Bearer {api.token}"},
            timeout=0.2,
        )
    began = time.monotonic()
    assert statuses(api, 1) == [200]
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("kind", "status", "counted"), [("token_revoked", 403, "revoked_token"), ("plan_downgraded", 402, "")]
)
def test_the_token_or_the_plan_is_lost_after_a_number_of_requests_until_the_fault_is_off(
    api: Any, kind: str, status: int, counted: str
) -> None:
    api.lay(**{kind: {"after": 2}})
    assert statuses(api, 4) == [200, 200, status, status]
    if counted:
        assert api.counters()[counted] == 2
    api.session.delete(f"{api.root}/sandbox/faults", timeout=60)
    assert statuses(api, 1) == [200]
    api.lay(**{kind: True})
    assert statuses(api, 1) == [status]


@pytest.mark.parametrize(("kind", "code"), [("plan_downgraded", 402), ("token_revoked", 403)])
def test_a_revoked_token_or_a_downgraded_plan_fails_the_rest_of_a_batch(
    store: Open, kind: str, code: int
) -> None:
    api = store(inner_request_seconds=10.0, requests_per_minute=10_000)
    ticket = api.batch([{"path": "/profile", "method": "GET"}] * 3, stopOnFirstFailure="false")
    api.clock.pass_by(10)
    api.until(ticket, lambda status: status["completedRequests"] == 1)
    api.lay(**{kind: True})
    api.clock.pass_by(20)
    eventually(lambda: api.counters()["batch_inner"] == 3)
    api.session.delete(f"{api.root}/sandbox/faults", timeout=60)
    assert [response["httpStatusCode"] for response in api.finished(ticket)["responses"]] == [200, code, code]


@pytest.mark.parametrize(
    ("path", "change", "shift"),
    [
        ("/customers", "insert", 1),
        ("/customers", "delete", -1),
        ("/customers", "update", 0),
        ("/orders", "insert", 1),
        ("/orders", "delete", -1),
        ("/products", "insert", 1),
        ("/products", "delete", -1),
        ("/products", "update", 0),
        ("/discount_coupons", "insert", 1),
        ("/discount_coupons", "delete", -1),
    ],
)
def test_rows_change_between_pages(store: Open, path: str, change: str, shift: int) -> None:
    api = store(customers=30)
    api.lay(shifting_pages={"changes": [change], "path": path})
    totals = [api.get(path, limit=2)["total"] for _ in range(3)]
    assert totals == [totals[0], totals[0] + shift, totals[0] + 2 * shift]
    assert api.counters()["faults"]["shifting_pages"] == 3


def test_somebody_edits_and_deletes_coupons_by_hand(api: Any) -> None:
    before = api.get("/discount_coupons")
    api.lay(coupon_meddling={"changes": ["delete"], "times": 1})
    api.get("/profile")
    api.lay(coupon_meddling={"changes": ["edit"], "times": 1})
    api.get("/profile")
    after = {coupon["id"]: coupon for coupon in api.get("/discount_coupons")["items"]}
    assert len(after) == before["total"] - 1
    edited = [coupon for coupon in before["items"] if coupon["id"] in after and after[coupon["id"]] != coupon]
    assert len(edited) == 1


def test_a_stalled_batch_delays_later_batches(api: Any) -> None:
    api.lay(stalled_batches={"seconds": 90, "times": 1})
    read = [{"path": "/profile", "method": "GET"}]
    first, second = api.batch(read), api.batch(read)
    api.clock.pass_by(89)
    assert {api.get("/batch", ticket=ticket)["status"] for ticket in (first, second)} == {"QUEUED"}
    api.clock.pass_by(2)
    assert api.finished(second)["completedRequests"] == 1


def test_a_skewed_clock_shows_in_the_date_header_and_in_dates(api: Any) -> None:
    api.lay(clock_skew={"seconds": -3600})
    api.coupon("EARLY")
    answer = api.call("GET", "/discount_coupons/EARLY")
    assert answer.headers["Date"] == "Mon, 02 Mar 2026 11:00:00 GMT"
    assert answer.json()["creationDate"] == "2026-03-02 11:00:00 +0000"


def test_every_request_with_a_revoked_token_is_counted(api: Any) -> None:
    api.turn(token_revoked=True)
    assert statuses(api, 3) == [403, 403, 403]
    assert api.counters()["revoked_token"] == 3


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ({"strom": {}}, "There is no kind of fault 'strom'; there are storm, errors,"),
        ({"storm": {"shrae": 1}}, "The fault storm has no setting 'shrae'; it has share, times, on, path, retry_after."),
        ({"storm": {"share": 2}}, "The fault storm wants a number from 0 to 1 as its share, not 2."),
        ({"storm": {"share": True}}, "The fault storm wants a number from 0 to 1 as its share, not True."),
        ({"errors": {"status": 404}}, "a whole number from 500 to 599"),
        ({"errors": {"on": "reading"}}, "all, reads or writes"),
        ({"slow": {"seconds": "3"}}, "a number of seconds from 0 up as its seconds, not '3'"),
        ({"shifting_pages": {"changes": ["swap"]}}, "a list of some of insert, update, delete"),
        ({"token_revoked": {"after": 1.5}}, "a whole number from 0 up as its after"),
        ({"resets": 3}, "The fault resets has settings by name, or true, or false; not 3."),
        ({"seed": "x"}, "The seed of a fault plan is a whole number, not 'x'."),
        ([], "A fault plan is a mapping"),
    ],
    ids=str,
)  # fmt: skip
def test_an_invalid_plan_of_faults_is_refused_with_a_sentence(plan: Any, sentence: str) -> None:
    with pytest.raises(PlanFault) as refusal:
        Faults().lay(plan)
    assert sentence in str(refusal.value)


def test_an_invalid_plan_of_faults_changes_nothing_over_http(api: Any) -> None:
    api.lay(errors={"status": 500})
    answer = api.admin("faults", {"errors": False, "slow": {"share": -1}})
    assert answer.status_code == 400
    assert "slow" in answer.json()["errorMessage"]
    assert list(api.admin("faults").json()["on"]) == ["errors"]
    api.lay(errors=False)
    assert api.admin("faults").json()["on"] == {}


def test_every_kind_is_documented_and_works_with_its_defaults() -> None:
    from tillroll.sandbox.state import faults

    for kind in KINDS:
        assert f"\n{kind} " in str(faults.__doc__)
    Faults(dict.fromkeys(KINDS, True))


def test_a_plan_is_read_from_a_file(tmp_path: Path, store: Open) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("seed: 3\nerrors: {share: 1, status: 503, times: 2}\nstorm: null\n")
    assert statuses(store(with_={"faults": read_plan(file)}), 3) == [503, 503, 200]
    file.write_text("errors: [")
    with pytest.raises(PlanFault, match="can't be read"):
        read_plan(file)
    with pytest.raises(PlanFault, match="can't be read"):
        read_plan(tmp_path / "none.yaml")


def test_a_sandbox_with_an_invalid_plan_of_faults_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("strom: {}\n")
    for command in (["-m", "tillroll.sandbox"], ["-m", "tillroll", "sandbox"]):
        ended = subprocess.run(
            [sys.executable, *command, "--faults", str(file), "--dir", str(tmp_path / "store")],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode != 0
        assert "There is no kind of fault 'strom'" in " ".join(ended.stderr.split())
        assert "Traceback" not in ended.stderr


def test_a_sandbox_process_of_several_stores_takes_its_faults_from_a_file(
    process: Any, tmp_path: Path
) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("errors: {status: 502, path: /profile}\n")
    api = process.start("--faults", str(file), "--stores", "2")
    second = api.session.get(f"{api.root}/sandbox/stores", timeout=60).json()["stores"][1]
    assert statuses(api, 1) == [502]
    api.store_id, api.token = second["store_id"], second["token"]
    assert statuses(api, 1) == [502]
    assert statuses(api, 1, path="/discount_coupons") == [200]
