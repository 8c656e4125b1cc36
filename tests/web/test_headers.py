"""Rules for every address of the app: who may see it, and its security headers."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.shop import ANA, SHOP
from tests.web.site import PASSWORD, app_for, token_on

OPEN = {"/login", "/healthz", "/static/tillroll.css"}
SIGN_UP = {"/signup/1003", "/signup/1003/thanks", "/signup/1003/form.js", "/signup/1003/confirm/EXAMPLE"}
OF_READERS = {"/unsubscribe/EXAMPLE", "/go/EXAMPLE/EXAMPLE", *SIGN_UP}
"""Pages of readers: a link says who asks, or nobody need say it (test_unsubscribe.py, test_clicks.py, test_sign_up.py)."""
SIGNED = {"/webhooks/ecwid", "/events/1003/quiz-finished", *OF_READERS}
"""What is posted to without a form's token: with a signature instead, by readers, or by their mail programs."""


def addresses(app: Flask, run_id: int) -> dict[str, set[str]]:
    """Return every address of the app with its methods, filled in for a run."""
    methods_by_address: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        address = rule.rule.replace("<int:run_id>", str(run_id)).replace("<int:number>", "1")
        address = address.replace("<path:filename>", "tillroll.css").replace("<path:rest>", "messages")
        address = address.replace("/stores/<int:store_number>", SHOP).replace("<int:fault_id>", "1")
        address = address.replace("<int:ecwid_id>/<name>", "1003/quiz-finished").replace(
            "<token:token>", "EXAMPLE"
        )
        address = address.replace("<int:ecwid_id>", "1003")
        address = address.replace("<token:target>/<token:reader>", "EXAMPLE/EXAMPLE")
        address = address.replace("<int:code_id>", "1").replace("<int:customer_id>", "1")
        methods_by_address.setdefault(address, set()).update((rule.methods or set()) & {"GET", "POST"})
    return methods_by_address


def test_only_public_pages_are_shown_without_signing_in(
    app: Flask, stranger: FlaskClient, run_id: int
) -> None:
    for address, methods in addresses(app, run_id).items():
        if "GET" in methods and address not in {
            "/metrics",
            *OF_READERS,
        }:  # it has its own token (test_metrics.py)
            with stranger.get(address) as answer:
                seen = answer.status_code == 200
                assert seen == (address in OPEN), address
                assert seen or answer.location.startswith("/login"), address


def test_every_response_has_the_security_headers(app: Flask, ana: FlaskClient, run_id: int) -> None:
    for address, methods in addresses(app, run_id).items():
        for method in methods:
            with ana.open(address, method=method) as answer:
                headers = answer.headers
            policy = headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'"), address
            if "/preview/" in address and not address.endswith("/send"):
                assert "sandbox" in policy.split("; ")
                assert "script-src" not in policy
            else:
                assert "unsafe" not in policy
                assert "frame-ancestors 'none'" in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "same-origin"
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert "Permissions-Policy" in headers
            if not address.startswith("/static"):
                assert headers["Cache-Control"] == "no-store", address


def test_no_form_is_accepted_without_its_token(app: Flask, ana: FlaskClient, run_id: int) -> None:
    posts = [address for address, methods in addresses(app, run_id).items() if "POST" in methods]
    assert f"{SHOP}/runs/{run_id}/approve" in posts
    for address in set(posts) - SIGNED:
        if address.startswith("/hooks/mail/"):  # the address is secret, and most services sign too
            continue
        answer = ana.post(address, data={"digest": "x"})
        assert answer.status_code == 400, address
        assert "earlier session" in answer.text


def test_no_page_has_an_inline_script_or_style(app: Flask, ana: FlaskClient, run_id: int) -> None:
    for address, methods in addresses(app, run_id).items():
        if "GET" in methods and not address.startswith("/static") and "/preview/" not in address:
            page = ana.get(address).text
            assert "<style" not in page
            assert " style=" not in page
            assert "<script>" not in page
            assert " onclick" not in page


@pytest.mark.parametrize(("proxies", "secure"), [(1, True), (0, False)])
def test_the_cookie_is_secure_when_a_trusted_proxy_reports_https(
    ledger: Engine, tmp_path: Path, proxies: int, secure: bool
) -> None:
    client = app_for(ledger, tmp_path, proxies=proxies).test_client()
    through = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    token = token_on(client.get("/login", headers=through))
    fields = {"csrf_token": token, "email": ANA.email, "password": PASSWORD}
    scheme = "https" if secure else "http"
    from_here = {**through, "Referer": f"{scheme}://localhost/login"}
    base_url = f"{scheme}://localhost" if secure else None
    cookie = client.post("/login", data=fields, headers=from_here, base_url=base_url).headers["Set-Cookie"]
    assert ("Secure" in cookie) is secure
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
