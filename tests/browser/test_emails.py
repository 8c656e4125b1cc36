"""The starter e-mails and those of the samples in Chromium: on a desktop, on a phone and in the dark.

`--update-screenshots` writes the pictures in docs/e-mails.md anew.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.rendering.examples import Example, sample_emails, starter_emails
from tests.shop import ROOT
from tillroll.campaign.folder.drafts import languages

PICTURES = ROOT / "docs" / "images" / "e-mails"
POT = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 300" width="300" height="300">
<rect width="300" height="300" fill="#d9c9a8"/><ellipse cx="150" cy="172" rx="82" ry="70" fill="#6f4b2c"/>
<rect x="138" y="82" width="24" height="22" rx="10" fill="#57391f"/>
<path d="M225 150c40-8 42 50-6 60" fill="none" stroke="#6f4b2c" stroke-width="14"/>
<path d="M72 150 40 118" stroke="#6f4b2c" stroke-width="16" stroke-linecap="round"/></svg>"""
"""Stands for each picture of goods."""

LOGO_BRAND = b"""postal_address: [Leaf & Kettle, 1000 Ljubljana]
font: sans
logo: {address: "https://shop.example/logo.png", alt: Leaf & Kettle, width: 90}
colours: {ink: "#1d1d1f", paper: "#fffdf7", page: "#efe6d8", accent: "#8a2f1f", button_text: "#fffdf7"}
"""


@dataclass(frozen=True, kw_only=True)
class Device:
    """On what an e-mail is looked at."""

    name: str
    width: int
    is_dark: bool


DEVICES = (
    Device(name="desktop", width=720, is_dark=False),
    Device(name="phone", width=360, is_dark=False),
    Device(name="dark", width=360, is_dark=True),
)

HARD_TO_READ = """() => {
  const channels = colour => (colour.match(/[0-9.]+/g) || []).map(Number);
  const opaque = element => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = channels(getComputedStyle(at).backgroundColor);
      if (a > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const ratio = (one, other) => {
    const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility() || element.closest('style, script')) continue;
    const style = getComputedStyle(element);
    const least = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
    const contrast = ratio(channels(style.color), opaque(element));
    if (contrast < least) found.push(`${node.textContent.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return found;
}"""


@contextmanager
def opened(browser: Browser, device: Device) -> Iterator[Page]:
    """Open a page of a device, to which every address of the web is the same picture."""
    scheme: Any = "dark" if device.is_dark else "light"
    context = browser.new_context(viewport={"width": device.width, "height": 800}, color_scheme=scheme)
    context.route("**/*", lambda route: _answer(route))
    yield context.new_page()
    context.close()


def _answer(route: Route) -> None:
    route.fulfill(content_type="image/svg+xml", body=POT)


def faults_of(page: Page, example: Example) -> list[str]:
    """Show an e-mail and return what is wrong with how it looks."""
    page.set_content(example.rendered.whole_html, wait_until="load")
    faults: list[str] = page.evaluate(HARD_TO_READ)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        faults.append(f"{wide} pixels wider than the screen")
    if page.evaluate("[...document.images].some(image => !image.complete || !image.naturalWidth)"):
        faults.append("a picture isn't shown")
    if page.locator("h1").count() != 1:
        faults.append("not one heading")
    button = page.locator(".button a").bounding_box()
    if button is None or button["height"] < 44:
        faults.append("a button too low for a finger")
    return faults


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
def test_every_e_mail_can_be_read(browser: Browser, device: Device) -> None:
    with opened(browser, device) as page:
        for example in (*starter_emails(), *sample_emails(), *starter_emails(brand=LOGO_BRAND)):
            assert faults_of(page, example) == [], f"{example.name} on {device.name}"


@pytest.mark.parametrize("language", [each for each in languages() if each != "en"])
def test_every_language_fits_a_phone(browser: Browser, language: str) -> None:
    with opened(browser, DEVICES[1]) as page:
        for example in starter_emails(language):
            assert faults_of(page, example) == [], f"{example.name} in {language}"
            assert page.locator("html").get_attribute("lang") == language
            assert page.locator("html").get_attribute("dir") == "ltr"


def test_the_pictures_of_the_docs_show_each_kind(browser: Browser, request: pytest.FixtureRequest) -> None:
    shown = {example.name: example for example in starter_emails()}
    shown |= {f"sample-{example.name}": example for example in sample_emails()}
    if request.config.getoption("--update-screenshots"):
        PICTURES.mkdir(parents=True, exist_ok=True)
        for name, example in shown.items():
            (PICTURES / f"{name}.jpg").write_bytes(beside_each_other(browser, example))
    assert {path.stem for path in PICTURES.iterdir()} == shown.keys()
    page = (ROOT / "docs" / "e-mails.md").read_text("utf-8")
    assert [name for name in shown if f"images/e-mails/{name}.jpg" not in page] == []


def beside_each_other(browser: Browser, example: Example) -> bytes:
    """Return one small picture of an e-mail on all devices."""
    pictures: Mapping[str, bytes] = {}
    for device in DEVICES:
        with opened(browser, device) as page:
            page.set_content(example.rendered.whole_html, wait_until="load")
            pictures = {**pictures, device.name: page.screenshot(full_page=True)}
    tags = "".join(
        f'<img src="data:image/png;base64,{b64encode(content).decode()}" style="zoom: 0.45">'
        for content in pictures.values()
    )
    context = browser.new_context(viewport={"width": 680, "height": 100})
    page = context.new_page()
    style = "body { margin: 0; padding: 10px; background: #b9b9b4; display: flex; gap: 10px; align-items: flex-start }"
    page.set_content(f"<style>{style}</style>{tags}", wait_until="load")
    sheet = page.screenshot(full_page=True, type="jpeg", quality=72)
    context.close()
    return sheet
