"""The browser itself: it opens a page on loopback and clicks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

PAGE = """<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Till</title>
<button onclick="this.textContent = 'Approved'">Approve</button></html>"""


class Quiet(SimpleHTTPRequestHandler):
    """A file server that keeps its log to itself."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "index.html").write_text(PAGE)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_page_opens_and_a_button_works(page: Page, site: str) -> None:
    page.goto(site)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("button")).to_have_text("Approved")
