"""Changing codes and deciding on drift in a real browser, with and without JavaScript."""

from __future__ import annotations

import sqlalchemy as sa
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.shop import NOW, SHOP, run_row
from tests.web.site import open_shop, plan_run, put_under_way
from tillroll.campaign.states import DriftKind, RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes, stores
from tillroll.mint.reconcile.drift_rows import record_drift


def test_codes_are_paused_a_campaign_is_halted_and_drift_is_accepted(page: Page, site: Site) -> None:
    run_id = plan_run(site.engine, open_shop(site.engine))
    put_under_way(site.engine, run_id, RunState.TRACKING, live=10_000, message_states=[("sent", "")] * 20)
    page.goto(f"{SHOP}/runs/{run_id}")
    page.get_by_text("Change the codes of this run …").click()
    page.get_by_label("Reason").first.fill("wrong price")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status").first).to_contain_text("Change 1 is queued.")
    expect(page.get_by_text("Pausing codes of run 1")).to_be_visible()
    page.get_by_role("link", name="Campaigns").click()
    card = page.get_by_role("article", name="We miss you")
    card.get_by_text("Halt this campaign …").click()
    card.get_by_label("Reason").fill("wrong price")
    card.get_by_role("button", name="Halt winback").click()
    expect(page.get_by_role("article", name="We miss you")).to_contain_text("Halted")
    assert run_row(site.engine, run_id).state == RunState.HALTED
    difference = {"field": "value", "ledger": "15%", "store": "25%", "raw": "PERCENT 25"}
    with writing(site.engine) as connection:
        code = connection.execute(sa.select(codes)).first()
        assert code is not None
        also = {"code": code.code, "code_id": code.id, "coupon_id": 7, "differences": [difference]}
        record_drift(connection, store_id=1, kind=DriftKind.CHANGED, now=NOW, **also)
        connection.execute(sa.update(stores).values(drift_at=NOW))
    page.get_by_role("link", name="Home").click()
    page.get_by_role("link", name="Review it").click()
    page.get_by_label("Choose drift 1").check()
    page.get_by_label("Reason").fill("agreed")
    page.get_by_role("button", name="Accept change").click()
    expect(page.get_by_text("No differences.")).to_be_visible()
