"""Codes of a pool get their owners: no call to the store, since they are live already.

Crash points: *a piece handed out*: its codes, given only while they are nobody's, and how far the audience is done are one
transaction; another process goes on with those recipients that have none.
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
from tillroll.ledger.bulk import change_many
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.plans import load_revision
from tillroll.ledger.pools import Terms, pools_with, terms_of, to_hand_out
from tillroll.ledger.tables import campaigns, codes, recipients, runs

_PIECE = 500
_PAIRS = 5_000  # recipients that get their codes in one transaction


def hand_out(engine: Engine, *, run: sa.Row[Any], now: datetime, most: int | None = None) -> bool | None:
    """Give each recipient of the run a code of its campaign's pool; False while the pool has too few.

    `most`: leave off after so many, and answer None.
    """
    with reading(engine) as connection:
        terms = terms_of(connection, run)
    given = 0
    while most is None or given < most:
        with reading(engine) as connection:
            lacking = _without_code(connection, run)
            ready = _ready(connection, run.store_id, run.campaign, terms, now, len(lacking))
        if not lacking:
            return True
        if not ready:
            return False
        given += _give_many(engine, run, list(zip(ready, lacking, strict=False)), now)
    return None


def _give_many(engine: Engine, run: sa.Row[Any], pairs: list[tuple[int, sa.Row[Any]]], now: datetime) -> int:
    """Codes get their owners, each only while it is nobody's; how many were given."""
    rows = [(code_id, recipient.id) for code_id, recipient in pairs]
    free = {"recipient_id": None, "handed_at": None, "state": CodeState.LIVE}
    same = {"handed_at": now, "changed_at": now}
    with writing(engine) as connection:
        given = change_many(connection, codes, ["recipient_id"], rows, same=same, where=free)
        if given == len(
            pairs
        ):  # else somebody took some at the same moment: those recipients are next once more
            reserved_to = {"reserved_to": pairs[-1][1].customer_id}
            connection.execute(sa.update(runs).where(runs.c.id == run.id).values(reserved_to))
    return given


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


def _give(connection: Connection, code_id: int, now: datetime) -> bool:
    free = (codes.c.id == code_id, codes.c.recipient_id.is_(None), codes.c.handed_at.is_(None))
    live = codes.c.state == CodeState.LIVE
    values = {"handed_at": now, "changed_at": now}
    return connection.execute(sa.update(codes).where(*free, live).values(values)).rowcount == 1


def _without_code(connection: Connection, run: sa.Row[Any]) -> list[sa.Row[Any]]:
    """The next recipients without a code, behind those that the run's row says have theirs."""
    reserved_to = sa.select(runs.c.reserved_to).where(runs.c.id == run.id).scalar_subquery()
    standing = sa.exists().where(codes.c.recipient_id == recipients.c.id, codes.c.state != CodeState.CLASHED)
    query = sa.select(recipients.c.id, recipients.c.customer_id).where(
        recipients.c.plan_id == run.plan_id, recipients.c.customer_id > reserved_to, ~standing
    )
    return list(connection.execute(query.order_by(recipients.c.customer_id).limit(_PAIRS)))
