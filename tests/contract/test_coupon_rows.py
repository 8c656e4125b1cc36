"""Every row of the dossier's tables of coupons and batches (sections 1 and 3), through the client, over HTTP.

What is more particular about them is in test_client.py and test_endpoints.py.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.contract.rows import drives, refused
from tests.contract.samples import coupon, wait_for
from tests.store import turn
from tillroll.ecwid.client import Client
from tillroll.errors import ScopeMissing
from tillroll.sandbox.serve import Sandbox


@pytest.mark.parametrize("conflict_body", [True, False])
@drives(
    "GET /discount_coupons",
    "POST /discount_coupons",
    "GET /discount_coupons/{identifier}",
    "PUT /discount_coupons/{identifier}",
    "DELETE /discount_coupons/{identifier}",
)
def test_a_coupon_is_made_found_changed_and_deleted(
    sandbox: Sandbox, client: Client, conflict_body: bool
) -> None:
    turn(sandbox, conflict_body=conflict_body)
    made, other = client.coupons.create(coupon()), client.coupons.create(coupon("OTHER"))
    assert client.coupons.update(made, {"code": "RENAMED", "discount": 20})
    found = client.coupons.find("renamed")
    assert found == client.coupons.get(made)
    assert (found.discount, found.minimum_subtotal) == (Decimal(20), Decimal(30)), "an update is a merge"
    with refused(409):
        client.coupons.create(coupon("Renamed"))
    with refused(409):
        client.coupons.update(other, {"code": "renamed"})
    with refused(400, "WRONG_PARAMETER"):
        client.coupons.update(made, {"discountType": "HALF"})
    page = client.connection.read("/discount_coupons", {"offset": 1000})
    assert (page["count"], page["items"], page["offset"], page["limit"]) == (0, [], 1000, 100)
    assert client.coupons.delete(made)
    with refused(404, "DISCOUNT_COUPON_NOT_FOUND", "Coupon is not found"):
        client.coupons.get(made)


@drives("GET /coupons/deleted", "GET /discount_coupons/deleted")
def test_the_history_of_deleted_coupons_has_an_old_and_a_new_path(client: Client) -> None:
    made = client.coupons.create(coupon())
    client.coupons.delete(made)
    assert [one.id for one in client.coupons.deleted(datetime.now(UTC) - timedelta(hours=1))] == [str(made)]
    old = client.connection.read("/discount_coupons/deleted")
    assert [one["id"] for one in old["items"]] == [made]
    assert old["items"][0].keys() == {"id", "date"}
    with refused(400):
        client.connection.read("/coupons/deleted", {"from_date": "soon"})


@drives("POST /batch", "GET /batch", "DELETE /batch", "POST /batch/cancel-group")
def test_a_batch_is_handed_over_watched_cancelled_and_forgotten(sandbox: Sandbox, client: Client) -> None:
    turn(sandbox, batch_pause=5.0)
    requests = [client.coupons.creation(str(number), coupon(f"B{number}")) for number in range(150)]
    ticket = client.batches.create(requests, deduplication_key=str(uuid.uuid4()), group="g")
    assert client.batches.cancel_group("g") == 1
    assert wait_for(client, ticket).total == 150
    assert ticket in set(client.batches.tickets("COMPLETED"))
    assert client.batches.delete(ticket)
    with refused(404):
        client.batches.status(ticket)
    with refused(400):
        client.batches.create([*requests] * 4, deduplication_key=str(uuid.uuid4()), group="too many")
    with refused(400, words="Batch request body is invalid"):
        client.connection.write("POST", "/batch", body=[{"id": 7, "path": "/profile", "method": "GET"}])


@pytest.mark.parametrize("feature", ["coupons", "shipping_discounts"])
def test_a_discount_the_stores_plan_lacks_is_refused_without_a_dead_token(
    sandbox: Sandbox, client: Client, feature: str
) -> None:
    turn(sandbox, missing_features=[feature])
    with pytest.raises(ScopeMissing):
        client.coupons.create(coupon(discount_type="SHIPPING"))
    if feature == "shipping_discounts":
        client.coupons.create(coupon())
    assert not client.connection.refused
