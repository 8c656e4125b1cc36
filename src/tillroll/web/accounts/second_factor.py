"""The second factor: an authenticator app besides the password, with recovery codes for when it is lost.

Flask-Security has the pages; here are its settings, what the audit says of it, and who must have one. `passkeys.py` has the other
kind of second factor.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask, current_app, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user
from flask_security.forms import TwoFactorRescueForm, TwoFactorSetupForm, TwoFactorVerifyCodeForm, VerifyForm
from flask_security.recovery_codes import MfRecoveryForm
from flask_security.signals import tf_disabled, tf_profile_changed
from flask_security.tf_plugin import TwoFactorSelectForm
from wtforms import StringField

from tillroll.ledger.engine import writing
from tillroll.ledger.signins.sessions import end_sessions
from tillroll.settings import REQUIRED
from tillroll.web.accounts.forms import ThrottledForm, audit_person
from tillroll.web.accounts.passwords import cut
from tillroll.web.accounts.sessions import current_row
from tillroll.web.accounts.totp import ISSUER, WINDOW
from tillroll.web.support import request_context

_PASSWORD_LASTS = timedelta(minutes=10)
"""So long after a password was given, its person may change the second factor without giving it again."""

_BEFORE_IT = frozenset({"account", "security"})
"""The blueprints whose pages somebody sees who must set up a second factor first."""

OPEN_FOR_CODES = frozenset({"security.two_factor_token_validation", "security.mf_recovery"})
"""The pages that somebody sees between the password and the second factor."""


class CodeForm(ThrottledForm, TwoFactorVerifyCodeForm):
    """The code of an authenticator app, with a limit on wrong ones at the sign-in."""

    asks_for_code = True

    def account_address(self) -> str:
        """Return the address of the account whose password was right."""
        return _address(self.user)

    def validate(self, **kwargs: Any) -> bool:
        """Return whether the code is right. While an app is set up, there is nothing to guess."""
        if self.is_setup:
            return bool(TwoFactorVerifyCodeForm.validate(self, **kwargs))
        return super().validate(**kwargs)


class RecoveryCodeForm(ThrottledForm, MfRecoveryForm):
    """A recovery code, with a limit on wrong ones."""

    asks_for_code = True

    def account_address(self) -> str:
        """Return the address of the account whose password was right."""
        return _address(self.user)


class PasswordAgainForm(ThrottledForm, VerifyForm):
    """The password of somebody who is signed in, with a limit on wrong ones."""

    def account_address(self) -> str:
        """Return the signed-in person's address."""
        return str(self.user.email)

    def validate(self, **kwargs: Any) -> bool:
        """Return whether it is their password."""
        self.password.data = cut(self.password.data or "")
        return super().validate(**kwargs)


