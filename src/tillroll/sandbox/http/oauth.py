"""OAuth: the merchant agrees, then the app exchanges a code for tokens (dossier section 4).

A code is valid for five minutes and once. A second exchange of the same code revokes the tokens of the first.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tillroll.sandbox.http.scopes import PUBLIC
from tillroll.sandbox.state.database import State
from tillroll.sandbox.state.store import SandboxStore

CLIENT_ID = "sandbox-app"
"""The only app of the sandbox; its secret is the first store's `client_secret`."""

_LIFE = 300.0
_TABLE = """create table if not exists oauth_codes (
    code text primary key, redirect_uri text not null, scopes text not null, created real not null,
    tokens text)"""
_SCOPES = (
    "read_store_profile", "read_store_profile_extended", "update_store_profile", "read_store_stats", "read_catalog",
    "create_catalog", "update_catalog", "read_orders", "create_orders", "update_orders", "read_customers",
    "create_customers", "update_customers", "read_discount_coupons", "create_discount_coupons",
    "update_discount_coupons", "read_promotion", "create_promotion", "update_promotion", "read_reviews",
    "update_reviews", "read_invoices", "public_storefront",
)  # fmt: skip
"""The scopes requested if the app names none."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Install an app</title></head>
<body style="font: 1rem/1.5 sans-serif; max-width: 40rem; margin: 3rem auto">
<h1>Install “{client}”?</h1>
<p>It asks for:</p><ul>{scopes}</ul>
<form method="post" action="/api/oauth/authorize">{hidden}
<p><label>Store <select name="store_id">{stores}</select></label></p>
<p><button name="decision" value="allow">Allow</button> <button name="decision" value="refuse">Refuse</button></p>
</form></body></html>
"""


def prepare(state: State) -> None:
    """Create the table of codes."""
    state.run(_TABLE)


def fault_of(query: Mapping[str, str]) -> str:
    """Return what is wrong with an authorization request; empty if nothing is."""
    if query.get("client_id") != CLIENT_ID:
        return f"client_id must be {CLIENT_ID}"
    if query.get("response_type") != "code":
        return "response_type must be code"
    parts = urlsplit(query.get("redirect_uri", ""))
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.fragment:
        return "redirect_uri must be the address of a page, without a fragment"
    return ""


def page(query: Mapping[str, str], stores: Sequence[SandboxStore]) -> str:
    """Return the page on which the merchant agrees."""
    names = ("client_id", "redirect_uri", "response_type", "scope", "state")
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(query[name])}">'
        for name in names
        if name in query
    )
    wanted = (query.get("scope") or " ".join(_SCOPES)).split()
    chosen = query.get("store_id", "")
    return _PAGE.format(
        client=escape(query["client_id"]),
        scopes="".join(f"<li>{escape(scope)}</li>" for scope in wanted),
        hidden=hidden,
        stores="".join(
            f"<option{' selected' if str(store.store_id) == chosen else ''}>{store.store_id}</option>"
            for store in stores
        ),
    )


def decide(store: SandboxStore, query: Mapping[str, str]) -> str:
    """Record the merchant's answer and return the address to which the browser is redirected."""
    back = {"state": query["state"]} if "state" in query else {}
    if query.get("decision") != "allow":
        return _with(query["redirect_uri"], {"error": "access_denied", **back})
    code = secrets.token_urlsafe(24)
    scopes = " ".join((query.get("scope") or " ".join(_SCOPES)).split())
    store.state.run(
        "insert into oauth_codes values (?, ?, ?, ?, null)",
        (code, query["redirect_uri"], scopes, store.clock.now().timestamp()),
    )
    return _with(query["redirect_uri"], {"code": code, "store_id": str(store.store_id), **back})


def exchange(store: SandboxStore, form: Mapping[str, str]) -> tuple[dict[str, Any] | None, str]:
    """Return (the token answer or None, the OAuth error code). It always writes, so it raises nothing."""
    if form.get("grant_type") != "authorization_code":
        return None, "unsupported_grant_type"
    secret_fits = hmac.compare_digest(form.get("client_secret", "").encode(), store.client_secret.encode())
    if form.get("client_id") != CLIENT_ID or not secret_fits:
        return None, "invalid_client"
    row = store.state.row("select * from oauth_codes where code = ?", (form.get("code", ""),))
    if row is None or row["redirect_uri"] != form.get("redirect_uri"):
        return None, "invalid_grant"
    if row["tokens"]:
        for text in row["tokens"].split():
            store.tokens.revoke(text)
        return None, "invalid_grant"
    if store.clock.now().timestamp() - row["created"] > _LIFE:
        return None, "invalid_grant"
    scopes = row["scopes"].split()
    token = store.tokens.issue(scopes)
    answer = {
        "access_token": token.text,
        "token_type": "bearer",
        "scope": row["scopes"],
        "store_id": store.store_id,
    }
    issued = [token.text]
    if "public_storefront" in scopes:
        public = store.tokens.issue(PUBLIC, prefix="public_")
        answer["public_token"] = public.text
        issued.append(public.text)
    store.state.run("update oauth_codes set tokens = ? where code = ?", (" ".join(issued), row["code"]))
    store.happened("application.installed", store.store_id)
    return answer, ""


def _with(address: str, more: Mapping[str, str]) -> str:
    parts = urlsplit(address)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *more.items()])
    return parts._replace(query=query).geturl()
