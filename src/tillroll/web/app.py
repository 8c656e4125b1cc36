"""The web application: `create_app(services)` puts sign-in, headers, errors, filters and pages together."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from tillroll.web import (
    campaigns,
    changes,
    decisions,
    errors,
    events,
    headers,
    health,
    here,
    home,
    metrics,
    runs,
    show,
    signin,
    stores,
    webhooks,
)
from tillroll.wiring import Services

_STATIC = Path(__file__).parent / "static"
_A_YEAR = 365 * 24 * 3600


def create_app(services: Services, *, testing: bool = False, proxies: int = 0) -> Flask:
    """The app. `proxies`: how many reverse proxies of ours stand before it; on Heroku, one."""
    app = Flask("tillroll.web", static_folder=str(_STATIC))
    app.config.update(
        TESTING=testing,
        PROPAGATE_EXCEPTIONS=False,
        MAX_CONTENT_LENGTH=64 * 1024,
        SEND_FILE_MAX_AGE_DEFAULT=_A_YEAR,  # the address of a file changes with its content
        WTF_CSRF_TIME_LIMIT=None,  # good as long as the session: a plan may be read for an hour
    )
    app.url_map.converters["int"] = _Number
    here.put(app, services)
    headers.set_up(app)
    forms = CSRFProtect(app)
    forms.exempt(webhooks.pages)  # signed by the store instead
    forms.exempt(events.pages)  # and these by who sends them
    signin.set_up(app, services)
    errors.set_up(app)
    show.set_up(app)
    for room in (home, campaigns, runs, decisions, changes, stores, webhooks, events, metrics, health):
        app.register_blueprint(room.pages)
    app.jinja_env.globals.update(
        asset=_asset,
        shop=here.store,
        shops=here.stores,
        may_decide=here.may_decide,
        may_connect=here.may_connect,
        on_hold=here.on_hold,
    )
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    return app


class _Number(IntegerConverter):
    """The number of a row in an address; a longer one is no page of ours, and no database takes it."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**31 - 1)


def _asset(name: str) -> str:
    """The address of a static file, with the digest of its content."""
    return url_for("static", filename=name, v=_digest(name))


@cache
def _digest(name: str) -> str:
    return sha256((_STATIC / name).read_bytes()).hexdigest()[:12]
