"""The forms that ask for a password, with a limit on wrong ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from flask import request
from flask_security import current_user
from flask_security.forms import LoginForm

from tillroll.campaign.text.counts import count_of
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import writing
from tillroll.web.accounts.passwords import cut
from tillroll.web.accounts.throttle import Throttle
from tillroll.web.support import request_context

log = structlog.get_logger("tillroll.web")

_LONGEST_SUBJECT = 255


class ThrottledForm:
    """A form whose wrong answers are counted. It comes before the form of Flask-Security among the bases."""

    form_errors: list[str]
    asks_for_code = False  # of the second factor, which is counted apart from passwords

    def account_address(self) -> str:
        """Return the address of the account whose secret is asked for."""
        raise NotImplementedError

    def validate(self, **kwargs: Any) -> bool:
        """Return whether the answer is right. While the account or the client has to wait, none is looked at."""
        now = request_context.now()
        throttle = throttle_for(self.account_address(), code=self.asks_for_code)
        admission = throttle.begin(now)
        if admission.shut_until is not None:
            self.form_errors.append(say_wait(admission.shut_until, now))
            return False
        if super().validate(**kwargs):  # type: ignore[misc]
            throttle.take_back(now)
            return True
        log.warning("person.not_signed_in", client=request.remote_addr)
        if admission.is_last:
            audit_person("person.shut-out", self.account_address(), {"address": request.remote_addr})
        return False


class SignInForm(ThrottledForm, LoginForm):
    """Flask-Security's form with a limit on failures and without `remember me`."""

    remember = None

    def account_address(self) -> str:
        """Return what was typed."""
        return str(self.email.data or "")

    def validate(self, **kwargs: Any) -> bool:
        """Return whether address and password are an open account's."""
        self.password.data = cut(self.password.data or "")
        return super().validate(**kwargs)


def right_password(password: str) -> bool:
    """Return whether a password is the signed-in person's. Raises `Refused` while they have to wait."""
    now, throttle = request_context.now(), throttle_for(current_user.email)
    admission = throttle.begin(now)
    if admission.shut_until is not None:
        raise Refused(say_wait(admission.shut_until, now))
    if not current_user.verify_and_update_password(cut(password)):
        return False
    throttle.take_back(now)
    return True


def throttle_for(email: str, *, code: bool = False) -> Throttle:
    """Return the limits on passwords, or codes, of an account from the client of this request."""
    engine = request_context.services().engine
    return Throttle(engine, email=email, client=request.remote_addr or "", code=code)


def say_wait(until: datetime, now: datetime) -> str:
    """Return the sentence for somebody who has to wait."""
    minutes = max(1, round((until - now).total_seconds() / 60 + 0.5))
    return f"Too many attempts. Wait {count_of(minutes, 'minute')}, then try again."


def audit_person(action: str, email: str, body: Mapping[str, Any], *, actor: str = "web") -> None:
    """Record what somebody did at the sign-in. Of an address that was typed, only what can be printed is kept."""
    printable = "".join(letter for letter in email if letter.isprintable())[:_LONGEST_SUBJECT]
    with writing(request_context.services().engine) as connection:
        audit.record(
            connection,
            at=request_context.now(),
            actor=actor,
            action=action,
            subject=f"user {printable}",
            body=body,
        )
