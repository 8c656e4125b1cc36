"""Passkeys in Chromium, with an authenticator that the browser simulates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Site, sign_in
from tests.shop import ANA
from tillroll.ledger.tables import audit, passkeys

_AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def window(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """A window in which Ana is signed in, at the name `localhost`: passkeys need a name, and accept this one without https."""
    context = browser.new_context(base_url=site.url.replace("127.0.0.1", "localhost"))
    page = context.new_page()
    page.on("pageerror", lambda fault: site.complaints.append(str(fault)))
    page.on(
        "console",
        lambda message: site.complaints.append(message.text) if message.type == "error" else None,
    )
    sign_in(page)
    yield context
    context.close()
    assert site.complaints == [], "the browser's console complained"


def add_authenticator(page: Page) -> Any:
    """Give the browser of a page an authenticator, and return the session that controls it."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": _AUTHENTICATOR})
    return devtools


def add_passkey(page: Page, name: str = "My phone") -> None:
    page.goto("/account")
    page.get_by_role("button", name=re.compile("passkey")).click()
    page.get_by_label("Name of a new passkey").fill(name)
    page.get_by_role("button", name="Add a passkey").click()


def test_a_passkey_is_added_asked_for_and_removed(window: BrowserContext, site: Site) -> None:
    page = window.pages[0]
    add_authenticator(page)
    add_passkey(page)
    expect(page.get_by_text("Signing in asks for “My phone” from now on.")).to_be_visible()
    expect(page.get_by_text("Signing in asks for a passkey.")).to_be_visible()

    page.get_by_role("button", name="Sign out", exact=True).click()
    sign_in(page)
    expect(page.get_by_role("button", name="Use your passkey")).to_be_visible()
    page.goto("/account")
    expect(page).to_have_url(re.compile("/login"))  # the password alone signs nobody in
    sign_in(page)
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_role("link", name=ANA.email)).to_be_visible()

    page.goto("/account")
    page.get_by_role("button", name="Add or remove passkeys").click()
    page.get_by_role("button", name="Remove My phone").click()
    expect(page.get_by_text("The passkey “My phone” is removed.")).to_be_visible()
    with site.engine.connect() as connection:
        assert connection.execute(sa.select(passkeys)).all() == []
        query = sa.select(audit.c.body).where(audit.c.action == "user.second-factor").order_by(audit.c.id)
        added, removed = connection.scalars(query)
    assert '"added":true' in added
    assert '"added":false' in removed


@pytest.mark.slow
def test_at_an_address_without_a_name_it_says_what_to_do(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.url)  # http://127.0.0.1
    page = context.new_page()
    sign_in(page)
    add_passkey(page)
    expect(page.get_by_role("alert")).to_contain_text("open http://localhost instead")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_contain_text("open http://localhost instead")
    context.close()


@pytest.mark.slow
def test_without_javascript_it_says_what_works(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page)
    add_passkey(page)
    expect(page.get_by_role("alert").filter(has_text="needs JavaScript")).to_be_visible()
    context.close()
