"""Getting a store's token by its owner's click. Source: docs.ecwid.com/develop-apps/app-settings (OAuth 2.0 code flow).

The owner allows the app in the store; the browser comes back with a code that works once and for a few minutes; the code is
exchanged for a token that works until the app is uninstalled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

import requests

from tillroll.ecwid import wire
from tillroll.errors import Refused

_TIMEOUT = (5.0, 20.0)

SCOPES = (
    "read_store_profile",
    "update_store_profile",
    "read_catalog",
    "create_catalog",
    "update_catalog",
    "read_orders",
    "read_customers",
    "read_discount_coupons",
    "create_discount_coupons",
    "update_discount_coupons",
    "read_reviews",
)
"""What Tillroll asks for: no more than it has a use for (the README's table says which). Dossier 4.4."""

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
"""Without these no campaign can run."""


@dataclass(frozen=True, kw_only=True)
class App:
    """This installation as the store's owner knows it."""

    oauth_url: str  # https://my.ecwid.com
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str  # must be the one the app is registered with


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What the owner gave."""

    store_id: int
    token: str = field(repr=False)
    scopes: frozenset[str]

    @property
    def missing(self) -> list[str]:
        """What a campaign needs and wasn't given."""
        return sorted(NEEDED - self.scopes)


def authorize_url(app: App, *, state: str) -> str:
    """Where to send the owner's browser: `GET /api/oauth/authorize`. `state` comes back with the answer."""
    query = {
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "response_type": "code",
        "scope": " ".join(SCOPES),
        "state": state,
    }
    return f"{app.oauth_url}/api/oauth/authorize?{urlencode(query)}"


def exchange(app: App, *, store_id: int, code: str) -> Grant:
    """`POST /api/oauth/token/{store_id}`: the token for a code. `Refused` when the store won't, or can't be reached.

    Never twice with one code: the second exchange would kill the token of the first.
    """
    form = {
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "code": code,
        "redirect_uri": app.redirect_uri,
        "grant_type": "authorization_code",
    }
    try:
        answer = requests.post(
            f"{app.oauth_url}/api/oauth/token/{store_id}",
            data=form,
            timeout=_TIMEOUT,
            allow_redirects=False,
        )
        raw = answer.json() if answer.status_code == requests.codes.ok else {}
    except (requests.RequestException, ValueError) as fault:
        raise Refused(
            "The store couldn't be asked for its token.", hint="Start the installation again."
        ) from fault
    token, granted = raw.get("access_token"), wire.maybe_whole(raw.get("store_id"))
    if not token or granted != store_id:
        raise Refused(
            f"Store {store_id} gave no token: the code is used up, too old, or another store's.",
            hint="Start the installation again.",
        )
    return Grant(store_id=store_id, token=str(token), scopes=frozenset(wire.text(raw.get("scope")).split()))
