"""Runs that are minted in a real sandbox, by turns of the mint alone: no lane, no planning, no e-mails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.journeys.steps import book_of
from tests.send.room import CAMPAIGN
from tests.shop import ANA, NOW, add_customers, add_store, lapsed, run_row
from tillroll.approve.act import approve
from tillroll.campaign.states import CodeState, RunState
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.errors import OutcomeUnknown, TryLater
from tillroll.ledger.engine import writing
from tillroll.ledger.plans import load_plan
from tillroll.ledger.tables import chunks, codes, runs
from tillroll.mint.begin import begin
from tillroll.mint.parts import Mint
from tillroll.mint.turn import Turn, mint_turn
from tillroll.plan.make import make_plan
from tillroll.plan.record import record_book
from tillroll.plan.slots import start_by_hand


@dataclass(kw_only=True)
class Ahead:
    """The machine's clock, moved on by hand: what would wait moves it."""

    by: timedelta = timedelta(0)
    _real: SystemClock = field(default_factory=SystemClock)

    def now(self) -> datetime:
        return self._real.now() + self.by

    def monotonic(self) -> float:
        return self._real.monotonic() + self.by.total_seconds()

    def sleep(self, seconds: float) -> None:
        self.by += timedelta(seconds=seconds)


def begun(engine: Engine, mint: Mint, *, people: int, name: str = "hello", text: str = CAMPAIGN) -> int:
    """A run that has begun to mint for so many people, of the store with the number 1."""
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
    assert begin(engine, run_id=run_id, now=mint.clock.now()) is RunState.MINTING
    return run_id


def mint_of(engine: Engine, client: Client) -> tuple[Mint, Ahead]:
    """A mint whose clock moves when it is told to."""
    clock = Ahead()
    return Mint(engine=engine, client=client, clock=clock, store_id=1), clock


def a_turn(mint: Mint) -> Turn:
    return mint_turn(mint, until=mint.clock.now() + timedelta(seconds=1))


def turns(mint: Mint, clock: Ahead, until: Callable[[], bool], *, most: int = 300) -> None:
    """Give the mint its turns until something is so; a lost answer or passing trouble is tried again."""
    for _ in range(most):
        if until():
            return
        try:
            turn = a_turn(mint)
        except (OutcomeUnknown, TryLater):
            clock.sleep(1)
            continue
        if turn.next_at is not None:
            SystemClock().sleep(0.01)  # the store's own time is the machine's
            clock.sleep(max(0.0, (turn.next_at - clock.now()).total_seconds()))
    raise AssertionError(f"it never came to it: {states(mint.engine)}")


def minted(mint: Mint, clock: Ahead, run_id: int) -> None:
    """Turns until the run is through."""
    turns(mint, clock, lambda: run_row(mint.engine, run_id).state == RunState.SENDING)


def soon(question: Callable[[], bool], *, most: int = 2_000) -> None:
    """Wait for something that the store does in its own time."""
    for _ in range(most):
        if question():
            return
        SystemClock().sleep(0.005)
    raise AssertionError("the store never came to it")


def states(engine: Engine, run_id: int | None = None) -> Counter[str]:
    """How many codes are in which state."""
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


def agrees(mint: Mint) -> None:
    """Every live code is a coupon of the store with the same number, and no other coupon there is ours."""
    live = {row.code: row.coupon_id for row in code_rows(mint.engine) if row.state == CodeState.LIVE}
    ours = {one.code: one.coupon_id for one in mint.client.coupons.every() if "tillroll run" in one.name}
    assert ours == live


def halt_quietly(engine: Engine, run_id: int) -> None:
    """The run is halted, and nothing else happens."""
    with writing(engine) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(state=RunState.HALTED))