class ChoiceField(StringField):  # type: ignore[misc] # WTForms is published without types
    """A choice that is sent by a button. Flask-Security's own field of choices is one that WTForms gives up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices: list[tuple[str, str]] = []


class FactorForm(TwoFactorSelectForm):
    """Which second factor somebody who has several signs in with."""

    which = ChoiceField()


class AuthenticatorForm(TwoFactorSetupForm):
    """Setting up an authenticator app, or turning it off."""

    setup = ChoiceField()


class RescueForm(TwoFactorRescueForm):
    """What Flask-Security makes beside the form for a code; our page has links instead."""

    help_setup = ChoiceField()


FORMS: dict[str, Any] = {
    "two_factor_select_form": FactorForm,
    "two_factor_setup_form": AuthenticatorForm,
    "two_factor_rescue_form": RescueForm,
    "two_factor_verify_code_form": CodeForm,
    "mf_recovery_form": RecoveryCodeForm,
    "verify_form": PasswordAgainForm,
}


_WRONG = ("That code is not right. Each code is good once.", "error")
_WORDS = {
    "SECURITY_MSG_TWO_FACTOR_INVALID_TOKEN": _WRONG,
    "SECURITY_MSG_INVALID_RECOVERY_CODE": _WRONG,
    "SECURITY_MSG_INVALID_PASSWORD": ("The password is wrong.", "error"),
    "SECURITY_MSG_REAUTHENTICATION_REQUIRED": ("This needs your password once more.", "info"),
    "SECURITY_MSG_REAUTHENTICATION_SUCCESSFUL": ("Thank you. Go on.", "info"),
    "SECURITY_MSG_TWO_FACTOR_CHANGE_METHOD_SUCCESSFUL": (
        "Signing in asks for a code of your app from now on. Make recovery codes, for when your phone is lost.",
        "success",
    ),
    "SECURITY_MSG_TWO_FACTOR_LOGIN_SUCCESSFUL": ("You are signed in.", "info"),
    "SECURITY_MSG_TWO_FACTOR_METHOD_NOT_AVAILABLE": (
        "That can't be done: this installation requires a second factor of you.",
        "error",
    ),
    "SECURITY_MSG_TWO_FACTOR_DISABLED": ("The authenticator app is turned off.", "success"),
    "SECURITY_MSG_TWO_FACTOR_PERMISSION_DENIED": ("Begin with your password, please.", "error"),
}
"""What Flask-Security says, in our words."""


def configure(app: Flask) -> None:
    """Set what Flask-Security reads when it is put into an app."""
    app.config.update(
        SECURITY_TWO_FACTOR=True,
        SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator"],
        SECURITY_TWO_FACTOR_AUTHENTICATOR_VALIDITY=WINDOW,
        SECURITY_TWO_FACTOR_POST_SETUP_VIEW="/account",
        SECURITY_TWO_FACTOR_ERROR_VIEW="/login",
        SECURITY_TWO_FACTOR_SETUP_TEMPLATE="second_factor.html",
        SECURITY_TWO_FACTOR_VERIFY_CODE_TEMPLATE="second_factor_code.html",
        SECURITY_TWO_FACTOR_RESCUE_EMAIL=False,
        SECURITY_TOTP_SECRETS={"1": "the secrets are sealed by `OneTimeCodes`"},
        SECURITY_TOTP_ISSUER=ISSUER,
        SECURITY_MULTI_FACTOR_RECOVERY_CODES=True,
        SECURITY_MULTI_FACTOR_RECOVERY_CODES_N=10,
        SECURITY_MULTI_FACTOR_RECOVERY_CODES_TEMPLATE="recovery_codes.html",
        SECURITY_MULTI_FACTOR_RECOVERY_TEMPLATE="recovery_code.html",
        SECURITY_FRESHNESS=_PASSWORD_LASTS,
        SECURITY_FRESHNESS_GRACE_PERIOD=timedelta(0),  # it would begin anew with each use of these pages
        SECURITY_VERIFY_TEMPLATE="verify.html",
    )
    app.config.update(_WORDS)
    tf_profile_changed.connect(_changed, app)
    tf_disabled.connect(_turned_off, app)


def must_set_one_up() -> bool:
    """Return whether the signed-in person has no second factor, though they must."""
    return is_required() and not has_one(current_user)


def is_required() -> bool:
    """Return whether the signed-in person decides about plans, in an installation that requires a second factor for that."""
    if request_context.services().settings.second_factor != REQUIRED:
        return False
    return request_context.person().may_decide_somewhere


def is_being_set_up() -> bool:
    """Return whether the signed-in person is to type the first code of a new app."""
    return request.method == "POST" and session.get("tf_state") == "validating_profile"


def has_one(user: Any) -> bool:
    """Return whether an account has a second factor."""
    return bool(user.tf_totp_secret or user.webauthn)


def recovery_codes_left(user: Any) -> int:
    """Return how many recovery codes an account has left."""
    return len(current_app.extensions["security"].datastore.mf_get_recovery_codes(user))


def lead_to_set_up() -> ResponseReturnValue | None:
    """Lead somebody who must set up a second factor to it; every other page is closed to them until then."""
    if request.blueprint in _BEFORE_IT or not must_set_one_up():
        return None
    if request.method != "GET":
        flash("Nothing was done: set up a second factor first.", "bad")
    return redirect(url_for("account.account"))


def _address(user: Any) -> str:
    return str(user.email)


def _changed(_app: Flask, user: Any, **_more: Any) -> None:
    _end_others("user.second-factor", user, {"authenticator": True})


def _turned_off(_app: Flask, user: Any, **_more: Any) -> None:
    _end_others("user.second-factor", user, {"authenticator": False})


def _end_others(action: str, user: Any, body: dict[str, Any]) -> None:
    """Record a change, and end the sessions that were begun without it."""
    with writing(request_context.services().engine) as connection:
        ended = end_sessions(connection, user.id, keep=current_row().id)
    audit_person(action, user.email, {**body, "sessions": ended}, actor=user.email)
