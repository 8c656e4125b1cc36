"""Codes of a pool get their owners: no call to the store, since they are live already.

Crash points: between pieces. Each code is given by one update that only succeeds while it is nobody's; a restart goes on with
those recipients that have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import CodeState
from tillroll.errors import NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.plans import load_revision
from tillroll.ledger.pools import Terms, pools_with, terms_of, to_hand_out
from tillroll.ledger.tables import campaigns, codes, recipients, runs

_PIECE = 500


def hand_out(engine: Engine, *, run: sa.Row[Any], now: datetime) -> bool:
    """Give each recipient of the run a code of its campaign's pool; False while the pool has too few."""
    with reading(engine) as connection:
        terms = terms_of(connection, run)
    while True:
        with reading(engine) as connection:
            lacking = _without_code(connection, run.plan_id)
            ready = _ready(connection, run.store_id, run.campaign, terms, now, len(lacking))
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

    Raises `Refused` when the pool has fewer, or others took them at the same moment; then none is taken.
    """
    with writing(engine) as connection:
        terms = _terms_now(connection, store_id, campaign)
        ready = _ready(connection, store_id, campaign, terms, now, count)
        taken = [code_id for code_id in ready if _give(connection, code_id, now)]
        if len(taken) < count:
            raise Refused(
                f"The pool of {campaign!r} has {len(taken)} codes to hand out, not {count}.",
                hint="It fills itself up below its low_water; a plan for it may be waiting for approval.",
            )
        audit.record(
            connection,
            at=now,
            actor=person,
            action="codes.handed_out",
            subject=f"campaign {campaign}",
            body={"codes": taken, "to": whom},
        )
        return [row for piece in _pieces(taken) for row in _in_clear(connection, piece)]


def _terms_now(connection: Connection, store_id: int, campaign: str) -> Terms:
    """What the campaign's file says its codes give."""
    where = (campaigns.c.store_id == store_id, campaigns.c.name == campaign)
    revision_id = connection.scalar(sa.select(campaigns.c.revision_id).where(*where))
    found = load_revision(connection, revision_id).campaign if revision_id is not None else None
    if found is None or found.codes.pool is None or found.offer is None:
        raise NotFound(
            f"There is no campaign {campaign!r} with a pool.",
            hint="`codes: {pool: …}` in its file makes one.",
        )
    return Terms(offer=found.offer, goods=None)


def _in_clear(connection: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    query = (
        sa.select(codes.c.code, runs.c.valid_until)
        .join(runs, runs.c.id == codes.c.run_id)
        .where(codes.c.id.in_(ids))
        .order_by(codes.c.id)
    )
    return [dict(row._mapping) for row in connection.execute(query)]


def _pieces(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + _PIECE] for start in range(0, len(ids), _PIECE)]


def _ready(
    connection: Connection, store_id: int, campaign: str, terms: Terms | None, now: datetime, most: int
) -> list[int]:
    """Codes to hand out, those that expire first in front."""
    pools = pools_with(connection, store_id, campaign, terms, now) if terms is not None and most else []
    if not pools:
        return []
    query = sa.select(codes.c.id).join(runs, runs.c.id == codes.c.run_id).where(*to_hand_out(pools))
    return list(connection.scalars(query.order_by(runs.c.valid_until, codes.c.id).limit(most)))


def _give(connection: Connection, code_id: int, now: datetime, *, recipient_id: int | None = None) -> bool:
    free = (codes.c.id == code_id, codes.c.recipient_id.is_(None), codes.c.handed_at.is_(None))
    live = codes.c.state == CodeState.LIVE
    values = {"recipient_id": recipient_id, "handed_at": now, "changed_at": now}
    return connection.execute(sa.update(codes).where(*free, live).values(values)).rowcount == 1


def _without_code(connection: Connection, plan_id: int) -> list[int]:
    standing = sa.exists().where(codes.c.recipient_id == recipients.c.id, codes.c.state != CodeState.CLASHED)
    query = sa.select(recipients.c.id).where(recipients.c.plan_id == plan_id, ~standing)
    return list(connection.scalars(query.order_by(recipients.c.id).limit(_PIECE)))
