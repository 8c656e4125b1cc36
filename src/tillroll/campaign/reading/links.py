"""The links and pictures of an e-mail: absolute addresses, and those of goods that the store has. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import SplitResult, urlsplit

from tillroll.campaign.reading.faults import EmailPart, LinkedGoods, WordFault, WordKind

_HREF = re.compile(
    r"<(?:a|area|mj-button|mj-navbar-link)\b[^>]*?\shref\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE
)
_SRC = re.compile(r"<(?:img|mj-image)\b[^>]*?\ssrc\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_IN_TEXT = re.compile(r"https?://[^\s<>\"')\]]+", re.IGNORECASE)
_PRODUCT = re.compile(r"(?:-p|/p/|/products?/)(\d{3,})(?:$|[/?&#])|#!/[^/]*/p/(\d+)")
_CATEGORY = re.compile(r"(?:-c|/c/)(\d{3,})(?:$|[/?&#])|#!/[^/]*/c/(\d+)")
_PEOPLE = frozenset({"mailto", "tel", "sms"})


def links_in(html: str, text: str) -> Iterator[WordFault]:
    """Yield the links and pictures that lead nowhere from a mailbox."""
    for match in _HREF.finditer(html):
        address = unescape(match[1] or match[2] or "").strip()
        if problem := _problem_of(address, "a link"):
            yield WordFault(kind=WordKind.LINKS, part=EmailPart.HTML, problem=problem, literal=address)
    for match in _SRC.finditer(html):
        address = unescape(match[1] or match[2] or "").strip()
        if not address.startswith(("cid:", "data:image/")) and (problem := _problem_of(address, "a picture")):
            yield WordFault(kind=WordKind.LINKS, part=EmailPart.HTML, problem=problem, literal=address)
    for address in _IN_TEXT.findall(text):
        if problem := _problem_of(address.rstrip(".,;:!?"), "a link"):
            yield WordFault(kind=WordKind.LINKS, part=EmailPart.TEXT, problem=problem, literal=address)


def _problem_of(address: str, what: str) -> str:
    """Return why an address can't be opened from an e-mail; empty if it can."""
    shown = address[:60]
    if not address:
        return f"{what} has an empty address"
    if address.startswith("#") and len(address) > 1 and what == "a link":
        return ""  # within the e-mail
    parts = _parts(address)
    if parts is None or not parts.scheme or "{{" in address:
        return f"{what} leads to “{shown}”, which is no whole address; begin it with https://"
    if parts.scheme in _PEOPLE and what == "a link":
        return "" if parts.path else f"{what} leads to “{shown}”, which names nobody"
    if parts.scheme not in ("http", "https"):
        return f"{what} leads to “{shown}”, and e-mail programs open only http and https"
    host = parts.hostname or ""
    if not host or any(sign in host for sign in " _{}<>"):
        return f"{what} leads to “{shown}”, which names no server"
    return ""


def _parts(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts


def goods_linked(html: str, text: str, store_url: str) -> Iterator[LinkedGoods]:
    """Yield the products and categories of the store that an e-mail links to, once each."""
    home = _parts(store_url)
    if home is None or not home.hostname:
        return
    in_html = [(EmailPart.HTML, unescape(match[1] or match[2] or "")) for match in _HREF.finditer(html)]
    in_text = [(EmailPart.TEXT, address.rstrip(".,;:!?")) for address in _IN_TEXT.findall(text)]
    seen: set[tuple[bool, int]] = set()
    for part, address in (*in_html, *in_text):
        there = _parts(address)
        if there is None or _without_www(there.hostname) != _without_www(home.hostname):
            continue
        for is_category, pattern in ((False, _PRODUCT), (True, _CATEGORY)):
            match = pattern.search(address)
            if match is None:
                continue
            number = int(match[1] or match[2])
            if (is_category, number) not in seen:
                seen.add((is_category, number))
                yield LinkedGoods(part=part, is_category=is_category, number=number, address=address)
            break


def _without_www(host: str | None) -> str:
    return (host or "").removeprefix("www.")
