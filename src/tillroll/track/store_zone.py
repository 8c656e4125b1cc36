"""The time zone of a store: the one that a person chose for it here, or else the one that the store's profile names."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.ledger import audit
from tillroll.ledger.engine import writing
from tillroll.ledger.mirror.unread import PROFILE, forget_unread_field
from tillroll.ledger.records import Store
from tillroll.ledger.tables import stores
from tillroll.track.connect import wake


def choose_zone(engine: Engine, store: Store, *, name: str, now: datetime, actor: str) -> None:
    """Let a store's times go by an IANA time zone from now on; with an empty name by the one of its profile, which is read again.

    Safe to repeat.
    """
    values = (
        {"chosen_timezone": name, "timezone": name} if name else {"chosen_timezone": "", "profile_at": None}
    )
    with writing(engine) as connection:
        connection.execute(sa.update(stores).where(stores.c.id == store.id).values(values))
        forget_unread_field(connection, store.id, PROFILE, "timezone")
        audit.record(
            connection,
            at=now,
            actor=actor,
            action="store.timezone_chosen",
            subject=f"store {store.ecwid_id}",
            body={"timezone": name},
        )
        wake(connection, store.id)
