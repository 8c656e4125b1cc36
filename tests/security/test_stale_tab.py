"""A page that was opened before its reader looked at another store never acts on that other store."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from tests.shop import NOW, SHOP, add_customers, add_store, lapsed, sample_book
from tests.web.site import app_for, open_shop, plan_run, sign_in, token_on
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import audit, campaigns, drifts, runs, stores
from tillroll.plan.record.revisions import record_book

OTHER = "/stores/1004"


@pytest.fixture
def first(ledger: Engine) -> int:
    return open_shop(ledger, customers=60)


@pytest.fixture
def second(ledger: Engine, first: int) -> int:
    """Another store with the same campaigns."""
    store_id = add_store(ledger, ecwid_id=1004, name="Other Shop", timezone="America/New_York")
    add_customers(ledger, store_id, *(lapsed(number) for number in range(1, 20)))
    record_book(ledger, store_id=store_id, book=sample_book(), now=NOW)
    return store_id


@pytest.fixture
def app(ledger: Engine, tmp_path: Path, first: int, second: int) -> Flask:
    return app_for(ledger, tmp_path)


@pytest.fixture
def ana(app: Flask) -> FlaskClient:
    client = app.test_client()
    sign_in(client)
    return client


def choose(client: FlaskClient, number: int) -> None:
    """Switch to another store, as another tab of the same browser would."""
    page = client.get(f"{SHOP}/")
    answer = client.post("/store/choose", data={"csrf_token": token_on(page), "store": str(number)})
    assert answer.location == f"/stores/{number}/"


def submit_all(client: FlaskClient, page: TestResponse) -> list[str]:
    """Submit every form of a page that was opened before, each to every address that it offers; return the addresses."""
    to = sorted(
        {*re.findall(r'formaction="([^"]+)"', page.text), *re.findall(r'action="([^"]+)"', page.text)}
    )
    digest = re.search(r'name="digest" value="([^"]+)"', page.text)
    fields = {
        "csrf_token": token_on(page),
        "digest": digest[1] if digest else "",
        "note": "stale",
        "drift": re.findall(r'name="drift" value="(\d+)"', page.text),
    }
    acting = [address for address in to if address not in {"/logout", "/store/choose"}]
    for address in acting:
        client.post(address, data=fields)
    return acting


def acts(ledger: Engine) -> list[str]:
    """Return what was done on behalf of somebody, in order."""
    with ledger.connect() as connection:
        query = sa.select(audit.c.action, audit.c.subject).where(audit.c.body.contains("stale"))
        return [f"{action} {subject}" for action, subject in connection.execute(query.order_by(audit.c.id))]


def halted_in(ledger: Engine) -> list[int]:
    """Return the stores in which a campaign is halted."""
    with ledger.connect() as connection:
        query = sa.select(campaigns.c.store_id).where(campaigns.c.halted_at.is_not(None))
        return list(connection.scalars(query))


def test_a_stale_campaigns_page_halts_the_campaign_of_its_own_store(
    ledger: Engine, ana: FlaskClient, first: int, second: int
) -> None:
    stale = ana.get(f"{SHOP}/campaigns")
    choose(ana, 1004)
    assert all(address.startswith(f"{SHOP}/") for address in submit_all(ana, stale))
    assert set(halted_in(ledger)) == {first}


def test_a_stale_run_page_decides_on_its_own_run(
    ledger: Engine, ana: FlaskClient, first: int, second: int
) -> None:
    run_id, other_run = plan_run(ledger, first), plan_run(ledger, second)
    stale = ana.get(f"{SHOP}/runs/{run_id}")
    choose(ana, 1004)
    assert f"{SHOP}/runs/{run_id}/approve" in submit_all(ana, stale)
    with ledger.connect() as connection:
        states = dict(connection.execute(sa.select(runs.c.id, runs.c.state)).all())
    assert (states[run_id], states[other_run]) == (RunState.APPROVED, RunState.WAITING)


def test_a_run_is_not_found_below_another_store(
    ledger: Engine, ana: FlaskClient, first: int, second: int
) -> None:
    run_id = plan_run(ledger, second)
    page = ana.get(f"{OTHER}/runs/{run_id}")
    fields = {"csrf_token": token_on(page), "note": "stale"}
    for what in ("approve", "reject", "halt", "restart", "codes/pause", "codes/revoke", "preview"):
        assert ana.post(f"{SHOP}/runs/{run_id}/{what}", data=fields).status_code == 404, what
    for what in ("", "/messages", "/progress", "/preview/1"):
        assert ana.get(f"{SHOP}/runs/{run_id}{what}").status_code == 404, what
    assert acts(ledger) == []


def test_a_stale_drift_page_decides_on_the_drift_of_its_own_store(
    ledger: Engine, ana: FlaskClient, first: int, second: int
) -> None:
    with writing(ledger) as connection:
        for store_id in (first, second):
            row = {"store_id": store_id, "code": f"STRAY{store_id}", "kind": "stray", "state": "open"}
            connection.execute(
                sa.insert(drifts).values({**row, "found_at": NOW, "seen_at": NOW, "differences": []})
            )
        connection.execute(sa.update(stores).values(drift_at=NOW))
    stale, other = ana.get(f"{SHOP}/drift"), ana.get(f"{OTHER}/drift")
    choose(ana, 1004)
    foreign = re.findall(r'name="drift" value="(\d+)"', other.text)
    fields = {"csrf_token": token_on(stale), "note": "stale", "drift": foreign}
    assert ana.post(f"{SHOP}/drift/accept", data=fields).status_code == 404
    submit_all(ana, stale)
    with ledger.connect() as connection:
        states = dict(connection.execute(sa.select(drifts.c.store_id, drifts.c.state)).all())
    assert states == {first: "accepted", second: "open"}


def test_a_stale_banner_tries_its_own_store_again(
    ledger: Engine, ana: FlaskClient, first: int, second: int
) -> None:
    with writing(ledger) as connection:
        connection.execute(sa.update(stores).values(state="disconnected"))
    stale = ana.get(f"{SHOP}/campaigns")
    choose(ana, 1004)
    assert f"{SHOP}/retry" in re.findall(r'action="([^"]+)"', stale.text)


@pytest.mark.parametrize(
    "address", ["/runs/1/approve", "/campaigns/winback/halt", "/drift/fix", "/store/retry"]
)
def test_an_address_that_names_no_store_takes_no_form(ledger: Engine, ana: FlaskClient, address: str) -> None:
    fields = {"csrf_token": token_on(ana.get(f"{SHOP}/")), "note": "stale"}
    assert ana.post(address, data=fields).status_code in {404, 405}
    assert acts(ledger) == []
