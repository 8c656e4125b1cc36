"""A copy of everything that the ledger knows about a person (GDPR, article 15), as data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import Store
from tillroll.privacy.places import PLACES, DataPlace
from tillroll.privacy.subject import DataSubject, conditions, find_subject

_OURS = {"store_id", "owner", "wire", "body_digest"}  # columns that say nothing about a person


def export_person(engine: Engine, store: Store, *, email: str, actor: str, now: datetime) -> dict[str, Any]:
    """Return all rows about a person by table, as JSON can hold them, and record in the audit that somebody got them.

    Safe to repeat. A person whom nobody knows gets empty lists.
    """
    with reading(engine) as connection:
        subject = find_subject(connection, store.id, email)
        found = {place.table.name: _rows(connection, subject, place) for place in PLACES}
    count = sum(map(len, found.values()))
    with writing(engine) as connection:
        body = {"customers": list(subject.numbers), "rows": count}
        audit.record(
            connection,
            at=now,
            actor=actor,
            action="privacy.exported",
            subject=f"store {store.ecwid_id}",
            body=body,
        )
    return {
        "store": store.ecwid_id,
        "made_at": now.isoformat(timespec="seconds"),
        "addresses": list(subject.addresses),
        "customers": list(subject.numbers),
        "data": found,
    }


def _rows(connection: Connection, subject: DataSubject, place: DataPlace) -> list[dict[str, Any]]:
    keys = tuple(place.table.primary_key.columns)
    rows = {
        tuple(row._mapping[key] for key in keys): row._mapping
        for condition in conditions(subject, place)
        for row in connection.execute(sa.select(place.table).where(condition))
    }
    return [_shown(place, row) for _, row in sorted(rows.items(), key=lambda each: str(each[0]))]


def _shown(place: DataPlace, row: Mapping[Any, Any]) -> dict[str, Any]:
    return {column.name: _plain(row[column]) for column in place.table.c if column.name not in _OURS}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
