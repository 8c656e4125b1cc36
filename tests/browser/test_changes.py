"""What is done to codes, asked for in a real browser: with JavaScript and without it."""

from __future__ import annotations

import sqlalchemy as sa
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.shop import NOW, run_row
from tests.web.site import open_shop, plan_run, put_under_way
from tillroll.campaign.states import DriftKind, RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes, stores
from tillroll.mint.drift.rows import note


def test_codes_are_paused_a_campaign_is_halted_and_drift_is_decided_on(page: Page, site: Site) -> None:
    run_id = plan_run(site.engine, open_shop(site.engine))
    put_under_way(site.engine, run_id, RunState.TRACKING, live=10_000, message_states=[("sent", "")] * 20)
    page.goto(f"/runs/{run_id}")
    page.get_by_text("The codes of this run …").click()
    page.get_by_label("Why").first.fill("wrong price")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status").first).to_contain_text("Change 1 is written down")
    expect(page.get_by_text("Pausing codes of run 1")).to_be_visible()
    page.get_by_role("link", name="Campaigns").click()
    card = page.get_by_role("article", name="We miss you")
    card.get_by_text("Halt this campaign …").click()
    card.get_by_label("Why").fill("wrong price")
    card.get_by_role("button", name="Halt winback").click()
    expect(page.get_by_role("article", name="We miss you")).to_contain_text("Halted")
    assert run_row(site.engine, run_id).state == RunState.HALTED
    difference = {"field": "value", "ledger": "15 %", "store": "25 %", "raw": "PERCENT 25"}
    with writing(site.engine) as connection:
        code = connection.execute(sa.select(codes)).first()
        assert code is not None
        also = {"code": code.code, "code_id": code.id, "coupon_id": 7, "differences": [difference]}
        note(connection, store_id=1, kind=DriftKind.CHANGED, now=NOW, **also)
        connection.execute(sa.update(stores).values(drift_at=NOW))
    page.get_by_role("link", name="Desk").click()
    page.get_by_role("link", name="Look, and decide").click()
    page.get_by_label("Choose drift 1").check()
    page.get_by_label("Why").fill("agreed")
    page.get_by_role("button", name="Let stand").click()
    expect(page.get_by_text("Nothing drifted.")).to_be_visible()
