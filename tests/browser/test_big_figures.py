"""Pages with long names and big amounts: nothing spills over the page, and no amount breaks in two, on a desktop and a phone."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page

from tests.browser.conftest import Site
from tests.cli.command import tillroll
from tests.shop import SHOP, campaign_text, sample_book
from tests.web.site import open_shop, plan_run, put_under_way
from tests.web.test_results import earned, kept_day
from tillroll.campaign.states import RunState
from tillroll.ledger.counting.mend import mend_counts
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes, recipients, redemptions

BIG = Decimal("1234567.89")
TITLE = "Winterschlussverkaufsgutscheinaktion für alle Teeliebhaberinnen 2026/2027"
NAME = "winter-sale-for-everybody-who-bought-tea-or-teapots-last-year"
ARMS = "\n".join(f"  - {{name: arm-with-a-rather-long-name-{value}}}" for value in range(1, 9))

BROKEN = r"""() => {
  const broken = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (!text.parentElement.checkVisibility()) continue;
    for (const match of text.data.matchAll(/€[\d.,]+/g)) {
      const range = document.createRange();
      range.setStart(text, match.index);
      range.setEnd(text, match.index + match[0].length);
      const tops = [...range.getClientRects()].filter(box => box.width > 1).map(box => box.top);
      if (Math.max(...tops) > Math.min(...tops) + 4) broken.push(match[0]);
    }
  }
  return broken;
}"""
"""The amounts on the page whose text takes more than one line."""


@pytest.fixture
def places(site: Site, tmp_path: Path) -> list[str]:
    """Return the addresses of pages with a month of big figures and a run of eight arms."""
    text = campaign_text("winback").replace("title: We miss you", f"title: {TITLE}")
    text = text.replace("\ncodes: {format", f"\nvariants:\n{ARMS}\n\ncodes: {{format")
    engine, book = site.engine, sample_book(**{NAME: text})
    store_id = open_shop(engine, book=book)
    run_id = plan_run(engine, store_id, NAME)
    put_under_way(engine, run_id, RunState.TRACKING, live=240, message_states=[("sent", "")] * 240, orders=40)
    with writing(engine) as connection:
        connection.execute(sa.update(redemptions).values(order_total=BIG, discount=BIG / 10))
        arm = sa.select(recipients.c.arm).where(recipients.c.id == codes.c.recipient_id).scalar_subquery()
        connection.execute(sa.update(codes).values(arm=arm))
        mend_counts(connection)  # an order counts for the arm that its code has when it comes
    for number in range(5, 22):
        kept_day(engine, store_id, date(2026, 11, number), 1_000 + number, str(BIG), coupons=number)
        earned(engine, store_id, f"2026-11-{number:02}", 900, 1_234_567, campaign=NAME)
    url = engine.url.render_as_string(hide_password=False)
    tillroll(tmp_path, "report", "--html", "report.html", DATABASE_URL=url)
    return [f"{SHOP}/", f"{SHOP}/results", f"{SHOP}/runs/{run_id}", (tmp_path / "report.html").as_uri()]


def test_nothing_spills_and_no_amount_breaks_in_two(page: Page, places: list[str]) -> None:
    for width, place in ((width, place) for width in (1280, 390) for place in places):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(place)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
        for card in page.locator(".side").all():
            assert card.evaluate("card => card.scrollWidth <= card.clientWidth"), place
        assert page.evaluate(BROKEN) == [], place
        if place.endswith("results"):
            assert page.locator("figure.chart svg").count() == 5, "with JavaScript or without"
        if "/runs/" in place:
            assert page.locator("table.arms").get_by_text(re.compile(r"€[0-9],[0-9]{3},[0-9]{3}\.")).count()
