"""Signing in: Flask-Security over the ledger's accounts and sessions, with an audit.

Every page requires a signed-in person unless it is listed in `OPEN`, so a new page is closed by default.
"""

from __future__ import annotations

import hmac
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, abort, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_security import Security, current_user
from flask_security.signals import user_authenticated

from tillroll.ledger.signins.sessions import SessionLimits
from tillroll.settings import Settings
from tillroll.web.accounts import passkeys, second_factor
from tillroll.web.accounts.directory import Directory
from tillroll.web.accounts.forms import SignInForm, audit_person, throttle_for
from tillroll.web.accounts.passwords import HashingCost
from tillroll.web.accounts.sessions import LedgerSessions
from tillroll.web.accounts.totp import OneTimeCodes
from tillroll.web.support import inputs, request_context
from tillroll.wiring import Services

OPEN = frozenset(
    {
        "static",
        "health.healthz",
        "webhooks.webhook",
        "events.event",
        "mail_hooks.mail_hook",
        "clicks.go",
        "sign_up.page",
        "sign_up.submit",
        "sign_up.thanks",
        "sign_up.confirm_page",
        "sign_up.confirm_now",
        "sign_up.script",
        "unsubscribe.page",
        "unsubscribe.unsubscribe",
        "metrics.metrics",
        "security.login",
        "security.static",
    }
)


def set_up(app: Flask, services: Services, cost: HashingCost) -> None:
    """Give an app accounts, sessions and the rule that every page requires a signed-in person."""
    secrets = [_derived_key(key, "session") for key in services.keys]
    app.config.update(
        SECRET_KEY=secrets[0],
        SECRET_KEY_FALLBACKS=secrets[1:],  # no form becomes invalid when a key is rotated
        SESSION_COOKIE_NAME="tillroll",
        SESSION_PROTECTION=None,  # a telephone changes its address; a copied cookie is ended in the ledger
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 - the name of a scheme
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_PASSWORD_SINGLE_HASH=["argon2"],  # no pepper: a rotated key must not lock everybody out
        SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS={
            "argon2__memory_cost": cost.memory_kib,
            "argon2__time_cost": cost.passes,
            "argon2__parallelism": cost.lanes,
        },
        SECURITY_PASSWORD_SALT=_derived_key(services.keys[0], "password salt"),
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        SECURITY_API_ENABLED_METHODS=["session"],
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_MSG_GENERIC_AUTHN_FAILED=("Wrong e-mail address or password.", "error"),
        SECURITY_LOGIN_USER_TEMPLATE="signin.html",
        SECURITY_LOGOUT_CSRF=True,
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_POST_LOGOUT_VIEW="/login",
        SECURITY_STATIC_FOLDER=None,
    )
    app.session_interface = LedgerSessions(services, limits_of(services.settings), request_context.now)
    second_factor.configure(app)
    passkeys.configure(app)
    directory = Directory(services.engine, services.sealer)
    security = Security(
        app,
        directory,
        login_form=SignInForm,
        totp_cls=OneTimeCodes,
        webauthn_util_cls=passkeys.PasskeyUtil,
        **second_factor.FORMS,
        **passkeys.FORMS,
    )
    security.wan_serializer = passkeys.AskedInSession()  # type: ignore[assignment] # of a signer, it has what is called
    _leave_sessions_alone(app, security)
    app.before_request(_refuse_malformed)
    app.before_request(_require_person)
    user_authenticated.connect(_signed_in, app)

    @app.teardown_appcontext
    def _end(_fault: BaseException | None) -> None:
        directory.end_request()


def limits_of(settings: Settings) -> SessionLimits:
    """Return how long sessions last in an installation."""
    return SessionLimits(
        absolute=timedelta(hours=settings.session_hours), idle=timedelta(minutes=settings.idle_minutes)
    )


def _leave_sessions_alone(app: Flask, security: Any) -> None:
    """Make the session the only thing that signs anybody in: no token in a header or address, no second cookie."""
    security.want_json(lambda _request: False)  # JSON answers may hand out tokens that no sign-out ends
    manager = security.login_manager
    manager.request_loader(lambda _request: None)
    app.after_request_funcs[None].remove(manager._update_remember_cookie)


def _derived_key(key: str, purpose: str) -> str:
    return hmac.new(key.encode(), f"tillroll web {purpose}".encode(), sha256).hexdigest()


def _refuse_malformed() -> None:
    """Refuse, where people sign in, what Flask-Security can't bear: JSON, and an address to go on to that is none."""
    if request.blueprint != "security":
        return
    if request.is_json:
        abort(415, description="Send the fields of the form, not JSON.")
    for wanted in inputs.every_value("next"):
        try:
            urlsplit(wanted)
        except ValueError:
            abort(400, description="The address to go on to after signing in is malformed.")


def _require_person() -> ResponseReturnValue | None:
    if request.endpoint in OPEN:
        return None
    if request.endpoint in passkeys.OPEN_FOR_PASSKEYS:
        if current_user.is_authenticated:
            return redirect("/")
        return None if "tf_user_id" in session else redirect(url_for("security.login"))
    if (
        request.endpoint in second_factor.OPEN_FOR_CODES
    ):  # without a reason to be there, they would only sign out
        idle = current_user.is_authenticated and not second_factor.is_being_set_up()
        return redirect("/") if idle else None
    if current_user.is_authenticated:
        return second_factor.lead_to_set_up()
    if (
        "HX-Request" in request.headers
    ):  # the live part of a page: reload the whole page, which goes to the sign-in
        return "", 401, {"HX-Refresh": "true"}
    wanted = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("security.login", next=None if wanted == "/" else wanted))


def _signed_in(_app: Flask, user: Any, **_more: Any) -> None:
    """Give the session a secret of its own for its forms, whatever the browser brought along, and record the sign-in."""
    session.pop("csrf_token", None)
    g.pop("csrf_token", None)
    throttle_for(user.email).signed_in(request_context.now())
    audit_person("person.signed-in", user.email, {"address": request.remote_addr})
