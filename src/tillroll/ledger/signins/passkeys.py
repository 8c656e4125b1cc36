"""Passkeys: second factors that a device or a security key keeps. The ledger has their public halves, which are no secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.engine import insert_if_new
from tillroll.ledger.tables import passkeys, users


@dataclass(frozen=True, kw_only=True)
class NewPasskey:
    """What a browser has registered."""

    name: str
    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: Sequence[str]


def insert_passkey(connection: Connection, user_id: int, passkey: NewPasskey, now: datetime) -> bool:
    """Insert a passkey of an account, and return whether it and its name are new."""
    row = {
        "user_id": user_id,
        "name": passkey.name,
        "credential_id": passkey.credential_id,
        "public_key": passkey.public_key,
        "sign_count": passkey.sign_count,
        "transports": list(passkey.transports),
        "created_at": now,
        "used_at": now,
    }
    return insert_if_new(connection, passkeys, row)


def note_passkey_use(connection: Connection, passkey_id: int, sign_count: int, now: datetime) -> bool:
    """Note a use, and return whether its count is later than every one before; a device that doesn't count always says 0.

    Of two devices with a copy of the same passkey that count, one is told no.
    """
    is_new = sa.or_(
        passkeys.c.sign_count < sign_count, sa.and_(passkeys.c.sign_count == 0, sa.literal(sign_count) == 0)
    )
    noted = sa.update(passkeys).where(passkeys.c.id == passkey_id, is_new)
    return connection.execute(noted.values(sign_count=sign_count, used_at=now)).rowcount > 0


def remove_passkey(connection: Connection, passkey_id: int, user_id: int) -> bool:
    """Remove a passkey of an account, and return whether it was there."""
    removed = sa.delete(passkeys).where(passkeys.c.id == passkey_id, passkeys.c.user_id == user_id)
    return connection.execute(removed).rowcount > 0


def remove_passkeys(connection: Connection, user_id: int) -> int:
    """Remove all passkeys of an account, and return how many there were."""
    return connection.execute(sa.delete(passkeys).where(passkeys.c.user_id == user_id)).rowcount


def count_passkeys(connection: Connection, user_id: int) -> int:
    """Return how many passkeys an account has."""
    query = sa.select(sa.func.count()).select_from(passkeys).where(passkeys.c.user_id == user_id)
    return int(connection.scalar(query) or 0)


def give_handle(connection: Connection, user_id: int, handle: str) -> None:
    """Give an account what passkeys name it by, unless it has one: a new one would make its passkeys worthless."""
    has_none = users.c.fs_webauthn_user_handle.is_(None)
    given = sa.update(users).where(users.c.id == user_id, has_none)
    connection.execute(given.values(fs_webauthn_user_handle=handle))
