"""Giving the codes of a pool to recipients. No call to the store is needed, since the codes are live already.

Crash points: *a piece handed out*: its codes, given only while they have no recipient, and the progress through the audience are
one transaction; another process continues with the recipients who have no code.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import CodeState
from tillroll.errors import NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.bulk.rows import change_many
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.given import works_until
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.queries.pools import Terms, may_be_handed_out, pools_with_terms, terms_of
from tillroll.ledger.queries.predicates import has_own_code
from tillroll.ledger.records import Run
from tillroll.ledger.tables import campaigns, codes, recipients, runs

_PIECE = 500
_PAIRS = 5_000  # recipients that get their codes in one transaction


def hand_out(engine: Engine, *, run: Run, now: datetime, most: int | None = None) -> bool | None:
    """Give each recipient of the run a code from its campaign's pool.

    Returns True when everybody has a code, False if the pool has too few, and None after so many as `most` says.
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


def _give_many(engine: Engine, run: Run, pairs: list[tuple[int, tuple[int, int]]], now: datetime) -> int:
    """Give codes to recipients, each only while it has none. Returns how many were given.

    A pair is a code's id, and the recipient's id with the customer number.
    """
    rows = [(code_id, recipient_id) for code_id, (recipient_id, _) in pairs]
    free = {"recipient_id": None, "handed_at": None, "state": CodeState.LIVE}
    same = {"handed_at": now, "changed_at": now}
    with writing(engine) as connection:
        given = change_many(connection, codes, ["recipient_id"], rows, same=same, where=free)
        if given == len(pairs):  # otherwise some codes were taken meanwhile, and their recipients come again
            _, (_, customer_id) = pairs[-1]
            progress = {"reserved_to": customer_id}
            connection.execute(sa.update(runs).where(runs.c.id == run.id).values(progress))
    return given


def take_by_hand(
    engine: Engine, *, store_id: int, campaign: str, count: int, person: str, whom: str, now: datetime
) -> list[dict[str, Any]]:
    """Take codes out of a pool for somebody outside the ledger, and return each with its expiry.

    Every code is recorded as handed out before it is shown. Raises `NotFound` without a pool, and `Refused` if the pool has fewer
    codes or others took them at the same moment; then none is taken.
    """
    with writing(engine) as connection:
        terms = _current_terms(connection, store_id, campaign)
        ready = _ready(connection, store_id, campaign, terms, now, count)
        taken = [code_id for code_id in ready if _give(connection, code_id, now)]
        if len(taken) < count:
            has = f"{len(taken)} code" if len(taken) == 1 else f"{len(taken)} codes"
            raise Refused(
                f"The pool of {campaign!r} has {has} to hand out, not {count}.",
                hint="A pool below its low_water is refilled; the plan for that may be awaiting approval.",
            )
        audit.record(
            connection,
            at=now,
            actor=person,
            action="codes.handed_out",
            subject=f"campaign {campaign}",
            body={"codes": taken, "to": whom},
        )
        return [row for piece in batched(taken, _PIECE) for row in _in_clear(connection, piece)]


def _current_terms(connection: Connection, store_id: int, campaign: str) -> Terms:
    """Return what the campaign's codes give by its present file."""
    where = (campaigns.c.store_id == store_id, campaigns.c.name == campaign)
    revision_id = connection.scalar(sa.select(campaigns.c.revision_id).where(*where))
    present = load_revision(connection, revision_id).campaign if revision_id is not None else None
    if present is None or present.codes.pool is None or present.offer is None:
        raise NotFound(
            f"There is no campaign {campaign!r} with a pool.",
            hint="To give a campaign a pool, add `codes: {pool: …}` to its file.",
        )
    return Terms(offer=present.offer, goods=None)


def _in_clear(connection: Connection, ids: list[int]) -> list[dict[str, Any]]:
    query = (
        sa.select(codes.c.code, works_until().label("valid_until"))
        .join(runs, runs.c.id == codes.c.run_id)
        .where(codes.c.id.in_(ids))
        .order_by(codes.c.id)
    )
    return [dict(row._mapping) for row in connection.execute(query)]


def _ready(
    connection: Connection, store_id: int, campaign: str, terms: Terms | None, now: datetime, most: int
) -> list[int]:
    """Return codes to hand out, those that expire first in front."""
    pools = pools_with_terms(connection, store_id, campaign, terms, now) if terms is not None and most else []
    if not pools:
        return []
    query = (
        sa.select(codes.c.id).join(runs, runs.c.id == codes.c.run_id).where(*may_be_handed_out(pools, now))
    )
    return list(connection.scalars(query.order_by(works_until(), codes.c.id).limit(most)))


def _give(connection: Connection, code_id: int, now: datetime) -> bool:
    """Record one code as handed out, if it is still free. Returns whether it was."""
    free = (codes.c.id == code_id, codes.c.recipient_id.is_(None), codes.c.handed_at.is_(None))
    live = codes.c.state == CodeState.LIVE
    values = {"handed_at": now, "changed_at": now}
    return connection.execute(sa.update(codes).where(*free, live).values(values)).rowcount == 1


def _without_code(connection: Connection, run: Run) -> list[tuple[int, int]]:
    """Return the next recipients without a code, with their customer numbers, behind those that the run's row counts as done."""
    reserved_to = sa.select(runs.c.reserved_to).where(runs.c.id == run.id).scalar_subquery()
    query = sa.select(recipients.c.id, recipients.c.customer_id).where(
        recipients.c.plan_id == run.plan_id, recipients.c.customer_id > reserved_to, ~has_own_code()
    )
    rows = connection.execute(query.order_by(recipients.c.customer_id).limit(_PAIRS))
    return [(recipient_id, customer_id) for recipient_id, customer_id in rows]
