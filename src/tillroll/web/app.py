"""The web application: `create_app(services)` puts together sign-in, headers, errors, filters and pages."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from tillroll.web.accounts import signin
from tillroll.web.accounts.passwords import FULL_COST, HashingCost
from tillroll.web.endpoints import events, former, health, mail_hooks, metrics, webhooks
from tillroll.web.lookups import codes, customers
from tillroll.web.pages import (
    account,
    campaigns,
    changes,
    decisions,
    drift,
    faults,
    home,
    proofs,
    results,
    retry,
    runs,
    stores,
)
from tillroll.web.public import clicks, sign_up, unsubscribe
from tillroll.web.support import (
    addresses,
    bounds,
    compiled,
    concealing,
    errors,
    forms,
    headers,
    inputs,
    parts,
    request_context,
    show,
)
from tillroll.wiring import Services

ABOUT_STORE = (
    home, campaigns, runs, results, proofs, decisions, changes, drift, faults, retry, codes, customers,
)  # fmt: skip
"""Pages below a store's address."""

PUBLIC = (unsubscribe, clicks, sign_up)
"""Where links in e-mails lead, and the form by which people sign up for them."""

_STATIC = Path(__file__).parent / "static"
_STATIC_PATH = "/static"
_A_YEAR = 365 * 24 * 3600


def create_app(
    services: Services, *, testing: bool = False, proxies: int = 0, password_cost: HashingCost = FULL_COST
) -> Flask:
    """Return the app. `proxies` is the number of trusted reverse proxies in front of it; on Heroku, one."""
    app = Flask("tillroll.web", static_folder=str(_STATIC), static_url_path=_STATIC_PATH)
    app.config.update(
        TESTING=testing,
        PROPAGATE_EXCEPTIONS=False,
        SEND_FILE_MAX_AGE_DEFAULT=_A_YEAR,  # a file's address changes with its content
        WTF_CSRF_TIME_LIMIT=None,  # valid as long as the session: reading a plan may take an hour
    )
    app.url_map.converters.update(int=_RowNumber, default=inputs.Word, token=inputs.LinkToken)
    bounds.set_up(app)
    request_context.attach(app, services)
    headers.set_up(app)
    forms.set_up(app)
    _protect_forms(app)
    signin.set_up(app, services, password_cost)
    addresses.set_up(app)
    errors.set_up(app)
    show.set_up(app)
    concealing.set_up(app)
    compiled.set_up(app)
    for about_store in ABOUT_STORE:
        app.register_blueprint(about_store.pages, url_prefix=addresses.BELOW_STORE)
    for module in (stores, account, former, webhooks, events, mail_hooks, metrics, health, *PUBLIC):
        app.register_blueprint(module.pages)
    app.jinja_env.globals.update(
        asset=_asset,
        current_store=request_context.current_store,
        visible_stores=request_context.visible_stores,
        may_decide=request_context.may_decide,
        broken_parts=parts.broken_parts,
        may_connect=request_context.may_connect,
        on_hold=request_context.on_hold,
        transport_holds=request_context.transport_holds,
    )
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    return app


def _protect_forms(app: Flask) -> None:
    """Have forms carry a token, but for what strangers post.

    Programs prove by a signature or a secret address who they are. Readers have a link's token, or act on nobody's behalf.
    """
    protected = CSRFProtect(app)
    for module in (webhooks, events, mail_hooks, unsubscribe, sign_up):
        protected.exempt(module.pages)


class _RowNumber(IntegerConverter):
    """The number of a row in an address. A number too large for a database column leads to no page."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**31 - 1)


def _asset(name: str) -> str:
    """Return the address of a static file, with the digest of its content."""
    return f"{_STATIC_PATH}/{name}?v={_digest(name)}"  # `url_for` needs a Host header that can be read


@cache
def _digest(name: str) -> str:
    return sha256((_STATIC / name).read_bytes()).hexdigest()[:12]
