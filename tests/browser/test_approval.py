"""Approving, rejecting and halting runs in a real browser, with and without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site, sign_in
from tests.shop import ROOT, SHOP, run_row
from tests.web.site import open_shop, plan_run, put_under_way
from tillroll.campaign.states import RunState

PICTURE = ROOT / "docs" / "images" / "approval.png"


@pytest.fixture
def run_id(site: Site) -> int:
    """A waiting run in a store with 240 customers."""
    return plan_run(site.engine, open_shop(site.engine))


@pytest.fixture
def waiting(run_id: int, page: Page) -> Page:
    """The home page, signed in as Ana, with a waiting run."""
    page.goto(f"{SHOP}/")
    return page


def test_a_waiting_run_is_approved(waiting: Page, site: Site, run_id: int) -> None:
    waiting.get_by_role("link", name="We miss you").click()
    expect(waiting).to_have_url(re.compile(rf"{SHOP}/runs/{run_id}$"))
    frames = waiting.locator("iframe[sandbox='']")
    expect(frames).to_have_count(3)
    for number in range(3):
        inside = waiting.frame_locator("iframe").nth(number)
        expect(inside.get_by_text("EXAMPLE-0000")).to_be_visible()
    waiting.get_by_label("Note").fill("Checked the numbers with Marko.")
    waiting.get_by_role("button", name="Approve this plan").click()
    expect(waiting.get_by_role("status")).to_have_text("Approved. The codes are created next.")
    expect(waiting.locator("#progress .badge")).to_have_text("Approved")
    expect(waiting.get_by_text("Checked the numbers with Marko.")).to_be_visible()
    assert run_row(site.engine, run_id).state == RunState.APPROVED


def test_a_waiting_run_is_rejected(waiting: Page, site: Site, run_id: int) -> None:
    waiting.get_by_role("link", name="We miss you").click()
    waiting.get_by_label("Note").fill("Not this week.")
    waiting.get_by_role("button", name="Reject this plan").click()
    expect(waiting.locator("#progress .badge")).to_have_text("Rejected")
    assert run_row(site.engine, run_id).state == RunState.REJECTED
    waiting.goto(f"{SHOP}/")
    expect(waiting.get_by_text("Nothing is waiting for you.")).to_be_visible()


def test_a_run_in_progress_is_halted(page: Page, site: Site, run_id: int) -> None:
    put_under_way(site.engine, run_id, RunState.MINTING, live=10)
    page.goto(f"{SHOP}/runs/{run_id}")
    page.get_by_text("Halt this run").click()
    page.get_by_role("textbox", name="Reason").fill("The banner is wrong.")
    page.get_by_role("button", name=f"Halt run {run_id}").click()
    expect(page.locator("#progress .badge")).to_have_text("Halted")


def test_the_text_part_of_an_e_mail_opens(page: Page, run_id: int) -> None:
    page.goto(f"{SHOP}/runs/{run_id}")
    page.get_by_text("Plain-text version").first.click()
    expect(page.locator(".mail pre").first).to_contain_text("EXAMPLE-0000")


@pytest.mark.parametrize("javascript", [True], ids=["with-javascript"], indirect=True)
def test_progress_updates_by_itself_and_stops_at_the_end(page: Page, site: Site, run_id: int) -> None:
    page.goto(f"{SHOP}/runs/{run_id}")
    put_under_way(site.engine, run_id, RunState.SENDING, live=10, message_states=[("sent", "")] * 4)
    page.reload()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    expect(page.get_by_label("Messages sent")).to_have_attribute("value", "4")
    with site.engine.begin() as connection:
        connection.exec_driver_sql("update messages set state = 'held', reason = 'consent withdrawn'")
    expect(page.get_by_label("Messages sent")).to_have_attribute("value", "0")
    expect(page.get_by_text("held: consent withdrawn")).to_be_visible()
    with site.engine.begin() as connection:
        connection.exec_driver_sql("update runs set state = 'done'")
    expect(page.locator("#progress .badge")).to_have_text("Done")
    page.wait_for_load_state("networkidle")
    requests.clear()
    page.wait_for_timeout(1_500)
    assert not [url for url in requests if url.endswith("/progress")]


@pytest.mark.parametrize("javascript", [False], ids=["without-javascript"], indirect=True)
def test_progress_without_javascript_has_a_link_to_refresh(page: Page, site: Site, run_id: int) -> None:
    put_under_way(site.engine, run_id, RunState.SENDING, live=10)
    page.goto(f"{SHOP}/runs/{run_id}")
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_label("Codes live")).to_have_attribute("value", "10")


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("javascript", [False], ids=["without-javascript"], indirect=True)
def test_no_page_is_wider_than_its_window(page: Page, site: Site, run_id: int, width: int) -> None:
    states = [("sent", "")] * 4 + [("failed", "550 5.1.1 no such user here, and a long reason to go with it")]
    sending = plan_run(site.engine, run_row(site.engine, run_id).store_id, "seasonal")
    put_under_way(site.engine, sending, RunState.SENDING, live=10, message_states=states)
    page.set_viewport_size({"width": width, "height": 800})
    for address in (
        "/",
        f"{SHOP}/campaigns",
        f"{SHOP}/runs",
        f"{SHOP}/runs/{run_id}",
        f"{SHOP}/runs/{sending}",
        f"{SHOP}/runs/{sending}/messages",
    ):
        page.goto(address)
        box = page.locator("html").bounding_box()
        main = page.locator("main").bounding_box()
        assert box is not None
        assert main is not None
        assert main["x"] + main["width"] <= width, address


def test_the_picture_in_the_readme(
    browser: Browser, site: Site, run_id: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    context = browser.new_context(
        base_url=site.url,
        viewport={"width": 1280, "height": 1190},
        color_scheme="light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    sign_in(page)
    page.goto(f"{SHOP}/runs/{run_id}")
    expect(page.get_by_role("button", name="Approve this plan")).to_be_visible()
    picture = tmp_path / PICTURE.name
    page.screenshot(path=picture)
    context.close()
    assert picture.stat().st_size > 20_000
    if request.config.getoption("--update-screenshots"):
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_bytes(picture.read_bytes())
