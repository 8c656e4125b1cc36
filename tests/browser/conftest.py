"""The real app on a loopback port, and a Chromium that fails the test when a page complains."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy.engine import Engine
from werkzeug.serving import make_server

from tests.shop import ANA
from tests.tools import MISSING, chromium
from tests.web.site import PASSWORD, Standing, app_for
from tillroll.ledger.engine import open_engine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-screenshots", action="store_true", help="write docs/images/ anew")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))  # one Chromium is enough


@dataclass(kw_only=True)
class Site:
    """Where the app is, and what stands behind it."""

    url: str
    engine: Engine
    clock: Standing
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a head."""
    path = chromium()
    if path is None:
        pytest.fail(MISSING)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def site(sqlite_url: str, tmp_path: Path) -> Iterator[Site]:
    """The app, served from a thread."""
    engine, clock = open_engine(sqlite_url), Standing()
    server = make_server("127.0.0.1", 0, app_for(engine, tmp_path, clock), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Site(url=f"http://127.0.0.1:{server.server_port}", engine=engine, clock=clock)
    server.shutdown()
    thread.join()
    server.server_close()
    engine.dispose()


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def javascript(request: pytest.FixtureRequest) -> bool:
    """A test that takes it runs both ways."""
    return bool(request.param)


@pytest.fixture
def page(browser: Browser, site: Site, javascript: bool) -> Iterator[Page]:
    """A page, signed in as Ana; what the console says against it fails the test."""
    context = browser.new_context(
        base_url=site.url, java_script_enabled=javascript, viewport={"width": 1280, "height": 900}
    )
    found = context.new_page()
    found.on(
        "console",
        lambda said: site.complaints.append(said.text) if said.type in {"error", "warning"} else None,
    )
    found.on("pageerror", lambda fault: site.complaints.append(str(fault)))
    sign_in(found)
    yield found
    context.close()
    assert site.complaints == [], "the browser's console complained"


def sign_in(page: Page, email: str = ANA.email) -> None:
    """Through the form."""
    page.goto("/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
