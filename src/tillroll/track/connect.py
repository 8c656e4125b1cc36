"""Connecting stores, and stopping and resuming the work on a store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import lanes, stores

CONNECTED, DISCONNECTED, NO_API, FENCED = "connected", "disconnected", "no_api", "fenced"
"""The states of a store (`stores.state`)."""

_RESUMED = {"state": CONNECTED, "reason": "", "not_before": None}


def connect(
    engine: Engine,
    *,
    ecwid_id: int,
    base_url: str,
    sealed_token: str,
    changed: bool,
    now: datetime,
    scopes: str = "",
    actor: str = "loop",
) -> int:
    """Insert a store, or update its token or address if `changed`. Returns its number in the ledger.

    A new token connects a disconnected store again. `sealed_token` is encrypted; `scopes` are what the token may do, separated by
    spaces, or empty when the store has not said.
    """
    where = stores.c.ecwid_id == ecwid_id
    access = {"base_url": base_url, "token": sealed_token, "scopes": scopes}
    with writing(engine) as connection:
        if insert_if_new(connection, stores, {"ecwid_id": ecwid_id, "created_at": now, **access}):
            _audit(connection, now, "store.connected", ecwid_id, "", actor)
        elif changed:
            connection.execute(sa.update(stores).where(where).values(access))
            connection.execute(sa.update(stores).where(where, stores.c.state != FENCED).values(_RESUMED))
            _audit(connection, now, "store.connected", ecwid_id, "a new token or address", actor)
        store_id = int(connection.scalars(sa.select(stores.c.id).where(where)).one())
        wake(connection, store_id)
        return store_id


def wake(connection: Connection, store_id: int) -> None:
    """Make the store's work due now."""
    connection.execute(sa.update(lanes).where(lanes.c.store_id == store_id).values(due_at=None))


def resume(connection: Connection, store_id: int) -> None:
    """Let the worker work for a store again, now. The caller writes the audit entry."""
    connection.execute(sa.update(stores).where(stores.c.id == store_id).values(_RESUMED))
    wake(connection, store_id)


def reconnect(engine: Engine, *, store_id: int, actor: str, now: datetime) -> None:
    """Resume the work on a store that accepts its present token again. Only `tillroll rearm` resumes a fenced store."""
    with writing(engine) as connection:
        store = load_store(connection, store_id)
        if store.state not in {CONNECTED, FENCED}:
            resume(connection, store_id)
            _audit(connection, now, "store.connected", store.ecwid_id, "it answers again", actor)


def stop_store(
    engine: Engine,
    *,
    store_id: int,
    state: str,
    reason: str,
    now: datetime,
    also: Callable[[Connection], None] | None = None,
) -> bool:
    """Stop all calls to a store until a person acts. Returns False if it was in that state already.

    `also` writes something in the same transaction, if the stop is new.
    """
    with writing(engine) as connection:
        store = load_store(connection, store_id)
        if store.state == state:
            return False
        connection.execute(
            sa.update(stores).where(stores.c.id == store_id).values(state=state, reason=reason)
        )
        _audit(connection, now, f"store.{state}", store.ecwid_id, reason)
        if also is not None:
            also(connection)
        return True


def pause_store(engine: Engine, *, store_id: int, until: datetime, reason: str) -> None:
    """Make no calls to a store until a moment, because of a temporary problem."""
    with writing(engine) as connection:
        connection.execute(
            sa.update(stores).where(stores.c.id == store_id).values(not_before=until, reason=reason)
        )


def end_pause(engine: Engine, *, store_id: int) -> None:
    """End the pause of a connected store, which answered again."""
    with writing(engine) as connection:
        where = (stores.c.id == store_id, stores.c.state == CONNECTED)
        connection.execute(sa.update(stores).where(*where).values(not_before=None, reason=""))


def _audit(
    connection: Connection, now: datetime, action: str, ecwid_id: int, reason: str, actor: str = "loop"
) -> None:
    audit.record(
        connection, at=now, actor=actor, action=action, subject=f"store {ecwid_id}", body={"reason": reason}
    )
