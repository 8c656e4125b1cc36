"""One slice of minting for one run: begin, reserve, push, poll, and hand over to sending when every code is explained."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.states import CODE_OPEN, CodeState, RunState
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.runs import load_run, move_run
from tillroll.ledger.tables import codes, plans
from tillroll.mint.parts import Mint
from tillroll.mint.poll import poll
from tillroll.mint.push import push, resume_unsent
from tillroll.mint.reserve import reserve


def mint_slice(mint: Mint, *, run_id: int, until: datetime) -> datetime | None:
    """Work on a run in `minting` until it is done, it must wait, or the slice is over.

    Returns when it wants to go on: None when it has left `minting`, a moment in the past or present when there is work now.
    """
    with reading(mint.engine) as connection:
        run = load_run(connection, run_id)
    while run.state == RunState.MINTING:
        now = mint.clock.now()
        reserve(mint.engine, store_id=mint.store_id, run_id=run_id, now=now)
        push(mint, run)
        next_poll = poll(mint, run)
        if _finish(mint, run):
            return None
        if next_poll is not None and next_poll > mint.clock.now():
            return next_poll
        if mint.clock.now() >= until:
            return mint.clock.now()
        with reading(mint.engine) as connection:
            run = load_run(connection, run_id)
    return None


def wind_up(mint: Mint, *, run_id: int) -> datetime | None:
    """Learn what became of a halted run's open chunks, without handing over anything new; when to ask again, or None."""
    with reading(mint.engine) as connection:
        run = load_run(connection, run_id)
        open_ = sa.exists().where(codes.c.run_id == run_id, codes.c.state == CodeState.POSTING)
        if run.state != RunState.HALTED or not connection.scalar(sa.select(open_)):
            return None
    resume_unsent(mint, run)
    return poll(mint, run)


def _finish(mint: Mint, run: sa.Row[Any]) -> bool:
    """Hand the run over to sending when no code is open and every recipient has a standing one."""
    now = mint.clock.now()
    with reading(mint.engine) as connection:
        query = (
            sa.select(codes.c.state, sa.func.count().label("n"))
            .where(codes.c.run_id == run.id)
            .group_by(codes.c.state)
        )
        counts = {CodeState(row.state): int(row.n) for row in connection.execute(query)}
        planned = connection.scalars(sa.select(plans.c.code_count).where(plans.c.id == run.plan_id)).one()
    if any(counts.get(state) for state in CODE_OPEN):
        return False
    if sum(number for state, number in counts.items() if state is not CodeState.CLASHED) < planned:
        return False  # a clashed code wants its replacement drawn
    failed = counts.get(CodeState.FAILED, 0)
    reason = f"{failed} codes were refused by the store" if failed else ""
    with writing(mint.engine) as connection:
        if move_run(connection, run.id, was={RunState.MINTING}, to=RunState.SENDING, now=now, reason=reason):
            body = {state.value: number for state, number in sorted(counts.items())}
            audit.record(
                connection, at=now, actor="loop", action="mint.done", subject=f"run {run.id}", body=body
            )
    return True
