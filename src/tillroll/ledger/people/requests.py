"""Requests of people about their own data: which are open, and which nobody was told of."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger import audit
from tillroll.ledger.records import PrivacyRequest, Store
from tillroll.ledger.tables import privacy_requests


def open_requests(connection: Connection, store_id: int) -> list[PrivacyRequest]:
    """Return the requests that are not settled, the most urgent first."""
    where = (privacy_requests.c.store_id == store_id, privacy_requests.c.settled_at.is_(None))
    query = (
        sa.select(privacy_requests).where(*where).order_by(privacy_requests.c.due_at, privacy_requests.c.id)
    )
    return [PrivacyRequest.from_row(row) for row in connection.execute(query)]


def take_untold(connection: Connection, store_id: int, now: datetime) -> list[PrivacyRequest]:
    """Mark the open requests that nobody was told of as told, and return them: whoever gets them tells people."""
    untold = [request for request in open_requests(connection, store_id) if request.told_at is None]
    ids = [request.id for request in untold]
    told = sa.update(privacy_requests).where(privacy_requests.c.id.in_(ids)).values(told_at=now)
    if ids:
        connection.execute(told)
    return untold


def settle_request(
    connection: Connection, store: Store, number: int, *, actor: str, note: str, now: datetime
) -> bool:
    """Mark an open request as settled, with its audit row. Returns whether there was one."""
    of_store = (privacy_requests.c.id == number, privacy_requests.c.store_id == store.id)
    is_open = (*of_store, privacy_requests.c.settled_at.is_(None))
    if connection.execute(sa.update(privacy_requests).where(*is_open).values(settled_at=now)).rowcount == 0:
        return False
    audit.record(
        connection,
        at=now,
        actor=actor,
        action="privacy.settled",
        subject=f"request {number}",
        body={"store": store.ecwid_id, "note": note},
    )
    return True
