"""Connecting a store through OAuth 2.0 (code flow). Source: docs.ecwid.com/develop-apps/app-settings.

The store's owner allows the app, and the browser returns with a code that works once and for a few minutes. The code is
exchanged for a token that works until the app is uninstalled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlencode

from tillroll.ecwid.http import wire
from tillroll.ecwid.http.answers import Unreadable, parse, unpack
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ecwid.http.session import CallFailed, HttpSession
from tillroll.errors import Refused

_SECONDS = 20.0

SCOPES = (
    "read_store_profile",
    "update_store_profile",
    "read_catalog",
    "create_catalog",
    "update_catalog",
    "read_orders",
    "read_customers",
    "create_customers",
    "update_customers",
    "read_discount_coupons",
    "create_discount_coupons",
    "update_discount_coupons",
    "read_reviews",
    "read_promotion",
)
"""The scopes that Tillroll asks for, all of them used (table in the README). Dossier 4.4."""

NEEDED = frozenset(
    {
        "read_store_profile",
        "read_customers",
        "read_orders",
        "read_discount_coupons",
        "create_discount_coupons",
        "update_discount_coupons",
    }
)
"""The scopes without which no campaign can run."""


@dataclass(frozen=True, kw_only=True)
class App:
    """The app of this installation, as it is registered with Ecwid."""

    oauth_url: str  # https://my.ecwid.com
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str  # must equal the registered one


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What the store's owner has granted."""

    store_id: int
    token: str = field(repr=False)
    scopes: frozenset[str]

    @property
    def missing(self) -> list[str]:
        """The scopes that campaigns need and the owner did not grant."""
        return sorted(NEEDED - self.scopes)


def authorize_url(app: App, *, state: str) -> str:
    """Return where to send the owner's browser: `GET /api/oauth/authorize`. `state` comes back with the code."""
    query = {
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "response_type": "code",
        "scope": " ".join(SCOPES),
        "state": state,
    }
    return f"{app.oauth_url}/api/oauth/authorize?{urlencode(query)}"


def exchange(app: App, *, hosts: AllowedHosts, store_id: int, code: str) -> Grant:
    """Exchange a code for a token (`POST /api/oauth/token/{store_id}`).

    Raises `Refused` when the store refuses or can't be reached. Never call it twice with one code: the second exchange would
    revoke the token of the first.
    """
    form = {
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "code": code,
        "redirect_uri": app.redirect_uri,
        "grant_type": "authorization_code",
    }
    raw = _post(app, f"/api/oauth/token/{store_id}", form, hosts)
    token, granted = raw.get("access_token"), wire.maybe_whole(raw.get("store_id"))
    if not isinstance(token, str) or not token or granted != store_id:
        raise Refused(
            f"Store {store_id} returned no token: the code was used before, has expired, or is another store's.",
            hint="Start the installation again.",
        )
    return Grant(store_id=store_id, token=token, scopes=frozenset(wire.text(raw.get("scope")).split()))


def _post(app: App, path: str, form: Mapping[str, str], hosts: AllowedHosts) -> wire.Raw:
    """Return the answer to a form; an empty one if the store refuses. Raises `Refused` if no answer came that can be read."""
    session = HttpSession(app.oauth_url, hosts=hosts, headers={})
    try:
        answer = session.call(
            "POST",
            path,
            body=urlencode(form).encode(),
            kind="application/x-www-form-urlencoded",
            seconds=_SECONDS,
        )
        if answer.status != HTTPStatus.OK:
            return {}
        raw = parse(unpack(answer.body, answer.headers.get("Content-Encoding", "")))
    except (CallFailed, Unreadable) as fault:
        raise Refused(
            "The store could not be reached for its token.", hint="Start the installation again."
        ) from fault
    finally:
        session.close()
    return raw if isinstance(raw, dict) else {}
