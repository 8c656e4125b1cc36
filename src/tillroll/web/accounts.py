"""Accounts in the ledger: who may sign in, and with which roles. `signin.py` lets people in.

Passwords are argon2id hashes with the salt and cost inside, so they outlive a change of keys.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from email_validator import EmailNotValidError, validate_email
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.decide import ADMIN, APPROVER, VIEWER, Person
from tillroll.errors import NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.tables import roles, roles_users, users

ROLES = {
    VIEWER: "sees everything but codes in clear",
    APPROVER: "decides on plans and halts runs",
    ADMIN: "all of it, and accounts",
}
LEAST_PASSWORD = 10
_MOST_PASSWORD = 256  # argon2 would take more; a form that accepts megabytes invites them
_WHO = "command"


def add_user(
    engine: Engine, *, email: str, password: str, role_names: Collection[str], now: datetime
) -> None:
    """Make an account. `Refused` when it exists, the password is short or a role unknown."""
    address, hashed = _address(email), _hashed(password)
    unknown = sorted(set(role_names) - ROLES.keys())
    if unknown:
        raise Refused(f"There is no role {', '.join(unknown)}.", hint=f"Roles are {', '.join(ROLES)}.")
    with writing(engine) as connection:
        row = {
            "email": address,
            "password": hashed,
            "active": True,
            "fs_uniquifier": secrets.token_hex(32),
            "create_datetime": now,
        }
        if not insert_if_new(connection, users, row):
            raise Refused(f"There is an account for {address} already.", hint="Choose another address.")
        user_id = _find(connection, address).id
        for name in sorted(set(role_names)):
            insert_if_new(connection, roles, {"name": name, "description": ROLES[name]})
            role_id = connection.scalars(sa.select(roles.c.id).where(roles.c.name == name)).one()
            connection.execute(sa.insert(roles_users).values(user_id=user_id, role_id=role_id))
        body = {"roles": sorted(set(role_names))}
        audit.record(
            connection, at=now, actor=_WHO, action="user.added", subject=f"user {address}", body=body
        )


def set_password(engine: Engine, *, email: str, password: str, now: datetime) -> None:
    """Give an account another password; who is signed in with the old one is signed out."""
    hashed = _hashed(password)
    with writing(engine) as connection:
        row = _find(connection, email)
        fresh = {"password": hashed, "fs_uniquifier": secrets.token_hex(32)}
        connection.execute(sa.update(users).where(users.c.id == row.id).values(fresh))
        audit.record(
            connection, at=now, actor=_WHO, action="user.password", subject=f"user {row.email}", body={}
        )


def person_of(engine: Engine, email: str) -> Person | None:
    """Who an address stands for, with their roles; None when there is no such account or it is closed."""
    held = (
        sa.select(users.c.email, users.c.active, roles.c.name)
        .outerjoin(roles_users, roles_users.c.user_id == users.c.id)
        .outerjoin(roles, roles.c.id == roles_users.c.role_id)
        .where(users.c.email == _folded(email))
    )
    with reading(engine) as connection:
        rows = connection.execute(held).all()
    if not rows or not rows[0].active:
        return None
    return Person(email=rows[0].email, roles=frozenset(row.name for row in rows if row.name))


def _find(connection: Connection, email: str) -> sa.Row[Any]:
    row = connection.execute(sa.select(users).where(users.c.email == _folded(email))).first()
    if row is None:
        raise NotFound(f"There is no account for {email}.", hint="Make one with: tillroll user add ADDRESS")
    return row


def _folded(email: str) -> str:
    return email.strip().lower()


def _address(email: str) -> str:
    try:
        return validate_email(_folded(email), check_deliverability=False).normalized
    except EmailNotValidError as fault:
        raise Refused(
            f"{email!r} is not an e-mail address: {fault}", hint="Write it like ana@shop.example"
        ) from fault


def _hashed(password: str) -> str:
    plain = unicodedata.normalize(
        "NFKD", password
    )  # as the sign-in form does, so that é typed two ways is one é
    if not LEAST_PASSWORD <= len(plain) <= _MOST_PASSWORD:
        raise Refused(
            f"A password has {LEAST_PASSWORD} to {_MOST_PASSWORD} characters; this one has {len(plain)}.",
            hint="A few words in a row are long and easy to keep in mind.",
        )
    return PasswordHasher().hash(plain)
