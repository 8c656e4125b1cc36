"""Fixtures: the real app on a loopback port, and a Chromium that fails the test on a console error or warning."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright
from sqlalchemy.engine import Engine
from werkzeug.serving import make_server

from tests.clocks import FakeClock
from tests.shop import ANA
from tests.tools import MISSING, chromium
from tests.web.site import PASSWORD, app_for
from tillroll.ledger.engine import open_engine

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)


@dataclass(kw_only=True)
class Site:
    """The address of the app, with its ledger and clock."""

    url: str
    engine: Engine
    clock: FakeClock
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium that can reach only this machine."""
    path = chromium()
    if path is None:
        pytest.fail(MISSING, pytrace=False)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def site(sqlite_url: str, tmp_path: Path) -> Iterator[Site]:
    """The app, served by a thread."""
    engine, clock = open_engine(sqlite_url), FakeClock()
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
    """Whether JavaScript is enabled; a test with this fixture runs with and without it."""
    return bool(request.param)


@pytest.fixture
def page(browser: Browser, site: Site, javascript: bool) -> Iterator[Page]:
    """A page, signed in as Ana. An error or warning in the console fails the test."""
    context = browser.new_context(
        base_url=site.url, java_script_enabled=javascript, viewport={"width": 1280, "height": 900}
    )
    new_page = context.new_page()
    new_page.on(
        "console",
        lambda message: (
            site.complaints.append(message.text) if message.type in {"error", "warning"} else None
        ),
    )
    new_page.on("pageerror", lambda fault: site.complaints.append(str(fault)))
    context.on("request", lambda request: site.complaints.extend(_elsewhere(request)))
    sign_in(new_page)
    yield new_page
    context.close()
    assert site.complaints == [], "the browser's console complained"


def _elsewhere(request: Request) -> Iterator[str]:
    """Yield a complaint if a request is to another host."""
    address = urlsplit(request.url)
    if address.scheme in {"http", "https", "ws", "wss"} and address.hostname not in LOOPBACK:
        yield f"asked another host: {request.url}"


def sign_in(page: Page, email: str = ANA.email) -> None:
    """Sign in through the form."""
    page.goto("/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
