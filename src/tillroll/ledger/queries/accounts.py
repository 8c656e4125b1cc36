"""Accounts and their roles, as the ledger holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.engine import insert_if_new
from tillroll.ledger.records import Account
from tillroll.ledger.signins.passkeys import count_passkeys
from tillroll.ledger.signins.sessions import SessionLimits
from tillroll.ledger.tables import roles, roles_users, sessions, store_roles, users


def find_account(connection: Connection, email: str) -> Account | None:
    """Return the account with an address, closed or not, or None. `email` is in lower case."""
    row = connection.execute(sa.select(users).where(users.c.email == email)).first()
    return Account.from_row(row) if row is not None else None


@dataclass(frozen=True, kw_only=True)
class AccountOverview:
    """An account with what one wants to know of all accounts at a glance."""

    account: Account
    roles: frozenset[str]  # for all stores
    store_roles: Mapping[int, frozenset[str]]  # for single stores, by the store's row number
    passkeys: int  # second factors, besides an authenticator app
    sessions: int  # open ones
    seen_at: datetime | None  # when one of them was used last


def list_accounts(connection: Connection, limits: SessionLimits, now: datetime) -> list[AccountOverview]:
    """Return all accounts, closed ones too, by their addresses."""
    counted = (
        sa.select(sessions.c.user_id, sa.func.count(), sa.func.max(sessions.c.seen_at))
        .where(sessions.c.user_id.is_not(None), limits.still_open(now))
        .group_by(sessions.c.user_id)
    )
    seen = {user_id: (number, at) for user_id, number, at in connection.execute(counted)}
    found = []
    for row in connection.execute(sa.select(users).order_by(users.c.email)):
        account = Account.from_row(row)
        number, at = seen.get(account.id, (0, None))
        found.append(
            AccountOverview(
                account=account,
                roles=roles_of_account(connection, account.id),
                store_roles=store_roles_of_account(connection, account.id),
                passkeys=count_passkeys(connection, account.id),
                sessions=number,
                seen_at=at,
            )
        )
    return found


def has_administrator(connection: Connection) -> bool:
    """Return whether an open account has the role `admin` for all stores."""
    query = (
        sa.select(users.c.id)
        .join(roles_users, roles_users.c.user_id == users.c.id)
        .join(roles, roles.c.id == roles_users.c.role_id)
        .where(users.c.active, roles.c.name == "admin")
    )
    return connection.scalar(query.limit(1)) is not None


def password_hash_of(connection: Connection, account_id: int) -> str | None:
    """Return the hash of an account's password, or None if it has none."""
    stored: str | None = connection.scalar(sa.select(users.c.password).where(users.c.id == account_id))
    return stored


def roles_of_account(connection: Connection, account_id: int) -> frozenset[str]:
    """Return the names of the roles that an account has for all stores."""
    query = sa.select(roles.c.name).join(roles_users, roles_users.c.role_id == roles.c.id)
    return frozenset(connection.scalars(query.where(roles_users.c.user_id == account_id)))


def store_roles_of_account(connection: Connection, account_id: int) -> dict[int, frozenset[str]]:
    """Return the names of the roles that an account has for single stores, by the store's row number."""
    query = sa.select(store_roles.c.store_id, roles.c.name)
    query = query.join(roles, roles.c.id == store_roles.c.role_id)
    names: dict[int, frozenset[str]] = {}
    for store_id, name in connection.execute(query.where(store_roles.c.user_id == account_id)):
        names[store_id] = names.get(store_id, frozenset()) | {name}
    return names


def replace_store_roles(
    connection: Connection, account_id: int, store_id: int, granted: Mapping[str, str]
) -> None:
    """Give an account these roles for a store instead of those it had for it. `granted` maps names to descriptions."""
    of_store = (store_roles.c.user_id == account_id, store_roles.c.store_id == store_id)
    connection.execute(sa.delete(store_roles).where(*of_store))
    for name, description in granted.items():
        insert_if_new(connection, roles, {"name": name, "description": description})
        role_id = connection.scalars(sa.select(roles.c.id).where(roles.c.name == name)).one()
        row = {"user_id": account_id, "role_id": role_id, "store_id": store_id}
        connection.execute(sa.insert(store_roles).values(row))


def insert_account(
    connection: Connection,
    *,
    email: str,
    password_hash: str,
    session_key: str,
    granted: Mapping[str, str],
    now: datetime,
) -> bool:
    """Insert an account with its roles, and return whether it is new.

    `session_key`: what a session names the account by. `granted` maps a role's name to its description.
    """
    row = {
        "email": email,
        "password": password_hash,
        "active": True,
        "fs_uniquifier": session_key,
        "create_datetime": now,
    }
    if not insert_if_new(connection, users, row):
        return False
    user_id = connection.scalars(sa.select(users.c.id).where(users.c.email == email)).one()
    _grant(connection, user_id, granted)
    return True


def replace_roles(connection: Connection, account_id: int, granted: Mapping[str, str]) -> None:
    """Give an account these roles, each with its description, instead of those it had."""
    connection.execute(sa.delete(roles_users).where(roles_users.c.user_id == account_id))
    _grant(connection, account_id, granted)


def set_active(connection: Connection, account_id: int, *, active: bool) -> None:
    """Open or close an account."""
    connection.execute(sa.update(users).where(users.c.id == account_id).values(active=active))


def _grant(connection: Connection, account_id: int, granted: Mapping[str, str]) -> None:
    for name, description in granted.items():
        insert_if_new(connection, roles, {"name": name, "description": description})
        role_id = connection.scalars(sa.select(roles.c.id).where(roles.c.name == name)).one()
        connection.execute(sa.insert(roles_users).values(user_id=account_id, role_id=role_id))


def replace_password(
    connection: Connection, account_id: int, *, password_hash: str, session_key: str
) -> None:
    """Replace an account's password. A new `session_key` ends all its sessions."""
    values = {"password": password_hash, "fs_uniquifier": session_key}
    connection.execute(sa.update(users).where(users.c.id == account_id).values(values))


def renew_hash(connection: Connection, account_id: int, *, before: str, after: str) -> None:
    """Replace the hash of an account's password by another of the same password, unless the password was changed meanwhile."""
    unchanged = sa.and_(users.c.id == account_id, users.c.password == before)
    connection.execute(sa.update(users).where(unchanged).values(password=after))
