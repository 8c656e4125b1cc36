"""One-time codes of an authenticator app (RFC 6238): their secrets are sealed at rest, and each code is good once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_security import Totp
from passlib.exc import TokenError, UsedTokenError
from passlib.totp import TOTP

from tillroll.ledger.engine import writing
from tillroll.ledger.signins.second_factors import accept_counter
from tillroll.web.support import request_context

ISSUER = "Tillroll"
WINDOW = 30
"""Seconds before and after now of which a code may be: one code each."""


class _SealedTotp(TOTP):  # type: ignore[misc] # libpass is published without types
    """A secret in the form in which it is kept: sealed with the installation's key, like the stores' tokens."""

    @staticmethod
    def now() -> float:
        """Return the time of the services' clock."""
        return request_context.services().clock.now().timestamp()

    @classmethod
    def from_source(cls, source: Any) -> Any:
        return super().from_source(request_context.services().sealer.open(source))

    def to_json(self, encrypt: Any = None) -> str:
        """Return the sealed secret, whatever `encrypt` says: nothing else leaves this class."""
        return request_context.services().sealer.seal(super().to_json(encrypt=False))


def period_of_code(secret: str, code: str, *, now: datetime) -> int | None:
    """Return the period that a code is of, by its account's secret (opened), or None if it is wrong.

    The period before this one and the one after count too, as on the pages. Whether the code was used already is for the caller.
    """
    totp = TOTP.using(now=now.timestamp).from_source(secret)
    try:
        return int(totp.match(code, window=WINDOW).counter)
    except TokenError:
        return None


class OneTimeCodes(Totp):
    """Flask-Security's codes by the clock of the services, with the protection against replay that it leaves out."""

    def __init__(self, secrets: Any, issuer: str) -> None:
        super().__init__(secrets, issuer)
        self._totp = _SealedTotp.using(issuer=issuer)

    def verify_totp(self, token: str, totp_secret: str, user: Any, window: int = 0) -> bool:
        """Return whether a code is right. The first code of a new secret may be of a period in which an older one gave one."""
        if totp_secret == user.tf_totp_secret:
            return bool(super().verify_totp(token, totp_secret, user, window))
        try:
            match = self._totp.verify(token, totp_secret, window=window)
        except TokenError:
            return False
        with writing(request_context.services().engine) as connection:
            accept_counter(connection, user.id, match.counter)
        return True

    def get_last_counter(self, user: Any) -> int | None:
        """Return the period of the account's last code; it and all before are worth nothing."""
        counter: int | None = user.tf_last_counter
        return counter

    def set_last_counter(self, user: Any, tmatch: Any) -> None:
        """Use a code up. Raises `UsedTokenError` if the same one was used at the same moment."""
        with writing(request_context.services().engine) as connection:
            if not accept_counter(connection, user.id, tmatch.counter):
                raise UsedTokenError
