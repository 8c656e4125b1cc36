"""The keys by which commands know their person. The ledger holds their digests only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.records import PersonalKey
from tillroll.ledger.tables import personal_keys, users

_USED_WITHIN = timedelta(minutes=1)  # a use is written this often at most


@dataclass(frozen=True, kw_only=True)
class OwnedKey:
    """A key with its owner's address."""

    key: PersonalKey
    email: str


def insert_key(
    connection: Connection, *, account_id: int, digest: str, machine: str, now: datetime, until: datetime
) -> int:
    """Insert a key and return its number."""
    account_key = sa.select(users.c.fs_uniquifier).where(users.c.id == account_id).scalar_subquery()
    row = {
        "user_id": account_id,
        "digest": digest,
        "account_key": account_key,
        "machine": machine,
        "created_at": now,
        "expires_at": until,
    }
    inserted = sa.insert(personal_keys).values(row).returning(personal_keys.c.id)
    return int(connection.execute(inserted).scalar_one())


def find_owner(connection: Connection, digest: str, now: datetime) -> OwnedKey | None:
    """Return the key with a digest and its owner, or None if there is none in force.

    A key is in force until it expires or is revoked, its account is closed or gets another password.
    """
    row = connection.execute(_in_force(now).where(personal_keys.c.digest == digest)).first()
    return OwnedKey(key=PersonalKey.from_row(row), email=row.email) if row is not None else None


def note_use(connection: Connection, key_id: int, now: datetime) -> None:
    """Record when a key was used."""
    long_ago = sa.or_(personal_keys.c.used_at.is_(None), personal_keys.c.used_at <= now - _USED_WITHIN)
    connection.execute(
        sa.update(personal_keys).where(personal_keys.c.id == key_id, long_ago).values(used_at=now)
    )


def list_keys(connection: Connection, now: datetime) -> list[OwnedKey]:
    """Return the keys that are in force, oldest first."""
    rows = connection.execute(_in_force(now).order_by(personal_keys.c.id))
    return [OwnedKey(key=PersonalKey.from_row(row), email=row.email) for row in rows]


def _in_force(now: datetime) -> sa.Select[Any]:
    return (
        sa.select(personal_keys, users.c.email)
        .join(users, users.c.id == personal_keys.c.user_id)
        .where(personal_keys.c.revoked_at.is_(None), personal_keys.c.expires_at > now, users.c.active)
        .where(personal_keys.c.account_key == users.c.fs_uniquifier)
    )


def revoke_key(connection: Connection, key_id: int, now: datetime) -> bool:
    """Revoke a key, and return whether it was in force."""
    statement = sa.update(personal_keys).where(
        personal_keys.c.id == key_id, personal_keys.c.revoked_at.is_(None)
    )
    return connection.execute(statement.values(revoked_at=now)).rowcount == 1
