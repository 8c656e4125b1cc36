"""What the store's answers do to their codes: one transaction for all the answers that one question brought.

Crash points: before the transaction nothing is recorded, and the batch is asked after again. A code that the store says it
has already stays `posting`, and its chunk is looked up (`lookup.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import ChunkState, CodeState
from tillroll.chunks.row import move
from tillroll.errors import NeedsPerson
from tillroll.ledger.bulk import change_many
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import chunks, codes
from tillroll.mint.ahead import made_as
from tillroll.mint.decide import Outcome, outcome
from tillroll.mint.parts import Mint


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the store said about one code."""

    executed: bool
    status: int
    coupon_id: int | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What some answers came to."""

    live: int = 0
    again: int = 0  # reserved once more
    failed: int = 0
    taken: int = 0  # the store has such a code: to be looked up
    stop: Answer | None = None  # nothing will be made until somebody acts


def settle(
    mint: Mint,
    answers: Mapping[int, Answer],
    rows: Sequence[sa.Row[Any]],
    *,
    chunk: sa.Row[Any] | None = None,
    **of_chunk: Any,
) -> Settled:
    """Record the answers of some codes that are `posting`; `answers` by the code row's id.

    With `chunk`, what the answers say of it is written in the same transaction, if it stands as it was read. Raises
    `NeedsPerson`, after all is written, when nothing will be made until somebody acts; those codes wait, reserved.
    """
    by_meaning: dict[Outcome, list[tuple[int, Answer]]] = {one: [] for one in Outcome}
    for row in rows:
        if (answer := answers.get(row.id)) is not None:
            meaning = outcome(executed=answer.executed, status=answer.status, attempts=row.attempts)
            by_meaning[meaning].append((row.id, answer))
    with writing(mint.engine) as connection:
        _write(connection, mint, by_meaning, made_as(connection, rows))
        if chunk is not None:
            move(connection, chunks, chunk, now=mint.clock.now(), **of_chunk)
    stopped = by_meaning[Outcome.STOP]
    if stopped:
        answer = stopped[0][1]
        raise NeedsPerson(
            f"The store makes no coupons for us: {answer.reason or f'HTTP {answer.status}'}.",
            hint="Check the store's plan and that the token has the scope create_discount_coupons.",
        )
    return Settled(
        live=len(by_meaning[Outcome.LIVE]),
        again=len(by_meaning[Outcome.AGAIN]),
        failed=len(by_meaning[Outcome.FAIL]),
        taken=len(by_meaning[Outcome.LOOK_UP]),
    )


def _write(
    connection: Connection, mint: Mint, found: Mapping[Outcome, list[tuple[int, Answer]]], made: CodeState
) -> None:
    now, posting = mint.clock.now(), {"state": CodeState.POSTING}
    live = [(code_id, answer.coupon_id) for code_id, answer in found[Outcome.LIVE]]
    same: dict[str, Any] = {"state": made, "reason": "", "changed_at": now}
    change_many(connection, codes, ["coupon_id"], live, same=same, where=posting)
    again = [
        (code_id, answer.reason) for one in (Outcome.AGAIN, Outcome.STOP) for code_id, answer in found[one]
    ]
    same = {"state": CodeState.RESERVED, "chunk_id": None, "changed_at": now}
    change_many(connection, codes, ["reason"], again, same=same, where=posting)
    failed = [(code_id, answer.reason or f"HTTP {answer.status}") for code_id, answer in found[Outcome.FAIL]]
    same = {"state": CodeState.FAILED, "changed_at": now}
    change_many(connection, codes, ["reason"], failed, same=same, where=posting)


def close(mint: Mint, chunk: sa.Row[Any], *, taken: int) -> None:
    """Every answer of a chunk that went one by one is recorded; codes that the store has already are to be looked up."""
    now = mint.clock.now()
    to = {"state": ChunkState.LOST, "poll_at": now} if taken else {"state": ChunkState.DONE}
    with writing(mint.engine) as connection:
        move(connection, chunks, chunk, now=now, **to)
