"""The second factors of accounts. What is secret about them is sealed before it comes here."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.tables import users


def set_authenticator(connection: Connection, user_id: int, sealed_secret: str) -> None:
    """Make an authenticator app the second factor of an account."""
    values = {"tf_primary_method": "authenticator", "tf_totp_secret": sealed_secret}
    connection.execute(sa.update(users).where(users.c.id == user_id).values(values))


def sealed_secret_of(connection: Connection, user_id: int) -> str | None:
    """Return the sealed secret of an account's authenticator app, or None if it has none."""
    secret: str | None = connection.scalar(sa.select(users.c.tf_totp_secret).where(users.c.id == user_id))
    return secret


def recovery_codes_of(connection: Connection, user_id: int) -> str | None:
    """Return an account's sealed recovery codes, or None if it has none."""
    codes: str | None = connection.scalar(sa.select(users.c.mf_recovery_codes).where(users.c.id == user_id))
    return codes


def remove_authenticator(connection: Connection, user_id: int) -> None:
    """Take the authenticator app from an account."""
    values = {"tf_primary_method": None, "tf_totp_secret": None, "tf_last_counter": None}
    connection.execute(sa.update(users).where(users.c.id == user_id).values(values))


def accept_counter(connection: Connection, user_id: int, counter: int) -> bool:
    """Note the period of a right code, and return whether it is later than every one before: a code is good once."""
    is_new = sa.or_(users.c.tf_last_counter.is_(None), users.c.tf_last_counter < counter)
    noted = sa.update(users).where(users.c.id == user_id, is_new).values(tf_last_counter=counter)
    return connection.execute(noted).rowcount > 0


def replace_recovery_codes(
    connection: Connection, user_id: int, sealed_codes: str | None, *, instead_of: str | None = None
) -> bool:
    """Give an account these recovery codes, and return whether that was done.

    `instead_of`: only if it still has these. Of two processes that use the same code up, one is told no.
    """
    replaced = sa.update(users).where(users.c.id == user_id).values(mf_recovery_codes=sealed_codes)
    if instead_of is not None:
        replaced = replaced.where(users.c.mf_recovery_codes == instead_of)
    return connection.execute(replaced).rowcount > 0
