"""Passkeys (WebAuthn) as a second factor, beside or instead of an authenticator app. Nobody signs in with one alone.

Flask-Security has the pages and py_webauthn the cryptography; here is what is stricter. A challenge is good once, and only in the
session that asked for it. A passkey proves the second factor of the account whose password was right, not of its own.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Flask, request, session
from flask_security import WebauthnUtil, current_user
from flask_security.webauthn import (
    WebAuthnDeleteForm,
    WebAuthnRegisterForm,
    WebAuthnRegisterResponseForm,
    WebAuthnSigninForm,
    WebAuthnSigninResponseForm,
)
from itsdangerous import BadSignature, SignatureExpired
from wtforms import StringField

from tillroll.web.accounts.second_factor import is_required
from tillroll.web.accounts.totp import ISSUER
from tillroll.web.support import request_context

log = structlog.get_logger("tillroll.web")

MOST = 10
"""Passkeys that an account may have."""

OPEN_FOR_PASSKEYS = frozenset({"security.tf_select", "security.wan_signin", "security.wan_signin_response"})
"""The pages that somebody sees between the password and a passkey."""

_NEW_WITHIN, _ANSWER_WITHIN = timedelta(minutes=5), timedelta(minutes=1)
"""How long the browser and its person may take, to make a passkey and to use one."""

_ASKED = "passkey_asked"  # in the session
_STALE = "That took too long, or was begun in another window. Begin again."
_NOT_YOURS = "That passkey is not one of this account."


class AskedInSession:
    """Keeps what a passkey was asked in the session, where Flask-Security would sign it and send it along.

    So an answer is good once, and only in the session that asked last. What stands in the address is a number that says which.
    """

    def dumps(self, asked: dict[str, Any]) -> str:
        """Keep what is asked now, in place of what was asked before, and return its number."""
        number = secrets.token_urlsafe(16)
        session[_ASKED] = {"number": number, "at": request_context.now(), "asked": asked}
        return number

    def loads(self, number: str, max_age: float) -> dict[str, Any]:
        """Return what was asked, once. Raises `BadSignature` if it was not asked last, `SignatureExpired` after some seconds."""
        kept = session.pop(_ASKED, None)
        if kept is None or not hmac.compare_digest(kept["number"].encode(), number.encode()):
            raise BadSignature("not asked")
        if request_context.now() - kept["at"] > timedelta(seconds=max_age):
            raise SignatureExpired("asked too long ago")
        return dict(kept["asked"])

    def loads_unsafe(self, _number: str) -> tuple[bool, None]:
        """Return nothing: what was asked too long ago is of no use."""
        return False, None


class PasskeyUtil(WebauthnUtil):
    """What Flask-Security asks about this installation."""

    def origin(self) -> str:
        """Return the address that passkeys are for: TILLROLL_URL if it is set, whatever a request says."""
        own = urlsplit(request_context.services().settings.public_url)
        return f"{own.scheme}://{own.netloc}" if own.netloc else str(super().origin())


class RegisterForm(WebAuthnRegisterForm):
    """The name of a new passkey."""

    usage = StringField(default="secondary")

    def validate(self, **kwargs: Any) -> bool:
        """Return whether the account may have another passkey of this name."""
        if len(current_user.webauthn) >= MOST:
            self.form_errors.append(f"You have {MOST} passkeys, which is the most. Remove one first.")
            return False
        return bool(super().validate(**kwargs))


class RegisterResponseForm(WebAuthnRegisterResponseForm):
    """What the browser made."""

    def validate(self, **kwargs: Any) -> bool:
        """Return whether it is a new passkey."""
        is_right = _is_right(super().validate, kwargs)
        if not is_right and not self.errors:
            self.form_errors.append(_STALE)
        return is_right


class PasskeySignInForm(WebAuthnSigninForm):
    """Asking for a challenge. Its account is the one whose password was right."""

    remember = StringField()  # no page has it: a sign-in is remembered by nothing but its session
    identity = StringField()


class SignInResponseForm(WebAuthnSigninResponseForm):
    """What a passkey answered."""

    remember = StringField()

    def validate(self, **kwargs: Any) -> bool:
        """Return whether a passkey of the account whose password was right gave the answer."""
        self.remember.data = None
        is_right = self.is_secondary and _is_right(super().validate, kwargs)
        if is_right and not self._is_awaited():
            self.form_errors.append(_NOT_YOURS)
            is_right = False
        if not is_right:
            log.warning("person.not_signed_in", client=request.remote_addr, passkey=True)
        return is_right

    def _is_awaited(self) -> bool:
        """Return whether it is the account whose password was right, which Flask-Security does not ask."""
        user = self.user
        return user is not None and user.is_active and user.fs_uniquifier == session.get("tf_user_id")


class DeleteForm(WebAuthnDeleteForm):
    """Which passkey is to be removed."""

    def validate(self, **kwargs: Any) -> bool:
        """Return whether it may go: where a second factor is required, the last one stays."""
        if not super().validate(**kwargs):
            return False
        is_last = len(current_user.webauthn) == 1 and not current_user.tf_totp_secret
        if is_last and is_required():
            self.name.errors.append(
                "That can't be done: this installation requires a second factor of you, and this is your last one."
            )
            return False
        return True


FORMS: dict[str, Any] = {
    "wan_register_form": RegisterForm,
    "wan_register_response_form": RegisterResponseForm,
    "wan_signin_form": PasskeySignInForm,
    "wan_signin_response_form": SignInResponseForm,
    "wan_delete_form": DeleteForm,
}

_UNKNOWN = ("That passkey is not known here.", "error")
_WORDS = {
    "SECURITY_MSG_API_ERROR": (_STALE, "error"),
    "SECURITY_MSG_WEBAUTHN_EXPIRED": (_STALE, "error"),
    "SECURITY_MSG_WEBAUTHN_NAME_REQUIRED": ("Give the passkey a name, by which you know it again.", "error"),
    "SECURITY_MSG_WEBAUTHN_NAME_INUSE": ("You have a passkey of this name: choose another.", "error"),
    "SECURITY_MSG_WEBAUTHN_NAME_NOT_FOUND": ("You have no passkey of this name.", "error"),
    "SECURITY_MSG_WEBAUTHN_NAME_DISALLOWED_CHARACTERS": (
        "A passkey's name holds letters, digits, spaces and hyphens.",
        "error",
    ),
    "SECURITY_MSG_WEBAUTHN_CREDENTIAL_DELETED": ("The passkey “%(name)s” is removed.", "success"),
    "SECURITY_MSG_WEBAUTHN_REGISTER_SUCCESSFUL": (
        "Signing in asks for “%(name)s” from now on. Make recovery codes, for when it is lost.",
        "success",
    ),
    "SECURITY_MSG_WEBAUTHN_CREDENTIAL_ID_INUSE": ("This passkey is registered already.", "error"),
    "SECURITY_MSG_WEBAUTHN_UNKNOWN_CREDENTIAL_ID": _UNKNOWN,
    "SECURITY_MSG_WEBAUTHN_ORPHAN_CREDENTIAL_ID": _UNKNOWN,
    "SECURITY_MSG_WEBAUTHN_CREDENTIAL_WRONG_USAGE": _UNKNOWN,
    "SECURITY_MSG_WEBAUTHN_MISMATCH_USER_HANDLE": (_NOT_YOURS, "error"),
    "SECURITY_MSG_WEBAUTHN_NO_VERIFY": (
        "The passkey's answer is not right (%(cause)s). A passkey works only at the address where it was made.",
        "error",
    ),
}
"""What Flask-Security says, in our words."""


def configure(app: Flask) -> None:
    """Set what Flask-Security reads when it is put into an app."""
    app.config.update(
        SECURITY_WEBAUTHN=True,
        SECURITY_WAN_RP_NAME=ISSUER,
        SECURITY_WAN_ALLOW_AS_FIRST_FACTOR=False,
        SECURITY_WAN_ALLOW_AS_MULTI_FACTOR=False,
        SECURITY_WAN_ALLOW_AS_VERIFY=None,
        SECURITY_WAN_POST_REGISTER_VIEW="/account",
        SECURITY_WAN_REGISTER_WITHIN=_NEW_WITHIN,
        SECURITY_WAN_SIGNIN_WITHIN=_ANSWER_WITHIN,
        SECURITY_WAN_REGISTER_TEMPLATE="passkeys.html",
        SECURITY_WAN_SIGNIN_TEMPLATE="passkey_signin.html",
        SECURITY_TWO_FACTOR_SELECT_TEMPLATE="second_factor_choice.html",
    )
    app.config.update(_WORDS)


def _is_right(validate: Callable[..., bool], given: dict[str, Any]) -> bool:
    """Return whether an answer is right. What can't even be read, in whatever way it is malformed, is a wrong answer."""
    try:
        return validate(**given)
    except Exception as fault:  # of JSON, base64, CBOR or a key that an attacker has made up
        log.warning("passkey.malformed", fault=type(fault).__name__)
        return False
