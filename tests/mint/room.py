"""Runs that are minted in a real sandbox, by turns of minting alone: without the loop, planning or e-mails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.journeys.steps import book_of
from tests.send.room import CAMPAIGN
from tests.shop import ANA, NOW, add_customers, add_store, lapsed, run_row
from tillroll.approve.act import approve
from tillroll.campaign.states import CodeState, RunState
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.errors import OutcomeUnknown, TryLater
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import chunks, codes, runs
from tillroll.mint.context import MintContext
from tillroll.mint.issue.begin import begin
from tillroll.mint.issue.turn import TurnResult, mint_turn
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book


def begin_run(
    engine: Engine, context: MintContext, *, people: int, name: str = "hello", text: str = CAMPAIGN
) -> int:
    """Return a run of store 1 that has begun to mint for so many people."""
    with engine.connect() as connection:
        first = connection.scalar(sa.select(sa.func.count()).select_from(runs)) == 0
    if first:
        add_customers(engine, add_store(engine), *(lapsed(number) for number in range(1, people + 1)))
        book = book_of(
            hello=CAMPAIGN, other=CAMPAIGN, few=CAMPAIGN.replace("lapsed-90}", "lapsed-90, limit: 1}")
        )
        record_book(engine, store_id=1, book=book if text == CAMPAIGN else book_of(hello=text), now=NOW)
    run_id = start_by_hand(engine, store_id=1, name=name, person="ana", now=NOW)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    approve(engine, run_id=run_id, digest=plan.digest, person=ANA, note="", now=NOW)
    assert begin(engine, run_id=run_id, now=context.clock.now()) is RunState.MINTING
    return run_id


def mint_context(engine: Engine, client: Client) -> tuple[MintContext, FakeClock]:
    """Return a mint context with a clock that the test moves."""
    clock = FakeClock.running()
    return MintContext(engine=engine, client=client, clock=clock, store_id=1), clock


def take_turn(context: MintContext, *, seconds: float = 1) -> TurnResult:
    """Take one turn; it ends sooner if nothing can be done now."""
    return mint_turn(context, until=context.clock.now() + timedelta(seconds=seconds))


def take_turns(context: MintContext, clock: FakeClock, until: Callable[[], bool], *, most: int = 300) -> None:
    """Take turns until a condition holds; a lost answer or a passing fault is tried again."""
    for _ in range(most):
        if until():
            return
        try:
            turn = take_turn(context)
        except (OutcomeUnknown, TryLater):
            clock.sleep(1)
            continue
        if turn.next_at is not None:
            SystemClock().sleep(0.01)  # the store's own time is the machine's
            clock.sleep(max(0.0, (turn.next_at - clock.now()).total_seconds()))
    raise AssertionError(f"the condition never held: {count_states(context.engine)}")


def mint_to_end(context: MintContext, clock: FakeClock, run_id: int) -> None:
    """Take turns until the run has left minting."""
    take_turns(context, clock, lambda: run_row(context.engine, run_id).state == RunState.SENDING)


def wait_for(question: Callable[[], bool], *, most: int = 2_000) -> None:
    """Wait for something that the store does in its own time."""
    for _ in range(most):
        if question():
            return
        SystemClock().sleep(0.005)
    raise AssertionError("the store never did it")


def count_states(engine: Engine, run_id: int | None = None) -> Counter[str]:
    """Return how many codes are in which state."""
    query = sa.select(codes.c.state)
    if run_id is not None:
        query = query.where(codes.c.run_id == run_id)
    with engine.connect() as connection:
        return Counter(connection.scalars(query))


def code_rows(engine: Engine) -> list[sa.Row[Any]]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(codes).order_by(codes.c.id)))


def chunk_rows(engine: Engine) -> list[sa.Row[Any]]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(chunks).order_by(chunks.c.id)))


def check_store_agrees(context: MintContext) -> None:
    """Check that every live code is a coupon of the store with the same number, and that no other coupon is ours."""
    live = {row.code: row.coupon_id for row in code_rows(context.engine) if row.state == CodeState.LIVE}
    coupons = context.client.coupons.every()
    ours = {coupon.code: coupon.coupon_id for coupon in coupons if "tillroll run" in coupon.name}
    assert ours == live


def mark_halted(engine: Engine, run_id: int) -> None:
    """Mark a run as halted without any of the consequences."""
    with writing(engine) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(state=RunState.HALTED))
