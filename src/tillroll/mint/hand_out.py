"""Codes of a pool get their owners: no call to the store, since they are live already.

Crash points: between codes. Each is given by one update that only succeeds while it is nobody's; a restart goes on with those
recipients that have none.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import CodeState
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.pools import to_hand_out
from tillroll.ledger.tables import codes, recipients, runs

_PIECE = 500


def hand_out(engine: Engine, *, run: sa.Row[Any], now: datetime) -> bool:
    """Give each recipient of the run a code of its campaign's pool; False while the pool has too few."""
    while True:
        with reading(engine) as connection:
            lacking = _without_code(connection, run.plan_id)
            ready = _ready(connection, run.store_id, run.campaign, now, len(lacking))
        if not lacking:
            return True
        if not ready:
            return False
        with writing(engine) as connection:
            for recipient_id, code_id in zip(lacking, ready, strict=False):
                _give(connection, code_id, now, recipient_id=recipient_id)


def take_by_hand(
    engine: Engine, *, store_id: int, campaign: str, count: int, person: str, whom: str, now: datetime
) -> list[dict[str, Any]]:
    """Take codes out of a pool for somebody outside the ledger. Each is written down as handed out before it shows.

    Raises `Refused` when the pool has fewer; then none is taken.
    """
    with writing(engine) as connection:
        ready = _ready(connection, store_id, campaign, now, count)
        if len(ready) < count:
            raise Refused(
                f"The pool of {campaign!r} has {len(ready)} codes to hand out, not {count}.",
                hint="It fills itself up below its low_water; a plan for it may be waiting for approval.",
            )
        taken = [code_id for code_id in ready if _give(connection, code_id, now)]
        audit.record(
            connection,
            at=now,
            actor=person,
            action="codes.handed_out",
            subject=f"campaign {campaign}",
            body={"codes": taken, "to": whom},
        )
        query = (
            sa.select(codes.c.code, runs.c.valid_until)
            .join(runs, runs.c.id == codes.c.run_id)
            .where(codes.c.id.in_(taken))
            .order_by(codes.c.id)
        )
        return [dict(row._mapping) for row in connection.execute(query)]


def _ready(connection: Connection, store_id: int, campaign: str, now: datetime, most: int) -> list[int]:
    query = (
        sa.select(codes.c.id)
        .join(runs, runs.c.id == codes.c.run_id)
        .where(*to_hand_out(store_id, campaign, now))
        .order_by(codes.c.id)
        .limit(min(most, _PIECE))
    )
    return list(connection.scalars(query))


def _give(connection: Connection, code_id: int, now: datetime, *, recipient_id: int | None = None) -> bool:
    free = (codes.c.id == code_id, codes.c.recipient_id.is_(None), codes.c.handed_at.is_(None))
    values = {"recipient_id": recipient_id, "handed_at": now, "changed_at": now}
    return connection.execute(sa.update(codes).where(*free).values(values)).rowcount == 1


def _without_code(connection: Connection, plan_id: int) -> list[int]:
    standing = sa.exists().where(codes.c.recipient_id == recipients.c.id, codes.c.state != CodeState.CLASHED)
    query = sa.select(recipients.c.id).where(recipients.c.plan_id == plan_id, ~standing)
    return list(connection.scalars(query.order_by(recipients.c.id).limit(_PIECE)))
