"""Pages of an installation with several stores: each address names its store, and a choice only says where `/` leads."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, SHOP, add_store
from tests.web.site import app_for, sign_in, token_on
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import runs

OTHER = "/stores/1004"


def test_choosing_a_store_says_where_the_first_page_leads_and_nothing_else(
    ledger: Engine, tmp_path: Path
) -> None:
    first = add_store(ledger)
    add_store(ledger, ecwid_id=1004, name="Other Shop", timezone="America/New_York")
    run = {
        "campaign": "winback",
        "slot_key": "one",
        "state": RunState.SKIPPED,
        "reason": "",
        "started_by": "ana",
    }
    with writing(ledger) as connection:
        row = {"store_id": first, "slot_at": NOW, "created_at": NOW, "changed_at": NOW, **run}
        connection.execute(sa.insert(runs).values(row))
    client = app_for(ledger, tmp_path).test_client()
    sign_in(client)
    assert client.get("/").location == f"{SHOP}/"
    page = client.get(f"{SHOP}/")
    assert "time zone: Europe/Ljubljana" in page.text
    chosen = client.post("/store/choose", data={"csrf_token": token_on(page), "store": "1004"})
    assert chosen.location == f"{OTHER}/"
    assert client.get("/").location == f"{OTHER}/"
    assert "time zone: America/New_York" in client.get(f"{OTHER}/").text
    assert "time zone: Europe/Ljubljana" in client.get(f"{SHOP}/runs/1").text
    assert "time zone: Europe/Ljubljana" in client.get(f"{SHOP}/runs").text
    wrong = client.post("/store/choose", data={"csrf_token": token_on(page), "store": "9"})
    assert wrong.status_code == 404


def test_a_former_address_leads_on_when_it_can_only_mean_one_store(ledger: Engine, tmp_path: Path) -> None:
    store_id = add_store(ledger)
    with writing(ledger) as connection:
        row = {"store_id": store_id, "slot_at": NOW, "created_at": NOW, "changed_at": NOW}
        run = {"campaign": "winback", "slot_key": "one", "state": RunState.SKIPPED, "reason": ""}
        connection.execute(sa.insert(runs).values({**row, **run, "started_by": "ana"}))
    client = app_for(ledger, tmp_path).test_client()
    sign_in(client)
    assert client.get("/runs?show=done").location == f"{SHOP}/runs?show=done"
    assert client.get("/campaigns").location == f"{SHOP}/campaigns"
    add_store(ledger, ecwid_id=1004, name="Other Shop")
    assert client.get("/runs/1/messages?state=sent").location == f"{SHOP}/runs/1/messages?state=sent"
    assert client.get("/runs/1").location == f"{SHOP}/runs/1"
    for address in ("/runs", "/campaigns", "/drift", "/runs/2"):
        assert client.get(address).status_code == 404, address
    assert client.post("/runs/1/halt").status_code == 405
