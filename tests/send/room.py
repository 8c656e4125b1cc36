"""A run brought as far as sending without a store: its codes are live because the ledger says so, and the time stands still."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.journeys.steps import book_of
from tests.shop import ANA, NOW, add_customers, add_store, lapsed, run_row
from tillroll.approve.act import approve
from tillroll.approve.decide import Person
from tillroll.campaign import Book
from tillroll.campaign.states import CodeState, RunState
from tillroll.ecwid.client import Client
from tillroll.ecwid.pace import Pace
from tillroll.ledger.engine import writing
from tillroll.ledger.plans import load_plan
from tillroll.ledger.tables import codes
from tillroll.mint.begin import begin
from tillroll.mint.parts import Mint
from tillroll.mint.reserve import reserve
from tillroll.mint.turn import mint_turn
from tillroll.plan.make import make_plan
from tillroll.plan.record import record_book
from tillroll.plan.slots import start_by_hand
from tillroll.send.outbox import Outbox
from tillroll.send.sending import Post

CAMPAIGN = """title: Hello
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: Hello}
"""


@dataclass
class Still:
    """A clock that stands until it is moved."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def post_of(engine: Engine, folder: Path, clock: Still) -> Post:
    """A post that writes into an outbox."""
    return Post(
        engine=engine,
        clock=clock,
        transport=Outbox(folder, clock),
        sender="Shop <hello@shop.example>",
    )


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """What the outbox took."""
    path = folder / "messages.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def planned(
    engine: Engine, text: str = CAMPAIGN, *, people: int = 8, book: Book | None = None
) -> tuple[int, int]:
    """(store, run): a run by hand of the campaign `hello`, planned for so many people."""
    store_id = add_store(engine)
    add_customers(engine, store_id, *(lapsed(number) for number in range(1, people + 1)))
    record_book(engine, store_id=store_id, book=book or book_of(hello=text), now=NOW)
    run_id = start_by_hand(engine, store_id=store_id, name="hello", person="ana", now=NOW)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    return store_id, run_id


def agreed(engine: Engine, run_id: int, now: datetime = NOW, *, person: Person = ANA) -> RunState:
    """Somebody approves the run's plan, and it begins."""
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    approve(engine, run_id=run_id, digest=plan.digest, person=person, note="", now=now)
    return begin(engine, run_id=run_id, now=now)


def minted(engine: Engine, run_id: int, clock: Still) -> None:
    """Its codes are drawn and live, and it goes on to sending; the store is never asked."""
    mint = Mint(engine=engine, client=nowhere(clock), clock=clock, store_id=run_row(engine, run_id).store_id)
    draw(engine, run_id, clock.now())
    with writing(engine) as connection:
        live = {"state": CodeState.LIVE, "coupon_id": codes.c.id}
        connection.execute(sa.update(codes).where(codes.c.state == CodeState.RESERVED).values(live))
    mint_turn(mint, until=clock.now() + timedelta(seconds=1))


def draw(engine: Engine, run_id: int, now: datetime) -> None:
    """Reserve the run's codes."""
    reserve(engine, run=run_row(engine, run_id), now=now)


def nowhere(clock: Still) -> Client:
    """A client of a store that isn't there: whoever asks it anything fails."""
    pace = Pace(clock, per_minute=600)
    return Client(base_url="http://127.0.0.1:9/api/v3", store_id=1003, token="none", pace=pace, clock=clock)


def ready_to_send(engine: Engine, text: str = CAMPAIGN, *, people: int = 8, clock: Still) -> int:
    """A run in `sending`."""
    _, run_id = planned(engine, text, people=people)
    assert agreed(engine, run_id, clock.now()) is RunState.MINTING
    minted(engine, run_id, clock)
    return run_id
