"""Which stores there are, and whether their lanes may run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.errors import NotFound
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, writing
from tillroll.ledger.tables import lanes, stores

CONNECTED, DISCONNECTED, NO_API, FENCED = "connected", "disconnected", "no_api", "fenced"


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
    """Write a store down, or its new token or address; returns its number. A new token connects a disconnected store again.

    `scopes` are what the token may do, parted by spaces, where the store has said so.
    """
    where = stores.c.ecwid_id == ecwid_id
    fresh = {"base_url": base_url, "token": sealed_token, "scopes": scopes}
    with writing(engine) as connection:
        if insert_if_new(connection, stores, {"ecwid_id": ecwid_id, "created_at": now, **fresh}):
            _audit(connection, now, "store.connected", ecwid_id, "", actor)
        elif changed:
            connection.execute(sa.update(stores).where(where).values(fresh))
            again = {"state": CONNECTED, "reason": "", "not_before": None}
            connection.execute(sa.update(stores).where(where, stores.c.state != FENCED).values(again))
            _audit(connection, now, "store.connected", ecwid_id, "a new token or address", actor)
        number = int(connection.scalars(sa.select(stores.c.id).where(where)).one())
        wake(connection, number)
        return number


def wake(connection: Connection, store_id: int) -> None:
    """Have the store's lane looked at as soon as may be."""
    connection.execute(sa.update(lanes).where(lanes.c.store_id == store_id).values(due_at=None))


def reconnect(engine: Engine, *, store_id: int, actor: str, now: datetime) -> None:
    """The store lets us in again with the token it has: its lane may run."""
    with writing(engine) as connection:
        row = load_store(connection, store_id)
        if row.state not in {CONNECTED, FENCED}:  # a fence is taken down by `tillroll rearm` alone
            again = {"state": CONNECTED, "reason": "", "not_before": None}
            connection.execute(sa.update(stores).where(stores.c.id == store_id).values(again))
            wake(connection, store_id)
            _audit(connection, now, "store.connected", row.ecwid_id, "it answers again", actor)


def find_store(connection: Connection, ecwid_id: int) -> sa.Row[Any] | None:
    """The store under the number its owner knows it by, if it is written down."""
    return connection.execute(sa.select(stores).where(stores.c.ecwid_id == ecwid_id)).first()


def all_stores(connection: Connection) -> list[sa.Row[Any]]:
    """Every store, oldest first."""
    return list(connection.execute(sa.select(stores).order_by(stores.c.id)).all())


def load_store(connection: Connection, store_id: int) -> sa.Row[Any]:
    """A store's row; `NotFound` when there is none."""
    row = connection.execute(sa.select(stores).where(stores.c.id == store_id)).first()
    if row is None:
        raise NotFound(f"There is no store {store_id} in the ledger.")
    return row


def stop_lane(engine: Engine, *, store_id: int, state: str, reason: str, now: datetime) -> bool:
    """The store won't have us: no more calls until somebody acts. Whether that is news."""
    with writing(engine) as connection:
        row = load_store(connection, store_id)
        if row.state == state:
            return False
        connection.execute(
            sa.update(stores).where(stores.c.id == store_id).values(state=state, reason=reason)
        )
        _audit(connection, now, f"store.{state}", row.ecwid_id, reason)
        return True


def rest_lane(engine: Engine, *, store_id: int, until: datetime, reason: str) -> None:
    """A passing trouble: the lane rests until then."""
    with writing(engine) as connection:
        connection.execute(
            sa.update(stores).where(stores.c.id == store_id).values(not_before=until, reason=reason)
        )


def lane_runs_again(engine: Engine, *, store_id: int) -> None:
    """The store answered: forget the trouble."""
    with writing(engine) as connection:
        where = (stores.c.id == store_id, stores.c.state == CONNECTED, stores.c.reason != "")
        connection.execute(sa.update(stores).where(*where).values(not_before=None, reason=""))


def _audit(
    connection: Connection, now: datetime, action: str, ecwid_id: int, reason: str, actor: str = "loop"
) -> None:
    audit.record(
        connection, at=now, actor=actor, action=action, subject=f"store {ecwid_id}", body={"reason": reason}
    )
