"""Pages where an installation works for several stores: one is looked at, and a run's page is about its own."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_store
from tests.web.site import app_for, sign_in, token_on
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import runs


def test_another_store_is_chosen_and_a_run_is_shown_with_its_own(ledger: Engine, tmp_path: Path) -> None:
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
    page = client.get("/")
    assert "Times are the store&#39;s: Europe/Ljubljana" in page.text.replace("'", "&#39;")
    chosen = client.post(
        "/store/choose", data={"csrf_token": token_on(page), "store": "1004"}, follow_redirects=True
    )
    assert "America/New_York" in chosen.text
    assert "Europe/Ljubljana" in client.get("/runs/1").text
    assert "America/New_York" in client.get("/runs").text
    wrong = client.post("/store/choose", data={"csrf_token": token_on(page), "store": "9"})
    assert wrong.status_code == 404
