"""One code for all recipients of a run: made once, and used by later runs of the campaign while they offer the same.

Nobody ever gets another code instead: if the code in the campaign's file can't be had, the run waits and says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import CodeCause, CodeState, RunState
from tillroll.errors import Refused
from tillroll.ledger.causes import code_cause
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.queries.given import works_until
from tillroll.ledger.queries.pools import terms_of
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.records import Code, Run
from tillroll.ledger.tables import codes, runs

_ASK_AGAIN = timedelta(minutes=10)
"""How long to wait before asking again for a code that clashed: somebody may have deleted the other coupon."""

SETTLED = frozenset(
    {CodeState.LIVE, CodeState.PAUSED, CodeState.FAILED, CodeState.REVOKED, CodeState.CLEARED}
)
_IN_USE = frozenset({CodeState.RESERVED, CodeState.POSTING, CodeState.LIVE, CodeState.PAUSED})
_HINT = "Choose another one under codes: shared:, or delete that coupon in the store."


@dataclass(frozen=True, kw_only=True)
class SharedCode(Code):
    """A shared code, with the run that made it."""

    campaign: str
    ends_at: datetime | None
    run_state: RunState


def load_shared_code(connection: Connection, store_id: int, shared: str) -> SharedCode | None:
    """Return the row of a shared code, or None if no run has reserved it."""
    query = (
        sa.select(
            codes,
            runs.c.campaign,
            works_until().label("ends_at"),
            runs.c.state.label("run_state"),
        )
        .join(runs, runs.c.id == codes.c.run_id)
        .where(codes.c.store_id == store_id, codes.c.code == shared)
    )
    row = connection.execute(query).first()
    return SharedCode.from_row(row) if row is not None else None


def reserve_shared(engine: Engine, *, run: Run, shared: str, row: dict[str, Any]) -> None:
    """Reserve the code for this run, unless a run of the campaign has it on the same terms. `row` is its row if it is new.

    Raises `Refused` if the code can't be used.
    """
    now: datetime = row["reserved_at"]
    with reading(engine) as connection:
        existing = load_shared_code(connection, run.store_id, shared)
        obstacle = _obstacle(connection, run, existing, now) if existing is not None else ""
    if existing is None:
        with writing(engine) as connection:
            insert_new(connection, codes, [row])
        return
    if obstacle:
        raise Refused(obstacle, hint=_HINT)
    if existing.run_id == run.id and existing.state != CodeState.CLASHED:
        return
    left_behind = existing.state == CodeState.RESERVED and existing.run_state == RunState.HALTED
    if left_behind or existing.state not in _IN_USE:
        _take_over(engine, existing, row)


def _obstacle(connection: Connection, run: Run, existing: SharedCode, now: datetime) -> str:
    """Return why this run can't use the existing code; empty if it can."""
    if existing.state == CodeState.CLASHED:
        just_now = existing.changed_at > now - _ASK_AGAIN
        return f"The store has a coupon {existing.code!r} that isn't ours." if just_now else ""
    if existing.run_id == run.id:
        return ""
    made = f"The code {existing.code!r} was made for run {existing.run_id} ({existing.campaign})"
    if existing.campaign != run.campaign:
        return f"{made}, and campaigns can't share a code."
    if existing.state not in _IN_USE:
        return ""  # the store does not have it: it can be made again
    maker = load_run(connection, existing.run_id)
    terms, wanted = terms_of(connection, maker), terms_of(connection, run)
    if terms is None or wanted is None or not terms.same_as(wanted):
        return f"{made} with another offer than this run's."
    if existing.ends_at is None or existing.ends_at <= now:
        return f"{made} and has expired."
    return ""


def _take_over(engine: Engine, existing: SharedCode, row: dict[str, Any]) -> None:
    """Give the row to this run as if it were just drawn, if it is still as it was read."""
    unchanged = (
        codes.c.id == existing.id,
        codes.c.state == existing.state,
        codes.c.run_id == existing.run_id,
    )
    values = {**row, "chunk_id": None, "coupon_id": None, "attempts": 0, **code_cause(CodeCause.NONE)}
    with writing(engine) as connection:
        connection.execute(sa.update(codes).where(*unchanged).values(values))
