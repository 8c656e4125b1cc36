"""Proving at a terminal who one is, by the same password and second factor as on the pages."""

from __future__ import annotations

import hmac
import json
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy.engine import Engine

from tillroll.errors import NotAllowed, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.accounts import find_account, password_hash_of
from tillroll.ledger.records import Account
from tillroll.ledger.signins.passkeys import count_passkeys
from tillroll.ledger.signins.second_factors import (
    accept_counter,
    recovery_codes_of,
    replace_recovery_codes,
    sealed_secret_of,
)
from tillroll.settings import REQUIRED
from tillroll.web.accounts.forms import say_wait
from tillroll.web.accounts.passwords import cut
from tillroll.web.accounts.throttle import Throttle
from tillroll.web.accounts.totp import period_of_code
from tillroll.web.accounts.users import person_of
from tillroll.wiring import Services

_NOBODY = PasswordHasher().hash("a password that no account has")  # so that an unknown address takes as long
_TERMINAL = "terminal"  # all terminals count as one client


def check_password(services: Services, *, email: str, password: str, now: datetime) -> Account:
    """Return the open account that the password is of. Otherwise raises `NotAllowed`, which is recorded and counted.

    An account with a second factor has proved nothing yet: `check_code` comes next. Too many wrong passwords shut the account out
    for a while, as on the pages; then it raises `Refused`.
    """
    throttle = Throttle(services.engine, email=email, client=_TERMINAL)
    _begin(throttle, now)
    address = email.strip().lower()
    with reading(services.engine) as connection:
        account = find_account(connection, address)
        stored = password_hash_of(connection, account.id) if account is not None and account.active else None
    if _fits(stored or _NOBODY, password) and stored is not None and account is not None:
        throttle.take_back(now)
        if not has_second_factor(services.engine, account):
            _refuse_if_one_is_required(services, account)
            throttle.signed_in(now)
        return account
    _record_failure(services, address, now)
    raise NotAllowed("Wrong e-mail address or password.", hint="Try again: tillroll login")


def has_second_factor(engine: Engine, account: Account) -> bool:
    """Return whether an account has an authenticator app or a passkey, so that its password alone proves nothing."""
    with reading(engine) as connection:
        return account.tf_primary_method is not None or count_passkeys(connection, account.id) > 0


def check_code(services: Services, *, account: Account, code: str, now: datetime) -> None:
    """Return if a code is the next one of the account's authenticator app, or a recovery code. Otherwise raises `NotAllowed`.

    Each code is good once, on the pages and here together; wrong ones are counted. No terminal can ask for a passkey.
    """
    throttle = Throttle(services.engine, email=account.email, client=_TERMINAL, code=True)
    _begin(throttle, now)
    if _use_app_code(services, account, code, now) or _use_recovery_code(services, account, code):
        throttle.take_back(now)
        throttle.signed_in(now)
        return
    _record_failure(services, account.email, now)
    raise NotAllowed(
        "That code is not right. Each code is good once.",
        hint="Give the next code of your app or a recovery code: tillroll login. A passkey can't be used at a terminal; an app or"
        " recovery codes can be set up on the pages, under your account.",
    )


def _use_app_code(services: Services, account: Account, code: str, now: datetime) -> bool:
    """Use a code of the authenticator app up. Returns whether it was right."""
    with reading(services.engine) as connection:
        sealed = sealed_secret_of(connection, account.id)
    period = period_of_code(services.sealer.open(sealed), code, now=now) if sealed is not None else None
    if period is None:
        return False
    with writing(services.engine) as connection:
        return accept_counter(connection, account.id, period)


def _use_recovery_code(services: Services, account: Account, code: str) -> bool:
    """Use a recovery code up. Returns whether it was right."""
    with reading(services.engine) as connection:
        sealed = recovery_codes_of(connection, account.id)
    codes = [str(one) for one in json.loads(services.sealer.open(sealed))] if sealed else []
    left = [one for one in codes if not hmac.compare_digest(one.encode(), code.encode())]
    if len(left) == len(codes):
        return False
    anew = services.sealer.seal(json.dumps(left))
    with writing(services.engine) as connection:
        return replace_recovery_codes(connection, account.id, anew, instead_of=sealed)


def _begin(throttle: Throttle, now: datetime) -> None:
    admission = throttle.begin(now)
    if admission.shut_until is not None:
        raise Refused(say_wait(admission.shut_until, now))


def _refuse_if_one_is_required(services: Services, account: Account) -> None:
    """Raise `NotAllowed` if the account must have a second factor, as on the pages, and has none."""
    person = person_of(services.engine, account.email)
    if services.settings.second_factor == REQUIRED and person is not None and person.may_decide_somewhere:
        raise NotAllowed(
            "This installation requires a second factor of people who decide, and you have none.",
            hint="Sign in on the pages and set one up under your account. Then: tillroll login",
        )


def _record_failure(services: Services, address: str, now: datetime) -> None:
    printable = "".join(letter for letter in address if letter.isprintable())[:255]
    with writing(services.engine) as connection:
        audit.record(
            connection,
            at=now,
            actor="command",
            action="person.not_signed_in",
            subject=f"user {printable}",
            body={},
        )


def _fits(stored: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(stored, cut(password))
    except (Argon2Error, InvalidHashError):
        return False
