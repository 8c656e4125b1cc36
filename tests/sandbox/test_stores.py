"""Several independent stores on one port, and several tokens of one store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import FakeClock
from tests.sandbox.conftest import NOON
from tillroll.sandbox import Sandbox, Switches

Open = Callable[..., Any]


def both(api: Any) -> tuple[Any, Any]:
    """Return the clients of two stores."""
    stores = api.session.get(f"{api.root}/sandbox/stores", timeout=60).json()["stores"]
    assert [store["store_id"] for store in stores] == [1003, 1004]
    return api, replace(api, store_id=stores[1]["store_id"], token=stores[1]["token"])


@pytest.fixture
def pair(store: Open) -> tuple[Any, Any]:
    return both(store(with_={"stores": 2}, requests_per_minute=5))


def test_each_store_has_its_own_coupons_allowance_and_switches(pair: tuple[Any, Any]) -> None:
    first, second = pair
    assert first.coupon("ONLY1").status_code == 200
    assert second.call("GET", "/discount_coupons/ONLY1").status_code == 404
    assert second.get("/profile")["generalInfo"]["storeId"] == 1004
    second.turn(plan="free")
    assert second.call("GET", "/profile").status_code == 402
    assert [first.call("GET", "/profile").status_code for _ in range(5)] == [200] * 4 + [429]
    assert second.call("GET", "/profile").status_code == 402


def test_each_store_has_its_own_faults_counters_and_batches(pair: tuple[Any, Any]) -> None:
    first, second = pair
    second.lay(errors={"status": 503})
    assert first.call("GET", "/profile").status_code == 200
    assert second.call("GET", "/profile").status_code == 503
    assert (first.counters()["requests"], second.counters()["faults"]) == (1, {"errors": 1})
    ticket = first.batch([{"path": "/profile", "method": "GET"}])
    second.session.delete(f"{second.root}/sandbox/stores/1004/faults", timeout=60)
    assert second.call("GET", "/batch", params={"ticket": ticket}).status_code == 404
    assert first.finished(ticket)["completedRequests"] == 1


def test_a_token_of_another_store_is_refused(pair: tuple[Any, Any]) -> None:
    first, second = pair
    assert replace(first, token=second.token).call("GET", "/profile").status_code == 403
    assert first.counters()["unknown_token"] == 1


def test_an_address_without_a_store_means_the_first_and_an_unknown_store_is_reported(
    pair: tuple[Any, Any],
) -> None:
    first, second = pair
    second.get("/profile")
    plain = first.session.get(f"{first.root}/sandbox/counters", timeout=60).json()
    assert plain["requests"] == 0
    assert first.session.get(f"{first.root}/sandbox/stores/77/counters", timeout=60).status_code == 404


def test_restarted_stores_keep_their_tokens_and_share_a_secret(tmp_path: Path) -> None:
    def opened() -> Sandbox:
        return Sandbox(
            port=0,
            directory=tmp_path,
            customers=3,
            seed=1,
            switches=Switches(),
            clock=FakeClock(NOON),
            stores=3,
        )

    first = opened()
    before, secrets = first.ready, {store.client_secret for store in first.stores}
    first.close()
    again = opened()
    after = again.ready
    again.close()
    assert (after.stores, after.token) == (before.stores, before.stores[0].token)
    assert len({entry.token for entry in after.stores}) == 3
    assert secrets == {before.client_secret}


def test_every_token_has_an_allowance_and_scopes_of_its_own(store: Open) -> None:
    api = store(requests_per_minute=2)
    made = api.admin("tokens", {"scopes": ["read_store_profile"], "requests_per_minute": 1}).json()
    other = replace(api, token=made["token"])
    assert [other.call("GET", "/profile").status_code for _ in range(2)] == [200, 429]
    assert [api.call("GET", "/profile").status_code for _ in range(3)] == [200, 200, 429]
    api.clock.pass_by(61)
    refused = other.call("GET", "/discount_coupons")
    assert (refused.status_code, refused.json()["errorCode"]) == (403, "INSUFFICIENT_APP_SCOPE")
    shown = api.admin("tokens").json()["tokens"]
    assert [(token["requests"], token["rate_limited"], token["revoked"]) for token in shown] == [
        (2, 1, False),
        (2, 1, False),
    ]


def test_a_batch_has_the_permissions_of_its_token(store: Open) -> None:
    api = store()
    made = api.admin("tokens", {"scopes": ["read_discount_coupons"]}).json()
    other = replace(api, token=made["token"])
    paths = ["/profile", "/discount_coupons/FRIENDS"]
    ticket = other.batch([{"path": path, "method": "GET"} for path in paths], stopOnFirstFailure="false")
    assert [response["httpStatusCode"] for response in other.finished(ticket)["responses"]] == [403, 200]
