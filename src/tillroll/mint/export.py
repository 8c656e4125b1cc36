"""Codes in clear, for people who may see them. The audit chain records it before the first code is shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.codes.standing import standing_of
from tillroll.campaign.sentences.causes import say_code_cause
from tillroll.campaign.states import CodeCause
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, streaming, writing
from tillroll.ledger.mirror.standing_facts import StandingReader, with_facts
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.tables import codes, recipients, runs

COLUMNS = (
    "code",
    "state",
    "coupon_id",
    "email",
    "customer_id",
    "reason",
    "uses",
    "last_order",
    "last_used_at",
)


def note_revealed(connection: Connection, run_id: int, now: datetime) -> None:
    """Note since when a code of a run is known to a person: it isn't handed out again."""
    first = (runs.c.id == run_id, runs.c.revealed_at.is_(None))
    connection.execute(sa.update(runs).where(*first).values(revealed_at=now))


def note_store_revealed(connection: Connection, store_id: int, *, person: str, now: datetime) -> None:
    """Record that a person sees codes of any run of a store: none of them is handed out again."""
    unseen = (runs.c.store_id == store_id, runs.c.revealed_at.is_(None))
    connection.execute(sa.update(runs).where(*unseen).values(revealed_at=now))
    audit.record(
        connection,
        at=now,
        actor=person,
        action="codes.revealed",
        subject=f"store {store_id}",
        body={"to": "export"},
    )


def reveal_codes(engine: Engine, *, run_id: int, person: str, now: datetime) -> Iterator[dict[str, Any]]:
    """Record that a person sees the run's codes, and yield each with its recipient and state, in the order they were reserved."""
    with writing(engine) as connection:
        load_run(connection, run_id)
        note_revealed(connection, run_id, now)
        audit.record(
            connection,
            at=now,
            actor=person,
            action="codes.revealed",
            subject=f"run {run_id}",
            body={"to": "export"},
        )
    query = (
        with_facts(sa.select(codes, recipients.c.email, recipients.c.customer_id))
        .outerjoin(recipients, recipients.c.id == codes.c.recipient_id)
        .where(codes.c.run_id == run_id)
        .order_by(codes.c.id)
    )
    with reading(engine) as connection, streaming(connection, query) as rows:
        read = StandingReader(connection)
        for row in rows:
            state = standing_of(read.from_row(row), now)
            reason = say_code_cause(CodeCause(row.cause), row.reason)
            yield {**{name: getattr(row, name) for name in COLUMNS}, "state": state.value, "reason": reason}
