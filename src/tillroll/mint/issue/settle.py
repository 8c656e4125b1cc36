"""Recording what the store answered for codes: one transaction for all the answers of one request.

Crash points: before the transaction nothing is recorded, and the store is asked again. A code that the store says it already has
stays `posting`, and its chunk is looked up (`lookup.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from tillroll.batches.chunk_row import update_chunk
from tillroll.campaign.states import ChunkState, CodeState, ItemKind, Stage
from tillroll.errors import NeedsPerson
from tillroll.ledger.bulk.rows import change_many
from tillroll.ledger.engine import writing
from tillroll.ledger.faults.boundary import concerns_everybody, contained
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.records import Chunk
from tillroll.ledger.tables import chunks, codes
from tillroll.mint.context import MintContext
from tillroll.mint.decide import CodeOutcome, code_outcome
from tillroll.mint.pools.pre_minting import state_once_made

_Answered = list[tuple[int, "CodeAnswer"]]
"""Ids of code rows, with their answers."""


@dataclass(frozen=True, kw_only=True)
class CodeAnswer:
    """What the store answered for one code."""

    executed: bool
    status: int
    coupon_id: int | None = None
    reason: str = ""

    def means(self, attempts: int) -> CodeOutcome:
        """What it means for the code; `attempts` includes this one."""
        has_id = self.coupon_id is not None
        return code_outcome(executed=self.executed, status=self.status, has_id=has_id, attempts=attempts)


@dataclass(frozen=True, kw_only=True)
class SettledCodes:
    """How many codes some answers settled in which way."""

    live: int = 0
    again: int = 0  # reserved once more
    failed: int = 0
    taken: int = 0  # the store has such a code, or may have: to be looked up
    unwritten: int = 0  # the answer could not be written: to be looked up


def settle(
    context: MintContext,
    answers: Mapping[int, CodeAnswer],
    attempts: Mapping[int, int],
    *,
    run_id: int | None = None,
    chunk: Chunk | None = None,
    **chunk_values: Any,
) -> SettledCodes:
    """Record the answers for codes that are `posting`, by the code row's id. `attempts` holds their attempts so far.

    With `chunk`, its new values are written in the same transaction, if it is still in the state it was read in. Raises
    `NeedsPerson`, after everything is written, if nothing will be created until somebody acts; those codes wait, reserved.
    """
    by_outcome: dict[CodeOutcome, _Answered] = {outcome: [] for outcome in CodeOutcome}
    for code_id, tried in attempts.items():
        if (answer := answers.get(code_id)) is not None:
            by_outcome[answer.means(tried)].append((code_id, answer))
    run_id = chunk.owner_id if chunk is not None else run_id
    unwritten = _write_all(context, by_outcome, attempts, run_id, chunk, chunk_values)
    if stopped := by_outcome[CodeOutcome.STOP]:
        answer = stopped[0][1]
        raise NeedsPerson(
            f"The store refuses to create coupons: {answer.reason or f'HTTP {answer.status}'}.",
            hint="Check the store's plan and that the token has the scope create_discount_coupons.",
        )
    return SettledCodes(
        live=len(by_outcome[CodeOutcome.LIVE]),
        again=len(by_outcome[CodeOutcome.AGAIN]),
        failed=len(by_outcome[CodeOutcome.FAIL]),
        taken=len(by_outcome[CodeOutcome.LOOK_UP]),
        unwritten=unwritten,
    )


def code_item(context: MintContext, code_id: int, run_id: int | None) -> FaultyItem:
    """Return what a fault calls a code: its row's number, never its text."""
    return FaultyItem(store_id=context.store_id, kind=ItemKind.CODE, name=str(code_id), run_id=run_id)


def _write_all(
    context: MintContext,
    by_outcome: Mapping[CodeOutcome, _Answered],
    attempts: Mapping[int, int],
    run_id: int | None,
    chunk: Chunk | None,
    chunk_values: Mapping[str, Any],
) -> int:
    """Write all answers and the chunk in one transaction.

    If that fails, each answer in one of its own, and the chunk last. A code whose answer can't be written stays `posting`: its
    chunk is looked up. Returns how many there were.
    """
    try:
        with writing(context.engine) as connection:
            _write(connection, context, by_outcome, state_once_made(connection, list(attempts)))
            if chunk is not None:
                update_chunk(connection, chunks, chunk, now=context.clock.now(), **chunk_values)
        return 0
    except Exception as fault:
        if concerns_everybody(fault):
            raise
    now, failed = context.clock.now(), 0
    for outcome, code_id, answer in [(o, *answered) for o, some in by_outcome.items() for answered in some]:
        item = code_item(context, code_id, run_id)
        boundary = contained(context.engine, item, stage=Stage.MINT, now=now)
        with boundary as result, writing(context.engine) as connection:
            alone: dict[CodeOutcome, _Answered] = {each: [] for each in CodeOutcome}
            alone[outcome] = [(code_id, answer)]
            _write(connection, context, alone, state_once_made(connection, [code_id]))
        failed += result.failed
    if chunk is not None:
        lost = {"state": ChunkState.LOST, "poll_at": now} if failed else {}
        with writing(context.engine) as connection:
            update_chunk(connection, chunks, chunk, now=now, **{**chunk_values, **lost})
    return failed


def _write(
    connection: Connection,
    context: MintContext,
    by_outcome: Mapping[CodeOutcome, _Answered],
    made: CodeState,
) -> None:
    """Write the new states of the codes. `made`: the state of a code that the store has created."""
    now, posting = context.clock.now(), {"state": CodeState.POSTING}
    live = [(code_id, answer.coupon_id) for code_id, answer in by_outcome[CodeOutcome.LIVE]]
    same: dict[str, Any] = {"state": made, "reason": "", "changed_at": now}
    change_many(connection, codes, ["coupon_id"], live, same=same, where=posting)
    again = [
        (code_id, answer.reason)
        for outcome in (CodeOutcome.AGAIN, CodeOutcome.STOP)
        for code_id, answer in by_outcome[outcome]
    ]
    same = {"state": CodeState.RESERVED, "chunk_id": None, "changed_at": now}
    change_many(connection, codes, ["reason"], again, same=same, where=posting)
    failed = [
        (code_id, answer.reason or f"HTTP {answer.status}")
        for code_id, answer in by_outcome[CodeOutcome.FAIL]
    ]
    same = {"state": CodeState.FAILED, "changed_at": now}
    change_many(connection, codes, ["reason"], failed, same=same, where=posting)


def close_chunk(context: MintContext, chunk: Chunk, *, is_lost: bool) -> None:
    """End a chunk whose codes were posted one by one. `is_lost`: the outcome of some is not known, so they are looked up."""
    now = context.clock.now()
    values = {"state": ChunkState.LOST, "poll_at": now} if is_lost else {"state": ChunkState.DONE}
    with writing(context.engine) as connection:
        update_chunk(connection, chunks, chunk, now=now, **values)
