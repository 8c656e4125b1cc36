"""Handing a run over to sending when every code is explained."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CODE_IN_STORE, CODE_OPEN, CodeState, RunState
from tillroll.ecwid.errors import StoreSaysNotFound
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.changes import switching_on
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.pools import POOL
from tillroll.ledger.runs import move_run
from tillroll.ledger.tables import codes
from tillroll.mint.ahead import not_launched
from tillroll.mint.desk import Desk, Way
from tillroll.mint.parts import Mint
from tillroll.mint.shared import SETTLED, shared_code


def finish(mint: Mint, desk: Desk) -> bool:
    """Move the run on when no code is open and every recipient has a standing one; a pool is ready then.

    Raises `Refused` when the store's coupons are on other goods than what was approved: then nobody is told of them.
    """
    run, now = desk.run, mint.clock.now()
    with reading(mint.engine) as connection:
        if _open(connection, run.id) or switching_on(
            connection, campaign=run.campaign, run_id=run.id, store_id=run.store_id
        ):
            return False  # codes on their way, or about to be switched on
        counts = _counts(connection, run.id)
        planned = desk.planned
        if desk.shared is not None:
            code = shared_code(connection, run.store_id, desk.shared)
            if code is None or code.state not in SETTLED:
                return False
            planned = 0
    if sum(number for state, number in counts.items() if state is not CodeState.CLASHED) < planned:
        return False  # a clashed code wants its replacement drawn
    if not_launched(mint, run):
        return False
    if desk.way is Way.MAKE:
        _check_limits(mint, desk)
    failed = counts.get(CodeState.FAILED, 0)
    reason = f"{failed} codes were refused by the store" if failed else ""
    to = RunState.TRACKING if run.kind == POOL else RunState.SENDING
    with writing(mint.engine) as connection:
        if move_run(connection, run.id, was={RunState.MINTING}, to=to, now=now, reason=reason):
            body: dict[str, Any] = {state.value: number for state, number in sorted(counts.items())}
            audit.record(
                connection, at=now, actor="loop", action="mint.done", subject=f"run {run.id}", body=body
            )
    return True


def _open(connection: Connection, run_id: int) -> bool:
    """Whether a code is on its way; cheap, since it is asked again and again."""
    where = (codes.c.run_id == run_id, codes.c.state.in_(tuple(CODE_OPEN)))
    return connection.scalar(sa.select(codes.c.id).where(*where).limit(1)) is not None


def _counts(connection: Connection, run_id: int) -> dict[CodeState, int]:
    query = (
        sa.select(codes.c.state, sa.func.count().label("n"))
        .where(codes.c.run_id == run_id)
        .group_by(codes.c.state)
    )
    return {CodeState(row.state): int(row.n) for row in connection.execute(query)}


def _check_limits(mint: Mint, desk: Desk) -> None:
    """Read one coupon of each arm back: the store drops what it doesn't know from a coupon's limits, without a word."""
    for arm, wanted in desk.request(mint).arms.items():
        if not wanted.products and not wanted.categories:
            continue
        made = (codes.c.run_id == desk.run.id, codes.c.arm == arm, codes.c.state.in_(sorted(CODE_IN_STORE)))
        with reading(mint.engine) as connection:
            coupon_id = connection.scalar(sa.select(codes.c.coupon_id).where(*made).limit(1))
        if coupon_id is None:
            continue
        try:
            found = mint.client.coupons.get(coupon_id)
        except StoreSaysNotFound:
            continue  # somebody deleted it: that is drift
        if (set(found.products), set(found.categories)) != (set(wanted.products), set(wanted.categories)):
            raise Refused(
                "The store made coupons that are on other goods than what was approved; nobody is told of them.",
                hint="Halt the run, and look whether the store still has the products and categories of the offer.",
            )
