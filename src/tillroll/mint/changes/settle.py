"""What an answer does to one code of a change, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import (
    PART_OPEN,
    SWITCHED_OFF_THERE,
    ChangeKind,
    CodeState,
    DriftState,
    PartState,
)
from tillroll.ledger.tables import change_parts, changes, codes, drifts, runs
from tillroll.mint.changes.decide import AT_ONCE, OVERTAKES, Action, Became, pause_before
from tillroll.mint.drift.rows import gone_from_store


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What became of one code."""

    became: Became
    reason: str = ""
    coupon_id: int | None = None  # of a coupon that was made


def write_settled(
    connection: Connection, change: sa.Row[Any], row: sa.Row[Any], settled: Settled, now: datetime
) -> None:
    """Write an answer down. `row`: the code, with its `part_id`, `action`, `was` and how often it was `asked` for."""
    kind = ChangeKind(change.kind)
    match settled.became:
        case Became.DONE:
            _part(connection, row, PartState.DONE, now)
            _done(connection, change, kind, row, settled, now)
        case Became.GONE:
            _part(connection, row, PartState.PASSED, now, reason="it is gone from the store")
            _reopen(connection, change, row)
            if kind is ChangeKind.RECYCLE:
                _replace(connection, row, now, "gone from the store")
            else:
                gone_from_store(connection, row, now)
        case Became.FAIL:
            _part(connection, row, PartState.FAILED, now, reason=settled.reason)
            _reopen(connection, change, row)
            if kind is ChangeKind.RECYCLE:
                _replace(connection, row, now, settled.reason)
            _put_back(connection, kind, row, settled, now)
        case Became.STOP:
            also = {"attempts": change_parts.c.attempts - 1, "change_chunk_id": None}
            _part(connection, row, PartState.WANTED, now, reason=settled.reason, **also)
        case _:
            _again(connection, kind, row, settled, now)


def _part(connection: Connection, row: sa.Row[Any], state: PartState, now: datetime, **also: Any) -> None:
    values = {"state": state, "reason": "", "changed_at": now, **also}
    where = (change_parts.c.id == row.part_id, change_parts.c.state == PartState.POSTING)
    connection.execute(sa.update(change_parts).where(*where).values(values))


def _again(
    connection: Connection, kind: ChangeKind, row: sa.Row[Any], settled: Settled, now: datetime
) -> None:
    """It is asked for once more, unless a later change wants something else by now."""
    if _overtaken(connection, kind, row):
        _part(connection, row, PartState.PASSED, now, reason="a later change came after it")
        return
    at = now + timedelta(seconds=pause_before(row.asked))
    _part(connection, row, PartState.WANTED, now, reason=settled.reason, not_before=at, change_chunk_id=None)


def _overtaken(connection: Connection, kind: ChangeKind, row: sa.Row[Any]) -> bool:
    """Whether a later change of the code makes this kind pointless."""
    over = [other for other, kinds in OVERTAKES.items() if kind in kinds]
    later = (
        change_parts.c.code_id == row.id,
        change_parts.c.id > row.part_id,
        change_parts.c.state != PartState.FAILED,
        changes.c.id == change_parts.c.change_id,
        changes.c.kind.in_(over),
    )
    return bool(connection.scalar(sa.select(sa.exists().where(*later))))


def _code(
    connection: Connection, row: sa.Row[Any], was: tuple[CodeState, ...], now: datetime, **values: Any
) -> None:
    where = (codes.c.id == row.id, codes.c.state.in_(was))
    connection.execute(sa.update(codes).where(*where).values({**values, "changed_at": now}))


def _done(
    connection: Connection,
    change: sa.Row[Any],
    kind: ChangeKind,
    row: sa.Row[Any],
    settled: Settled,
    now: datetime,
) -> None:
    in_store = (CodeState.LIVE, CodeState.PAUSED)
    match kind:
        case ChangeKind.RESUME | ChangeKind.LAUNCH:
            if not _overtaken(connection, kind, row):
                _code(connection, row, (CodeState.PAUSED,), now, state=CodeState.LIVE, reason="")
        case ChangeKind.EXTEND:
            run = connection.execute(sa.select(runs.c.valid_from).where(runs.c.id == row.run_id)).one()
            starts = row.valid_from or run.valid_from
            _code(connection, row, in_store, now, valid_from=starts, valid_until=change.valid_until)
        case ChangeKind.PUT_RIGHT if row.action == Action.CREATE:
            made = {"state": CodeState.LIVE, "coupon_id": settled.coupon_id, "reason": ""}
            _code(connection, row, (CodeState.REVOKED,), now, **made)
            _fixed(connection, change, row, now)
        case ChangeKind.PUT_RIGHT:
            _code(connection, row, tuple(CodeState), now)
            if row.state == CodeState.PAUSED and row.reason == SWITCHED_OFF_THERE:
                _code(connection, row, (CodeState.PAUSED,), now, state=CodeState.LIVE, reason="")
            _fixed(connection, change, row, now)
        case _:  # what the ledger says of it was written down with the change
            _code(connection, row, tuple(CodeState), now)


def _replace(connection: Connection, row: sa.Row[Any], now: datetime, reason: str) -> None:
    """A recycled code can't be had: another is drawn for its recipient."""
    _code(connection, row, (CodeState.PAUSED,), now, state=CodeState.CLASHED, reason=reason)


def _reopen(connection: Connection, change: sa.Row[Any], row: sa.Row[Any]) -> None:
    """The store can't be put right so: a person is asked again."""
    its = (drifts.c.change_id == change.id, drifts.c.code_id == row.id, drifts.c.state == DriftState.FIXING)
    values = {"state": DriftState.OPEN, "person": "", "decided_at": None, "change_id": None}
    connection.execute(sa.update(drifts).where(*its).values(values))


def _fixed(connection: Connection, change: sa.Row[Any], row: sa.Row[Any], now: datetime) -> None:
    its = (drifts.c.change_id == change.id, drifts.c.code_id == row.id, drifts.c.state == DriftState.FIXING)
    connection.execute(sa.update(drifts).where(*its).values(state=DriftState.FIXED, decided_at=now))


def _put_back(
    connection: Connection, kind: ChangeKind, row: sa.Row[Any], settled: Settled, now: datetime
) -> None:
    """The store refused for good: the ledger says again what it said before, unless another change is at it."""
    meant = AT_ONCE.get(kind)
    others = sa.exists().where(
        change_parts.c.code_id == row.id,
        change_parts.c.id > row.part_id,
        change_parts.c.state.in_(sorted(PART_OPEN)),
    )
    if meant is not None and not connection.scalar(sa.select(others)):
        reason = f"the store refused to {kind.value} it: {settled.reason}"
        _code(connection, row, (meant,), now, state=row.was, reason=reason)
