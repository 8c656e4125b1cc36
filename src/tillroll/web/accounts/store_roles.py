"""Giving an account roles for one store, beside those that it has for all stores."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.engine import Connection, Engine

from tillroll.errors import NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.accounts import find_account, replace_store_roles, store_roles_of_account
from tillroll.ledger.queries.stores import find_store
from tillroll.ledger.records import Store
from tillroll.ledger.signins.sessions import end_sessions
from tillroll.web.accounts.users import ROLES


def require_connected(engine: Engine, ecwid_id: int) -> None:
    """Raise `NotFound` unless there is a store with this number."""
    with reading(engine) as connection:
        _store(connection, ecwid_id)


def set_store_roles(
    engine: Engine,
    *,
    email: str,
    role_names: Collection[str],
    ecwid_id: int,
    now: datetime,
    actor: str = "command",
) -> None:
    """Give an account these roles for a store instead of those that it had for it; none takes them away.

    Raises `NotFound` without such an account or store, and `Refused` for an unknown role.
    """
    if unknown := sorted(set(role_names) - ROLES.keys()):
        raise Refused(f"There is no role {', '.join(unknown)}.", hint=f"The roles are {', '.join(ROLES)}.")
    granted = {name: ROLES[name] for name in sorted(set(role_names))}
    with writing(engine) as connection:
        account = find_account(connection, email.strip().lower())
        if account is None:
            raise NotFound(f"There is no account for {email}.", hint="Make one with: tillroll user add EMAIL")
        store = _store(connection, ecwid_id)
        before = sorted(store_roles_of_account(connection, account.id).get(store.id, ()))
        replace_store_roles(connection, account.id, store.id, granted)
        ended = end_sessions(connection, account.id)
        body = {"store": ecwid_id, "before": before, "roles": list(granted), "sessions": ended}
        audit.record(
            connection, at=now, actor=actor, action="user.roles", subject=f"user {account.email}", body=body
        )


def _store(connection: Connection, ecwid_id: int) -> Store:
    store = find_store(connection, ecwid_id)
    if store is None:
        raise NotFound(f"Store {ecwid_id} isn't connected.", hint="See: tillroll status")
    return store
