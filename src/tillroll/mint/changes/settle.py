"""Writing the outcome of one code of a change, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import (
    ChangeKind,
    CodeCause,
    CodeState,
    DriftState,
    PartState,
)
from tillroll.ledger.causes import code_cause
from tillroll.ledger.queries.predicates import is_under_change
from tillroll.ledger.records import Change
from tillroll.ledger.tables import change_parts, changes, codes, drifts, runs
from tillroll.mint.changes.code_part import CodePart
from tillroll.mint.changes.decide import (
    CHANGE_RETRIES,
    IMMEDIATE_STATES,
    CouponAction,
    PartResult,
    kinds_that_overtake,
)
from tillroll.mint.reconcile.drift_rows import record_gone

_SWITCHED_ON = {"state": CodeState.LIVE, **code_cause(CodeCause.NONE)}


@dataclass(frozen=True, kw_only=True)
class PartOutcome:
    """The outcome of one code of a change."""

    result: PartResult
    reason: str = ""
    coupon_id: int | None = None  # of the coupon that was created


def write_settled(
    connection: Connection, change: Change, part: CodePart, outcome: PartOutcome, now: datetime
) -> None:
    """Write the outcome of one code: its part, its state, and a drift that the change was to fix."""
    kind = change.kind
    match outcome.result:
        case PartResult.DONE:
            _update_part(connection, part, PartState.DONE, now)
            _done(connection, change, kind, part, outcome, now)
        case PartResult.GONE:
            _update_part(connection, part, PartState.PASSED, now, reason="it is gone from the store")
            _reopen(connection, change, part)
            if kind is ChangeKind.RECYCLE:
                _replace(connection, part, now, "gone from the store")
            else:
                record_gone(connection, part, now)
        case PartResult.FAIL:
            _update_part(connection, part, PartState.FAILED, now, reason=outcome.reason)
            _reopen(connection, change, part)
            if kind is ChangeKind.RECYCLE:
                _replace(connection, part, now, outcome.reason)
            _restore_state(connection, kind, part, outcome, now)
        case PartResult.STOP:
            also = {"attempts": change_parts.c.attempts - 1, "change_chunk_id": None}
            _update_part(connection, part, PartState.WANTED, now, reason=outcome.reason, **also)
        case _:
            _again(connection, kind, part, outcome, now)


def _update_part(
    connection: Connection, part: CodePart, state: PartState, now: datetime, **also: Any
) -> None:
    values = {"state": state, "reason": "", "changed_at": now, **also}
    where = (change_parts.c.id == part.part_id, change_parts.c.state == PartState.POSTING)
    connection.execute(sa.update(change_parts).where(*where).values(values))


def _again(
    connection: Connection, kind: ChangeKind, part: CodePart, outcome: PartOutcome, now: datetime
) -> None:
    """Ask again after a pause, unless a later change has made this one pointless."""
    if _is_overtaken(connection, kind, part):
        _update_part(connection, part, PartState.PASSED, now, reason="a later change came after it")
        return
    at = now + CHANGE_RETRIES.pause_before(part.part_attempts)
    _update_part(
        connection, part, PartState.WANTED, now, reason=outcome.reason, not_before=at, change_chunk_id=None
    )


def _is_overtaken(connection: Connection, kind: ChangeKind, part: CodePart) -> bool:
    """Return whether a later change of the code makes this kind pointless."""
    later = (
        change_parts.c.code_id == part.id,
        change_parts.c.id > part.part_id,
        change_parts.c.state != PartState.FAILED,
        changes.c.id == change_parts.c.change_id,
        changes.c.kind.in_(kinds_that_overtake(kind)),
    )
    return bool(connection.scalar(sa.select(sa.exists().where(*later))))


def _update_code(
    connection: Connection, part: CodePart, was: tuple[CodeState, ...], now: datetime, **values: Any
) -> None:
    where = (codes.c.id == part.id, codes.c.state.in_(was))
    connection.execute(sa.update(codes).where(*where).values({**values, "changed_at": now}))


def _done(
    connection: Connection,
    change: Change,
    kind: ChangeKind,
    part: CodePart,
    outcome: PartOutcome,
    now: datetime,
) -> None:
    in_store = (CodeState.LIVE, CodeState.PAUSED)
    match kind:
        case ChangeKind.RESUME | ChangeKind.LAUNCH:
            if not _is_overtaken(connection, kind, part):
                _update_code(connection, part, (CodeState.PAUSED,), now, **_SWITCHED_ON)
        case ChangeKind.EXTEND:
            run = connection.execute(sa.select(runs.c.valid_from).where(runs.c.id == part.run_id)).one()
            starts = part.valid_from or run.valid_from
            _update_code(connection, part, in_store, now, valid_from=starts, valid_until=change.valid_until)
        case ChangeKind.PUT_RIGHT if part.action == CouponAction.CREATE:
            made = {**_SWITCHED_ON, "coupon_id": outcome.coupon_id}
            _update_code(connection, part, (CodeState.REVOKED,), now, **made)
            _fixed(connection, change, part, now)
        case ChangeKind.PUT_RIGHT:
            _update_code(connection, part, tuple(CodeState), now)
            if part.state == CodeState.PAUSED and part.cause is CodeCause.SWITCHED_OFF_IN_STORE:
                _update_code(connection, part, (CodeState.PAUSED,), now, **_SWITCHED_ON)
            _fixed(connection, change, part, now)
        case _:  # the code got its new state when the change was recorded
            _update_code(connection, part, tuple(CodeState), now)


def _replace(connection: Connection, part: CodePart, now: datetime, reason: str) -> None:
    """Mark a code that can't be recycled as clashed, so that another one is drawn for its recipient."""
    values = {"state": CodeState.CLASHED, "cause": CodeCause.NONE, "reason": reason}
    _update_code(connection, part, (CodeState.PAUSED,), now, **values)


def _reopen(connection: Connection, change: Change, part: CodePart) -> None:
    """Reopen the drift that the change could not fix: a person decides again."""
    fixing = (
        drifts.c.change_id == change.id,
        drifts.c.code_id == part.id,
        drifts.c.state == DriftState.FIXING,
    )
    values = {"state": DriftState.OPEN, "person": "", "decided_at": None, "change_id": None}
    connection.execute(sa.update(drifts).where(*fixing).values(values))


def _fixed(connection: Connection, change: Change, part: CodePart, now: datetime) -> None:
    fixing = (
        drifts.c.change_id == change.id,
        drifts.c.code_id == part.id,
        drifts.c.state == DriftState.FIXING,
    )
    connection.execute(sa.update(drifts).where(*fixing).values(state=DriftState.FIXED, decided_at=now))


def _restore_state(
    connection: Connection, kind: ChangeKind, part: CodePart, outcome: PartOutcome, now: datetime
) -> None:
    """Give a code its former state back after the store refused for good, unless a later change is open for it."""
    immediate = IMMEDIATE_STATES.get(kind)
    later = is_under_change(change_parts.c.id > part.part_id, code_id=part.id)
    if immediate is not None and not connection.scalar(sa.select(later)):
        reason = f"the store refused to {kind.value} it: {outcome.reason}"
        values = {"state": part.was, "cause": CodeCause.REFUSED, "reason": reason}
        _update_code(connection, part, (immediate,), now, **values)
