"""A message row for every recipient whose code is settled: ready when the code is live, held when there is none."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign.states import CodeState, MessageState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import codes, messages, plans

_PIECE = 5_000
_KIND = "offer"


def prepare(engine: Engine, *, run: sa.Row[Any], now: datetime) -> int:
    """Write the rows that are missing, a piece at a time; returns how many. Harmless to repeat."""
    with reading(engine) as connection:
        digest = connection.scalars(sa.select(plans.c.digest).where(plans.c.id == run.plan_id)).one()
    made, after = 0, 0
    while True:
        with reading(engine) as connection:
            last: int | None = connection.scalar(_last_of_piece(run.id, after))
        if last is None:
            return made
        with writing(engine) as connection:
            made += connection.execute(_insert(run, digest[:12], after, last, now)).rowcount
        after = last


def _last_of_piece(run_id: int, after: int) -> sa.Select[Any]:
    piece = (
        sa.select(codes.c.id)
        .where(codes.c.run_id == run_id, codes.c.id > after)
        .order_by(codes.c.id)
        .limit(_PIECE)
        .subquery()
    )
    return sa.select(sa.func.max(piece.c.id))


def _insert(run: sa.Row[Any], tag: str, after: int, last: int, now: datetime) -> sa.Insert:
    """One statement for the piece: the codes' recipients that have no message yet."""
    live = codes.c.state == CodeState.LIVE
    written = sa.exists().where(messages.c.recipient_id == codes.c.recipient_id, messages.c.kind == _KIND)
    reason = sa.case((live, ""), else_=sa.literal("its code is ") + codes.c.state)
    settled = codes.c.state.in_((CodeState.LIVE, CodeState.FAILED, CodeState.REVOKED))
    key = sa.literal(f"r{run.id}-") + sa.cast(codes.c.recipient_id, sa.Text) + sa.literal(f"-{tag}")
    moment = sa.literal(now, messages.c.changed_at.type)
    source = sa.select(
        sa.literal(run.store_id),
        sa.literal(run.id),
        codes.c.recipient_id,
        codes.c.id,
        sa.literal(_KIND),
        sa.case((live, MessageState.READY.value), else_=MessageState.HELD.value),
        reason,
        key,
        moment,
    ).where(codes.c.run_id == run.id, codes.c.id > after, codes.c.id <= last, settled, ~written)
    columns = [
        "store_id",
        "run_id",
        "recipient_id",
        "code_id",
        "kind",
        "state",
        "reason",
        "message_key",
        "changed_at",
    ]
    return sa.insert(messages).from_select(columns, source)
