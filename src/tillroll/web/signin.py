"""Signing in: Flask-Security over the ledger's accounts, with a throttle in front and the audit chain behind.

Every page wants a person unless it is named here as open: a new page is closed until somebody opens it.
"""

from __future__ import annotations

import hmac
from datetime import timedelta
from hashlib import sha256
from typing import Any

import structlog
from flask import Flask, current_app, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_security import RoleMixin, Security, SQLAlchemySessionUserDatastore, UserMixin, current_user
from flask_security.forms import LoginForm
from flask_security.signals import user_authenticated
from sqlalchemy import orm

from tillroll.ledger import audit, tables
from tillroll.ledger.engine import writing
from tillroll.web import here
from tillroll.web.throttle import Throttle
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.web")

OPEN = frozenset(
    {
        "static",
        "health.healthz",
        "webhooks.webhook",
        "events.event",
        "metrics.metrics",
        "security.login",
        "security.static",
    }
)
_WITHIN = timedelta(minutes=5)
_SIGNED_IN_FOR = timedelta(hours=12)


class Role(RoleMixin):
    """A row of `roles`."""


class User(UserMixin):
    """A row of `users`."""


_mapping = orm.registry(metadata=tables.metadata)
_mapping.map_imperatively(Role, tables.roles)
_mapping.map_imperatively(
    User, tables.users, properties={"roles": orm.relationship(Role, secondary=tables.roles_users)}
)


class CookieOfItsRequest(SecureCookieSessionInterface):
    """The session's cookie is `Secure` when the request came over https; on a loopback port it can't be."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


class SignInForm(LoginForm):
    """Flask-Security's form, with a count of what fails and without `remember me`."""

    remember = None

    def validate(self, **kwargs: Any) -> bool:
        now = here.now()
        pair, address = _keys(str(self.email.data or ""))
        until = _by_pair().shut_until(pair, now) or _by_address().shut_until(address, now)
        if until is not None:
            minutes = max(1, round((until - now).total_seconds() / 60 + 0.5))
            wait = f"{minutes} minute{'' if minutes == 1 else 's'}"
            self.form_errors.append(f"Too many attempts. Wait {wait}, then try again.")
            return False
        if super().validate(**kwargs):
            _by_pair().forget(pair)
            return True
        if request.method == "POST" and self.password.data:
            shut = _by_pair().failed(pair, now)
            shut = _by_address().failed(address, now) or shut
            log.warning("person.not_signed_in", client=request.remote_addr)
            if shut:
                _audit("person.shut-out", str(self.email.data or "")[:255], {"address": request.remote_addr})
        return False


def set_up(app: Flask, services: Services) -> None:
    """Give an app accounts, sessions and the rule that every page wants a person."""
    secrets = [_derived(key, "session") for key in services.keys]
    app.config.update(
        SECRET_KEY=secrets[0],
        SECRET_KEY_FALLBACKS=secrets[1:],  # a renewed key signs nobody out
        SESSION_COOKIE_NAME="tillroll",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=_SIGNED_IN_FOR,
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 - the name of a scheme
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_PASSWORD_SINGLE_HASH=["argon2"],  # no pepper: a renewed key must not lock everybody out
        SECURITY_PASSWORD_SALT=_derived(services.keys[0], "password salt"),
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        SECURITY_API_ENABLED_METHODS=["session"],
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_MSG_GENERIC_AUTHN_FAILED=("That address and password don't fit together.", "error"),
        SECURITY_LOGIN_USER_TEMPLATE="signin.html",
        SECURITY_LOGOUT_CSRF=True,
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_POST_LOGOUT_VIEW="/login",
        SECURITY_FRESHNESS=timedelta(seconds=-1),  # no page asks for the password again
        SECURITY_STATIC_FOLDER=None,
    )
    app.session_interface = CookieOfItsRequest()
    accounts = orm.scoped_session(orm.sessionmaker(services.engine))
    Security(app, SQLAlchemySessionUserDatastore(accounts, User, Role), login_form=SignInForm)
    app.extensions["tillroll.by_pair"] = Throttle(most=10, within=_WITHIN)
    app.extensions["tillroll.by_address"] = Throttle(most=60, within=_WITHIN)
    app.before_request(_want_a_person)
    user_authenticated.connect(_signed_in, app)

    @app.teardown_appcontext
    def _end(_fault: BaseException | None) -> None:
        accounts.remove()


def _derived(key: str, purpose: str) -> str:
    return hmac.new(key.encode(), f"tillroll web {purpose}".encode(), sha256).hexdigest()


def _want_a_person() -> ResponseReturnValue | None:
    if request.endpoint in OPEN or current_user.is_authenticated:
        return None
    if "HX-Request" in request.headers:  # a live part of an old page: the page itself goes to the sign-in
        return "", 401, {"HX-Refresh": "true"}
    wanted = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("security.login", next=None if wanted == "/" else wanted))


def _signed_in(_app: Flask, user: Any, **_more: Any) -> None:
    session.permanent = True  # the cookie ends after `_SIGNED_IN_FOR`
    _audit("person.signed-in", user.email, {"address": request.remote_addr})


def _audit(action: str, email: str, body: dict[str, Any]) -> None:
    with writing(here.services().engine) as connection:
        audit.record(
            connection, at=here.now(), actor="web", action=action, subject=f"user {email}", body=body
        )


def _keys(email: str) -> tuple[str, str]:
    address = request.remote_addr or ""
    return f"{address} {email.strip().lower()[:255]}", address


def _by_pair() -> Throttle:
    return _extension("tillroll.by_pair")


def _by_address() -> Throttle:
    return _extension("tillroll.by_address")


def _extension(name: str) -> Throttle:
    found = current_app.extensions[name]
    assert isinstance(found, Throttle)  # noqa: S101 - set_up put it there
    return found
