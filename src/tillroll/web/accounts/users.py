"""Accounts: making, closing and opening them, their passwords and roles. `signin.py` does the signing in.

Whatever takes something from an account (its password, a role, its use) ends its sessions in the same transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from email_validator import EmailNotValidError, validate_email
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.decide import ADMIN, APPROVER, VIEWER, Person
from tillroll.errors import NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.accounts import (
    find_account,
    insert_account,
    replace_password,
    replace_roles,
    roles_of_account,
    set_active,
    store_roles_of_account,
)
from tillroll.ledger.records import Account
from tillroll.ledger.signins.counts import clear_counts
from tillroll.ledger.signins.passkeys import remove_passkeys
from tillroll.ledger.signins.second_factors import remove_authenticator, replace_recovery_codes
from tillroll.ledger.signins.sessions import end_sessions
from tillroll.web.accounts.passwords import FULL_COST, HashingCost, hash_password
from tillroll.web.accounts.throttle import counts_of_account

ROLES = {
    VIEWER: "sees everything except codes in clear",
    APPROVER: "decides on plans and halts runs",
    ADMIN: "may do everything, including connecting stores",
}
COMMAND = "command"
"""Who did it, in the audit, when the command doesn't know the person."""


def add_user(
    engine: Engine,
    *,
    email: str,
    password: str,
    role_names: Collection[str],
    now: datetime,
    actor: str = COMMAND,
    cost: HashingCost = FULL_COST,
) -> None:
    """Make an account. Raises `Refused` if it exists, the password won't do or a role is unknown."""
    address, granted = _checked_address(email), _granted(role_names)
    password_hash = hash_password(password, email=address, cost=cost)
    with writing(engine) as connection:
        if not insert_account(
            connection,
            email=address,
            password_hash=password_hash,
            session_key=_new_session_key(),
            granted=granted,
            now=now,
        ):
            raise Refused(f"There is already an account for {address}.", hint="Choose another address.")
        _record(connection, "user.added", address, {"roles": list(granted)}, actor=actor, now=now)


def set_password(engine: Engine, *, email: str, password: str, now: datetime, actor: str = COMMAND) -> None:
    """Change an account's password, end its sessions and let it sign in at once. Raises `NotFound` or `Refused`."""

    def change(connection: Connection, account: Account) -> Mapping[str, Any]:
        replace_password(connection, account.id, password_hash=password_hash, session_key=_new_session_key())
        clear_counts(connection, counts_of_account(account.email))
        return {}

    password_hash = hash_password(password, email=_normalised(email))
    _take_away(engine, email, "user.password", change, actor=actor, now=now)


def remove_second_factor(engine: Engine, *, email: str, now: datetime, actor: str = COMMAND) -> None:
    """Take the authenticator app, the passkeys and the recovery codes from an account, and end its sessions."""

    def change(connection: Connection, account: Account) -> Mapping[str, Any]:
        remove_authenticator(connection, account.id)
        removed = remove_passkeys(connection, account.id)
        replace_recovery_codes(connection, account.id, None)
        clear_counts(connection, counts_of_account(account.email))
        return {"removed": True, "passkeys": removed}

    _take_away(engine, email, "user.second-factor", change, actor=actor, now=now)


def close_account(engine: Engine, *, email: str, now: datetime, actor: str = COMMAND) -> int:
    """Close an account: nobody signs in with it, and its sessions end. Returns how many there were."""

    def change(connection: Connection, account: Account) -> Mapping[str, Any]:
        if not account.active:
            raise Refused(
                f"The account of {account.email} is closed already.", hint="There is nothing to do."
            )
        set_active(connection, account.id, active=False)
        return {}

    return _take_away(engine, email, "user.closed", change, actor=actor, now=now)


def open_account(engine: Engine, *, email: str, now: datetime, actor: str = COMMAND) -> None:
    """Open a closed account again, with the password and roles it had."""

    def change(connection: Connection, account: Account) -> Mapping[str, Any]:
        if account.active:
            raise Refused(f"The account of {account.email} is open.", hint="There is nothing to do.")
        set_active(connection, account.id, active=True)
        clear_counts(connection, counts_of_account(account.email))
        return {}

    _take_away(engine, email, "user.opened", change, actor=actor, now=now)


def set_roles(
    engine: Engine, *, email: str, role_names: Collection[str], now: datetime, actor: str = COMMAND
) -> int:
    """Give an account these roles instead of those it had, and end its sessions. Returns how many there were."""

    def change(connection: Connection, account: Account) -> Mapping[str, Any]:
        before = sorted(roles_of_account(connection, account.id))
        replace_roles(connection, account.id, granted)
        return {"before": before, "roles": list(granted)}

    granted = _granted(role_names)
    return _take_away(engine, email, "user.roles", change, actor=actor, now=now)


def sign_out_everywhere(engine: Engine, *, email: str, now: datetime, actor: str = COMMAND) -> int:
    """End all sessions of an account. Returns how many there were."""
    return _take_away(
        engine, email, "user.signed-out", lambda _connection, _account: {}, actor=actor, now=now
    )


def person_of(engine: Engine, email: str) -> Person | None:
    """Return the person with an address and their roles, or None if there is no such account or it is closed."""
    with reading(engine) as connection:
        account = find_account(connection, _normalised(email))
        if account is None or not account.active:
            return None
        return Person(
            email=account.email,
            roles=roles_of_account(connection, account.id),
            store_roles=store_roles_of_account(connection, account.id),
        )


def required_account(connection: Connection, email: str) -> Account:
    """Return the account with an address, closed or not. Raises `NotFound`."""
    account = find_account(connection, _normalised(email))
    if account is None:
        raise NotFound(f"There is no account for {email}.", hint="Make one with: tillroll user add ADDRESS")
    return account


def _take_away(
    engine: Engine,
    email: str,
    action: str,
    change: Callable[[Connection, Account], Mapping[str, Any]],
    *,
    actor: str,
    now: datetime,
) -> int:
    """Change an account, end its sessions and record it, all in one transaction. `change` returns what the audit says."""
    with writing(engine) as connection:
        account = required_account(connection, email)
        said = change(connection, account)
        ended = end_sessions(connection, account.id)
        _record(connection, action, account.email, {**said, "sessions": ended}, actor=actor, now=now)
    return ended


def _record(
    connection: Connection, action: str, email: str, body: Mapping[str, Any], *, actor: str, now: datetime
) -> None:
    audit.record(connection, at=now, actor=actor, action=action, subject=f"user {email}", body=body)


def _granted(role_names: Collection[str]) -> dict[str, str]:
    """Return roles with their descriptions. Raises `Refused` for one that doesn't exist."""
    unknown = sorted(set(role_names) - ROLES.keys())
    if unknown:
        raise Refused(f"There is no role {', '.join(unknown)}.", hint=f"The roles are {', '.join(ROLES)}.")
    return {name: ROLES[name] for name in sorted(set(role_names))}


def _normalised(email: str) -> str:
    return email.strip().lower()


def _checked_address(email: str) -> str:
    try:
        return validate_email(_normalised(email), check_deliverability=False).normalized
    except EmailNotValidError as fault:
        raise Refused(
            f"{email!r} is not an e-mail address: {fault}", hint="Write it like ana@shop.example"
        ) from fault


def _new_session_key() -> str:
    """Return what a session names its account by; an account with a new one is signed out everywhere."""
    return secrets.token_hex(32)
