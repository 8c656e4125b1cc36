"""A plan saved as an HTML file opens completely in a browser and makes no requests."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Site
from tests.shop import NOW, sample_book
from tests.web.site import open_shop
from tillroll.cli.plan.html_file import as_html
from tillroll.ledger.tables import customers, stores
from tillroll.outlook.plan_preview import PreviewRequest, preview_plan
from tillroll.rendering.preview import PreviewSubject, render_previews

NAMES = {
    1: "محمد عبد الله بن عبد العزيز آل سعود",
    2: "🎉 Žiga 🎈",
    4: "A" * 90,
    5: '<img src="//evil.example/x">',
}


@pytest.mark.parametrize("width", [360, 1280])
def test_a_plan_file_opens_completely_and_loads_nothing(
    browser: Browser, site: Site, tmp_path: Path, width: int
) -> None:
    open_shop(site.engine)
    with site.engine.begin() as connection:
        for number, name in NAMES.items():
            customer = customers.c.customer_id == number
            connection.execute(sa.update(customers).where(customer).values(name=name, first_name=name))
        store = connection.execute(sa.select(stores)).one()
    revision = sample_book().revisions["winback"]
    preview = preview_plan(
        PreviewRequest(engine=site.engine, store=store, revision=revision, now=NOW, per_minute=600)
    )
    about = PreviewSubject(store=store, revision=revision, proposal=preview.proposal, now=NOW)
    people = preview.sample[:3]
    mails = [(who, mail) for who, (_, mail) in zip(people, render_previews(about, people), strict=True)]
    path = tmp_path / "plan.html"
    path.write_text(as_html(preview, mails, made_at=NOW), "utf-8")

    context = browser.new_context(viewport={"width": width, "height": 900})
    page, requests, messages = context.new_page(), list[str](), list[str]()
    context.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.goto(path.as_uri())
    expect(page.get_by_role("heading", name="What it may cost")).to_be_visible()
    expect(page.locator("iframe[sandbox='']")).to_have_count(3)
    expect(page.frame_locator("iframe").first.get_by_text("EXAMPLE-0000")).to_be_visible()
    wide = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert wide <= width
    assert [url for url in requests if not url.startswith("file:")] == []
    assert messages == []
