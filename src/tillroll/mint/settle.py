"""What the store's answers do to their codes: written in one transaction for a whole chunk's answers.

Crash points: before the transaction nothing is recorded and the batch is polled again, or the codes are looked up again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import ChunkState, CodeState
from tillroll.ecwid.coupons import Coupon
from tillroll.errors import NeedsPerson
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import chunks, codes
from tillroll.mint.coupon import Pattern, found_is_ours, look_up
from tillroll.mint.decide import Outcome, outcome
from tillroll.mint.parts import Mint


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the store said about one code."""

    executed: bool
    status: int
    coupon_id: int | None = None
    reason: str = ""


def settle(mint: Mint, request: Pattern, answers: Mapping[int, Answer], rows: Sequence[sa.Row[Any]]) -> None:
    """Record the answers of some codes that are `posting`; `answers` by the code row's id.

    Raises `NeedsPerson` when the store says that nothing will be made until somebody acts; the codes wait, reserved.
    """
    meanings = {
        row.id: outcome(
            executed=answers[row.id].executed, status=answers[row.id].status, attempts=row.attempts
        )
        for row in rows
        if row.id in answers
    }
    taken = [row for row in rows if meanings.get(row.id) is Outcome.LOOK_UP]
    found = look_up(mint.client, taken) if taken else {}
    now = mint.clock.now()
    with writing(mint.engine) as connection:
        for row in rows:
            meaning = meanings.get(row.id)
            if meaning is Outcome.LOOK_UP:
                _settle_taken(connection, request, row, found.get(row.code), now)
            elif meaning is not None:
                _settle_one(connection, row, meaning, answers[row.id], now)
    stopped = next((answers[row.id] for row in rows if meanings.get(row.id) is Outcome.STOP), None)
    if stopped is not None:
        raise NeedsPerson(
            f"The store makes no coupons for us: {stopped.reason or f'HTTP {stopped.status}'}.",
            hint="Check the store's plan and that the token has the scope create_discount_coupons.",
        )


def _settle_one(
    connection: Connection, row: sa.Row[Any], meaning: Outcome, answer: Answer, now: datetime
) -> None:
    match meaning:
        case Outcome.LIVE:
            _write(connection, row, CodeState.LIVE, now, coupon_id=answer.coupon_id)
        case Outcome.AGAIN | Outcome.STOP:
            _write(connection, row, CodeState.RESERVED, now, reason=answer.reason, chunk_id=None)
        case _:
            _write(connection, row, CodeState.FAILED, now, reason=answer.reason or f"HTTP {answer.status}")


def _settle_taken(
    connection: Connection, request: Pattern, row: sa.Row[Any], coupon: Coupon | None, now: datetime
) -> None:
    """The store has such a code, or had a moment ago."""
    if coupon is None:  # gone again, or not to be found yet: try anew
        _write(connection, row, CodeState.RESERVED, now, chunk_id=None, reason="taken, yet not to be found")
    elif found_is_ours(request.of(row), coupon, row.reserved_at):
        _write(connection, row, CodeState.LIVE, now, coupon_id=coupon.coupon_id)
    else:
        _write(connection, row, CodeState.CLASHED, now, reason=f"the store had it: coupon {coupon.coupon_id}")


def _write(connection: Connection, row: sa.Row[Any], state: CodeState, now: datetime, **also: Any) -> None:
    values = {"state": state, "reason": "", "changed_at": now, **also}
    where = (codes.c.id == row.id, codes.c.state == CodeState.POSTING)
    connection.execute(sa.update(codes).where(*where).values(values))


def settle_by_lookup(mint: Mint, request: Pattern, chunk: sa.Row[Any], rows: Sequence[sa.Row[Any]]) -> None:
    """Close a chunk whose batch can't tell any more: what the store has is live or clashed, the rest is reserved again."""
    found = look_up(mint.client, rows) if rows else {}
    now = mint.clock.now()
    with writing(mint.engine) as connection:
        for row in rows:
            coupon = found.get(row.code)
            if coupon is None:
                _write(connection, row, CodeState.RESERVED, now, chunk_id=None)
            else:
                _settle_taken(connection, request, row, coupon, now)
        connection.execute(
            sa.update(chunks).where(chunks.c.id == chunk.id).values(state=ChunkState.LOST, changed_at=now)
        )
