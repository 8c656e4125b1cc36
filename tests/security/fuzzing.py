"""Requests drawn at random from a seed: any address of the app, with what a form, a query or a header should not hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from random import Random
from typing import Any
from urllib.parse import quote_from_bytes

from flask import Flask
from werkzeug.test import EnvironBuilder

METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "get", "X-\u00e4")
NAMES = (
    "after", "auth_token", "before", "campaign", "code", "csrf_token", "customer", "digest", "drift", "email", "error",
    "include_auth_token", "next", "note", "password", "remember", "show", "state", "store", "store_id", "submit", "tf", "until",
)  # fmt: skip
HOSTILE = (
    b"", b"0", b"-1", b"1", b"2", b"1e9", b"0x10", b"NaN", b"null", b"[]", b"{}", b"true", b"9" * 19, b"9" * 5_000,
    "²".encode(), "१२".encode(), "\uff11".encode(), "½".encode(), b"\x00", b"a\x00b", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf",
    b"\r\nX-Injected: yes", b"\n", b"\x1b[31m", "\u202eevil".encode(), "\u2028".encode(), "e\u0301".encode(), "😀".encode(),
    b"<script>alert(1)</script>", b"{{7*7}}", b"%s%n", b"'; drop table runs --", b"../../etc/passwd", b"=1+1", b"%00", b"%", b"+",
    b"waiting", b"all", b"sent", b"winback", b"pause", b"extend", b"ana@shop.example", b"2026-12-24", b"9999-12-31",
    b"0001-01-01",     b"a" * 300, "ä".encode() * 3_000, b"=?utf-8?q?x=0D=0AReply-To:?=", b"//evil.example", b"http://evil.example/",
)  # fmt: skip
TYPES = (
    "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", "text/plain", "application/xml",
    "application/json; charset=utf-7", "application/x-www-form-urlencoded; charset=utf-16", "multipart/form-data", "", "a/b/c;;=",
    "application/problem+json",
)  # fmt: skip
HEADERS = (
    "Host", "Cookie", "Referer", "Origin", "Accept", "Accept-Language", "Authorization", "Authentication-Token", "HX-Request",
    "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-CSRFToken", "If-None-Match", "If-Modified-Since", "Range",
    "User-Agent", "X-Ecwid-Webhook-Signature", "X-Tillroll-Signature", "X-HTTP-Method-Override", "Expect", "Date",
)  # fmt: skip


@dataclass(kw_only=True)
class Drawn:
    """One request, as a WSGI server would hand it over."""

    method: str
    path: bytes
    query: bytes
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def environ(self) -> dict[str, Any]:
        """Return its WSGI environment."""
        environ = EnvironBuilder(path="/").get_environ()
        environ |= {
            "REQUEST_METHOD": self.method.upper(),
            "PATH_INFO": self.path.decode("latin-1"),
            "QUERY_STRING": self.query.decode("latin-1"),
            "REQUEST_URI": quote_from_bytes(self.path),
            "wsgi.input": BytesIO(self.body),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": str(len(self.body)),
        }
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
        return environ


class Fuzzer:
    """Draws requests for the addresses of an app."""

    def __init__(self, app: Flask, seed: int, known: Mapping[str, Sequence[bytes]]) -> None:
        self._draw = Random(seed)
        self._rules = [rule.rule for rule in app.url_map.iter_rules()]
        self._known = known

    def request(self, *, token: str = "") -> Drawn:
        """Draw a request; `token`: of the session, for some of the forms."""
        draw = self._draw
        content_type, body = self._body(token)
        headers = {
            name: draw.choice(HOSTILE)[:1_000].decode("latin-1").replace("\r", "").replace("\n", "")
            for name in draw.sample(HEADERS, draw.choice((0, 0, 1, 3)))
        }
        if content_type or draw.random() < 0.1:
            headers["Content-Type"] = content_type
        if token and draw.random() < 0.5:
            headers["X-CSRFToken"] = token
        if draw.random() < 0.05:
            headers["Content-Length"] = draw.choice(
                ("", "-1", "abc", "0", "7", "99999999999", "9" * 5_000, "²")
            )
        return Drawn(
            method=draw.choice((*["GET"] * 6, *["POST"] * 8, draw.choice(METHODS))),
            path=self._path(),
            query=self._query() if draw.random() < 0.5 else b"",
            body=body if draw.random() < 0.6 else b"",
            headers=headers,
        )

    def _path(self) -> bytes:
        """Return a path of the app whose parts are mostly what they should be, and now and then any other."""
        draw = self._draw
        if draw.random() < 0.03:
            return b"/" + self._word()
        is_odd = draw.random() < 0.25
        path = b""
        for piece in re.split(r"(<[^>]+>)", draw.choice(self._rules)):
            if not piece.startswith("<"):
                path += piece.encode()
            elif is_odd and draw.random() < 0.5:
                path += self._word()
            else:
                path += draw.choice(self._known.get(piece.strip("<>").rpartition(":")[2], (b"1",)))
        return path

    def _word(self) -> bytes:
        draw = self._draw
        if draw.random() < 0.7:
            chosen = draw.choice(HOSTILE)
            return chosen if draw.random() < 0.1 else chosen[:200]
        letters = [
            chr(draw.choice((draw.randrange(0x20), draw.randrange(0x80), draw.randrange(0xD800))))
            for _ in range(draw.randrange(12))
        ]
        return "".join(letters).encode()

    def _query(self) -> bytes:
        if self._draw.random() < 0.02:
            return self._draw.choice(
                (b"&" * 500, b"=" * 500, b"a=1&" * 2_000, b"%" * 99, b"x" * 9_000, b"\xff=\xfe")
            )
        return self._pairs(self._draw.randrange(1, 4))

    def _pairs(self, count: int, token: str = "") -> bytes:
        pairs = [(self._draw.choice(NAMES).encode(), self._word()) for _ in range(count)]
        if token:
            pairs.append((b"csrf_token", token.encode()))
        return b"&".join(
            quote_from_bytes(name).encode() + b"=" + quote_from_bytes(value).encode() for name, value in pairs
        )

    def _body(self, token: str) -> tuple[str, bytes]:
        draw = self._draw
        kind = draw.choice((*["form"] * 12, "json", "multipart", "bytes", "large"))
        if kind == "form":
            return TYPES[0], self._pairs(draw.choice((1, 3, 3, 6, 6, 6, 300)), token)
        if kind == "json":
            return draw.choice(("application/json", "application/json; charset=utf-7")), self._json()
        if kind == "multipart":
            part = b'--x\r\nContent-Disposition: form-data; name="note"; filename="%s"\r\n\r\n' % self._word()
            return "multipart/form-data; boundary=x", part * draw.choice((1, 200)) + draw.choice(
                (b"\r\n--x--\r\n", b"")
            )
        if kind == "large":
            return draw.choice(TYPES), draw.choice((b"x", b"a=1&", b"[")) * draw.choice((20_000, 70_000))
        return draw.choice(TYPES), draw.randbytes(draw.randrange(200))

    def _json(self) -> bytes:
        draw = self._draw
        depth = draw.choice((1, 30, 900, 30_000))
        made = (
            b"[" * depth, b"[" * depth + b"]" * depth, b'{"a":' * depth, b"9" * 5_000, b"1e999", b"NaN", b'"\\ud800"', b"[]",
            b"null", b"\xff\xfe{", b'{"email": ["a"], "password": {"b": 1}}', b'["email"]', self._event(),
        )  # fmt: skip
        return draw.choice(made)

    def _event(self) -> bytes:
        draw = self._draw
        odd = [
            None,
            True,
            1,
            -1,
            2**70,
            1.5,
            "\ud800",
            "\x00",
            "x" * 300,
            [],
            {},
            [[1]],
            "order.updated",
            {"orderId": "\udfff"},
        ]
        names = (
            "eventId",
            "eventCreated",
            "storeId",
            "entityId",
            "eventType",
            "data",
            "id",
            "email",
            "customer_id",
            "at",
        )
        made: dict[str, Any] = {
            name: draw.choice(odd) for name in draw.sample(names, draw.randrange(1, len(names)))
        }
        if draw.random() < 0.7:
            made |= {"eventCreated": 1_790_000_000, "storeId": 1003}
        return json.dumps(made).encode()
