"""One slice of minting for one run: begin, reserve, push, poll, and hand over to sending when every code is explained."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CODE_OPEN, CodeState, RunState
from tillroll.ledger import audit
from tillroll.ledger.changes import switching_on
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.plans import load_plan, load_revision
from tillroll.ledger.pools import POOL
from tillroll.ledger.runs import load_run, move_run, put_off
from tillroll.ledger.tables import codes, plans
from tillroll.mint.hand_out import hand_out
from tillroll.mint.parts import Mint
from tillroll.mint.poll import poll
from tillroll.mint.push import push, resume_unsent
from tillroll.mint.reserve import reserve
from tillroll.mint.shared import SETTLED, shared_code

_POOL_REST = timedelta(seconds=30)
_ANOTHER_REST = timedelta(seconds=2)


class Way(StrEnum):
    """How a run comes by its codes."""

    MAKE = "make"  # in the store
    POOL = "pool"  # made ahead, handed out now
    NONE = "none"  # its e-mails carry none of their own


def mint_slice(mint: Mint, *, run_id: int, until: datetime) -> datetime | None:
    """Work on a run in `minting` until it is done, it must wait, or the slice is over.

    Returns when it wants to go on: None when it has left `minting`, a moment in the past or present when there is work now.
    Raises `Refused` when its codes can't be made as the campaign says: a shared one that is taken.
    """
    with reading(mint.engine) as connection:
        run = load_run(connection, run_id)
        way, shared = _way(connection, run)
    while run.state == RunState.MINTING:
        next_poll = None
        if way is Way.POOL and not hand_out(mint.engine, run=run, now=mint.clock.now()):
            return _wait_for_pool(mint, run)
        if way is Way.MAKE:
            reserve(mint.engine, run=run, now=mint.clock.now())
            push(mint, run)
            next_poll = poll(mint, run)
        if _being_switched_on(mint, run):
            return mint.clock.now() + _ANOTHER_REST
        if _finish(mint, run, shared):
            return None
        if next_poll is not None and next_poll > mint.clock.now():
            return next_poll
        if shared is not None and _made_by_another(mint, run, shared):
            return mint.clock.now() + _ANOTHER_REST
        if mint.clock.now() >= until:
            return mint.clock.now()
        with reading(mint.engine) as connection:
            run = load_run(connection, run_id)
    return None


def _being_switched_on(mint: Mint, run: sa.Row[Any]) -> bool:
    """Whether codes of the run are about to be switched on: it goes on to sending after that."""
    with reading(mint.engine) as connection:
        return switching_on(connection, campaign=run.campaign, run_id=run.id, store_id=run.store_id)


def _way(connection: Connection, run: sa.Row[Any]) -> tuple[Way, str | None]:
    """How the run comes by its codes, and the one code if it is shared by all."""
    plan = load_plan(connection, run.id)
    if plan is None:
        return Way.NONE, None
    campaign = load_revision(connection, plan.revision_id).as_run(step=run.step)
    if plan.proposal.code_count:
        return Way.MAKE, campaign.codes.shared
    takes = campaign.offer is not None and campaign.codes.pool is not None and run.kind != POOL
    return (Way.POOL if takes else Way.NONE), None


def _made_by_another(mint: Mint, run: sa.Row[Any], shared: str) -> bool:
    """Whether the code is on its way into the store for another run of the campaign."""
    with reading(mint.engine) as connection:
        code = shared_code(connection, run.store_id, shared)
    return code is not None and code.run_id != run.id


def _wait_for_pool(mint: Mint, run: sa.Row[Any]) -> datetime:
    until = mint.clock.now() + _POOL_REST
    with writing(mint.engine) as connection:
        put_off(connection, run.id, until=until, reason="its pool has too few codes; it waits for more")
    return until


def wind_up(mint: Mint, *, run_id: int) -> datetime | None:
    """Learn what became of a halted run's open chunks, without handing over anything new; when to ask again, or None."""
    with reading(mint.engine) as connection:
        run = load_run(connection, run_id)
        open_ = sa.exists().where(codes.c.run_id == run_id, codes.c.state == CodeState.POSTING)
        if run.state != RunState.HALTED or not connection.scalar(sa.select(open_)):
            return None
    resume_unsent(mint, run)
    return poll(mint, run)


def _finish(mint: Mint, run: sa.Row[Any], shared: str | None) -> bool:
    """Hand the run over to sending when no code is open and every recipient has a standing one; a pool is ready then."""
    now = mint.clock.now()
    with reading(mint.engine) as connection:
        query = (
            sa.select(codes.c.state, sa.func.count().label("n"))
            .where(codes.c.run_id == run.id)
            .group_by(codes.c.state)
        )
        counts = {CodeState(row.state): int(row.n) for row in connection.execute(query)}
        planned = connection.scalars(sa.select(plans.c.code_count).where(plans.c.id == run.plan_id)).one()
        if shared is not None:
            code = shared_code(connection, run.store_id, shared)
            if code is None or code.state not in SETTLED:
                return False
            planned = 0
    if any(counts.get(state) for state in CODE_OPEN):
        return False
    if sum(number for state, number in counts.items() if state is not CodeState.CLASHED) < planned:
        return False  # a clashed code wants its replacement drawn
    failed = counts.get(CodeState.FAILED, 0)
    reason = f"{failed} codes were refused by the store" if failed else ""
    to = RunState.TRACKING if run.kind == POOL else RunState.SENDING
    with writing(mint.engine) as connection:
        if move_run(connection, run.id, was={RunState.MINTING}, to=to, now=now, reason=reason):
            body = {state.value: number for state, number in sorted(counts.items())}
            audit.record(
                connection, at=now, actor="loop", action="mint.done", subject=f"run {run.id}", body=body
            )
    return True
