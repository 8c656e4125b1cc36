"""Personal keys: what a person gets at a terminal after proving who they are, and what their commands show from then on.

A key is 32 random bytes, so its SHA-256 in the ledger can't be guessed back. It expires, and can be revoked.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy.engine import Engine

from tillroll.approve.decide import Person
from tillroll.errors import NotAllowed, NotFound
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.people.keys import OwnedKey, find_owner, insert_key, note_use, revoke_key
from tillroll.ledger.queries.accounts import find_account, roles_of_account, store_roles_of_account

_PREFIX = "tillroll_"  # so that scanners for leaked secrets recognise one


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A key that was just made. Its text is shown to nobody again."""

    number: int
    text: str
    expires_at: datetime


def make_key(engine: Engine, *, email: str, machine: str, lasts: timedelta, now: datetime) -> NewKey:
    """Make a key for an account whose owner has just proved who they are. Raises `NotFound` without such an account."""
    text = _PREFIX + secrets.token_urlsafe(32)
    until = now + lasts
    with writing(engine) as connection:
        account = find_account(connection, email.strip().lower())
        if account is None or not account.active:
            raise NotFound(f"There is no active account {email}.")
        number = insert_key(
            connection, account_id=account.id, digest=_digest(text), machine=machine, now=now, until=until
        )
        audit.record(
            connection,
            at=now,
            actor=account.email,
            action="key.made",
            subject=f"user {account.email}",
            body={"key": number, "machine": machine, "until": until},
        )
    return NewKey(number=number, text=text, expires_at=until)


def person_with_key(engine: Engine, text: str, now: datetime) -> Person:
    """Return the person whose key it is. Raises `NotAllowed` for a key that is unknown, revoked or expired."""
    with writing(engine) as connection:
        owned = find_owner(connection, _digest(text), now)
        if owned is None:
            raise NotAllowed(
                "Your key is not valid: it has expired or was revoked, or it belongs to another installation.",
                hint="Get a new one with: tillroll login",
            )
        note_use(connection, owned.key.id, now)
        return Person(
            email=owned.email,
            roles=roles_of_account(connection, owned.key.user_id),
            store_roles=store_roles_of_account(connection, owned.key.user_id),
        )


def end_key(engine: Engine, *, number: int, now: datetime, actor: str) -> None:
    """Revoke a key. Raises `NotFound` if there is none in force with this number."""
    with writing(engine) as connection:
        if not revoke_key(connection, number, now):
            raise NotFound(f"There is no key {number} in force.", hint="See: tillroll key list")
        audit.record(connection, at=now, actor=actor, action="key.revoked", subject=f"key {number}", body={})


def key_in_force(engine: Engine, text: str, now: datetime) -> OwnedKey | None:
    """Return a key with its owner, or None if it is not in force."""
    with reading(engine) as connection:
        return find_owner(connection, _digest(text), now)


def _digest(text: str) -> str:
    return sha256(text.strip().encode()).hexdigest()
