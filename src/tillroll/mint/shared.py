"""One code for all recipients of a run: made once, used by later runs of the campaign as long as they offer the same.

Nobody is ever given another code silently: where the one that the file names can't be had, the run waits and says why.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import CodeState, RunState
from tillroll.errors import Refused
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.given import works_until
from tillroll.ledger.pools import terms_of
from tillroll.ledger.tables import codes, runs

_ASK_AGAIN = timedelta(minutes=10)
"""A code that the store wouldn't make is asked for again after that: somebody may have cleared the way."""

SETTLED = frozenset(
    {CodeState.LIVE, CodeState.PAUSED, CodeState.FAILED, CodeState.REVOKED, CodeState.CLEARED}
)
_STANDING = frozenset({CodeState.RESERVED, CodeState.POSTING, CodeState.LIVE, CodeState.PAUSED})
_HINT = "Choose another one under codes: shared:, or delete that coupon in the store."


def shared_code(connection: Connection, store_id: int, shared: str) -> sa.Row[Any] | None:
    """The row of a shared code, with the run that made it; None while nobody has."""
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
    return connection.execute(query).first()


def reserve_shared(engine: Engine, *, run: sa.Row[Any], shared: str, row: dict[str, Any]) -> None:
    """See that the code is this run's, or one of the campaign's that gives the same; `row` is what it would be.

    Raises `Refused` when it is neither.
    """
    now: datetime = row["reserved_at"]
    with reading(engine) as connection:
        there = shared_code(connection, run.store_id, shared)
        against = _against(connection, run, there, now) if there is not None else ""
    if there is None:
        with writing(engine) as connection:
            insert_new(connection, codes, [row])
        return
    if against:
        raise Refused(against, hint=_HINT)
    if there.run_id == run.id and there.state != CodeState.CLASHED:
        return
    left_behind = there.state == CodeState.RESERVED and there.run_state == RunState.HALTED
    if left_behind or there.state not in _STANDING:
        _take_over(engine, there, row)


def _against(connection: Connection, run: sa.Row[Any], there: sa.Row[Any], now: datetime) -> str:
    """Why the code that is there can't be this run's; empty when it can."""
    if there.state == CodeState.CLASHED:
        just_now = there.changed_at > now - _ASK_AGAIN
        return f"The store has a coupon {there.code!r} that isn't ours." if just_now else ""
    if there.run_id == run.id:
        return ""
    whose = f"The code {there.code!r} was made for run {there.run_id} ({there.campaign})"
    if there.campaign != run.campaign:
        return f"{whose}, and a code is one campaign's."
    if there.state not in _STANDING:
        return ""  # the store hasn't got it: it can be made anew
    maker = connection.execute(sa.select(runs).where(runs.c.id == there.run_id)).one()
    terms, wanted = terms_of(connection, maker), terms_of(connection, run)
    if terms is None or wanted is None or not terms.same_as(wanted):
        return f"{whose} with another offer than this run's."
    if there.ends_at is None or there.ends_at <= now:
        return f"{whose} and has expired."
    return ""


def _take_over(engine: Engine, there: sa.Row[Any], row: dict[str, Any]) -> None:
    """The row becomes this run's, as if just drawn, if it still stands as it was read."""
    still = (codes.c.id == there.id, codes.c.state == there.state, codes.c.run_id == there.run_id)
    values = {**row, "chunk_id": None, "coupon_id": None, "attempts": 0, "reason": ""}
    with writing(engine) as connection:
        connection.execute(sa.update(codes).where(*still).values(values))
