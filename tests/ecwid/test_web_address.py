"""Pages and pictures are linked in e-mails, so only addresses of the web are read as such."""

from __future__ import annotations

from typing import Any

import pytest

from tillroll.ecwid.http.wire import web_address


@pytest.mark.parametrize(
    "address", ["https://shop.example/p/1?a=b&c=d#x", "http://cdn.example/ž.jpg", "https://shop.example/%20"]
)
def test_an_address_of_the_web_is_kept(address: str) -> None:
    assert web_address(address) == address


@pytest.mark.parametrize(
    "raw",
    [
        *(
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "//cdn.example/x.jpg",
            "shop.example",
        ),
        *('https://x.example/"><script>', "https://x.example/a b", "https://x.example/\r\nBcc: a@b.example"),
        *(f"https://x.example/{'a' * 3000}", "", None, 5, {"url": "https://x.example"}),
    ],
)
def test_anything_else_counts_as_none(raw: Any) -> None:
    assert web_address(raw) == ""
