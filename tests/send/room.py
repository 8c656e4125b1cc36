"""A run that is ready to send, made without a store: the ledger is told that its codes are live, and the clock stands still."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tests.clocks import FakeClock
from tests.journeys.steps import book_of
from tests.shop import ANA, NOW, PUBLIC_URL, add_customers, add_store, lapsed, run_row
from tillroll.approve.act import approve
from tillroll.approve.decide import Person
from tillroll.campaign import Book
from tillroll.campaign.states import CodeState, RunState
from tillroll.ecwid.client import Client
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ecwid.http.pace import Pace
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import codes
from tillroll.mint.context import MintContext
from tillroll.mint.issue.begin import begin
from tillroll.mint.issue.reserve import reserve
from tillroll.mint.issue.turn import mint_turn
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book
from tillroll.rendering.bulk.link import UnsubscribeLinks
from tillroll.rendering.compile import Rendered
from tillroll.rendering.facts import RecipientFacts
from tillroll.rendering.mime import Outgoing, build
from tillroll.rendering.preview import previewed, render_previews
from tillroll.send.context import SendContext
from tillroll.send.transports.outbox import Outbox

CAMPAIGN = """title: Hello
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: Hello}
"""


LINKS = UnsubscribeLinks(PUBLIC_URL, ("a key of the tests",))


def context_of(engine: Engine, folder: Path, clock: FakeClock) -> SendContext:
    """Return a context that sends to an outbox folder."""
    return SendContext(
        engine=engine,
        clock=clock,
        transport=Outbox(folder, clock),
        sender="Shop <hello@shop.example>",
        links=LINKS,
    )


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of the outbox."""
    path = folder / "messages.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def planned(
    engine: Engine,
    text: str = CAMPAIGN,
    *,
    people: int = 8,
    book: Book | None = None,
    ecwid_id: int = 1003,
) -> tuple[int, int]:
    """Start the campaign `hello` by hand and plan it. Returns the store and the run."""
    store_id = add_store(engine, ecwid_id=ecwid_id)
    add_customers(engine, store_id, *(lapsed(number) for number in range(1, people + 1)))
    record_book(engine, store_id=store_id, book=book or book_of(hello=text), now=NOW)
    run_id = start_by_hand(engine, store_id=store_id, name="hello", person="ana", now=NOW)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    return store_id, run_id


def agreed(engine: Engine, run_id: int, now: datetime = NOW, *, person: Person = ANA) -> RunState:
    """Approve the run's plan and begin minting."""
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    approve(engine, run_id=run_id, digest=plan.digest, person=person, note="", now=now)
    return begin(engine, run_id=run_id, now=now)


def minted(engine: Engine, run_id: int, clock: FakeClock) -> None:
    """Draw the run's codes, mark them as live, and move the run to `sending`."""
    context = MintContext(
        engine=engine, client=nowhere(clock), clock=clock, store_id=run_row(engine, run_id).store_id
    )
    draw(engine, run_id, clock.now())
    with writing(engine) as connection:
        live = {"state": CodeState.LIVE, "coupon_id": codes.c.id}
        connection.execute(sa.update(codes).where(codes.c.state == CodeState.RESERVED).values(live))
    mint_turn(context, until=clock.now() + timedelta(seconds=1))


def draw(engine: Engine, run_id: int, now: datetime) -> None:
    """Reserve the run's codes."""
    reserve(engine, run=run_row(engine, run_id), now=now)


def nowhere(clock: FakeClock) -> Client:
    """Return a client of a store that doesn't exist: every call fails."""
    pace = Pace(clock, per_minute=600)
    return Client(
        base_url="http://127.0.0.1:9/api/v3",
        store_id=1003,
        token="none",
        hosts=AllowedHosts(private=True),
        pace=pace,
        clock=clock,
    )


def ready_to_send(
    engine: Engine, text: str = CAMPAIGN, *, people: int = 8, clock: FakeClock, ecwid_id: int = 1003
) -> int:
    """Return a run in `sending`."""
    _, run_id = planned(engine, text, people=people, ecwid_id=ecwid_id)
    assert agreed(engine, run_id, clock.now()) is RunState.MINTING
    minted(engine, run_id, clock)
    return run_id


BARE = """title: News
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90}
message: {template: note, subject: News}
"""


def message(number: int = 1, *, name: str = "Živa", text: str = "Koda: BACK1\n") -> Outgoing:
    rendered = Rendered(subject="15 % čaka 🍵", html="<p>Koda: BACK1</p>", text=text)
    content = build(
        rendered=rendered,
        sender="Sample Shop <hello@shop.example>",
        to_email=f"customer{number}@example.com",
        to_name=name,
        key=f"r1-{number}-abc",
        at=NOW,
    )
    return Outgoing(
        message_id=number,
        key=f"r1-{number}-abc",
        run_id=1,
        campaign="winback",
        sender="hello@shop.example",
        to=f"customer{number}@example.com",
        subject="15 % čaka 🍵",
        code="BACK1",
        content=content,
    )


def previews(
    connection: Connection, run_id: int, *, now: datetime, language: str = ""
) -> list[tuple[RecipientFacts, Rendered]]:
    """Return some e-mails of a run, as an approver sees them."""
    found = previewed(connection, run_id, now=now, language=language)
    assert found is not None
    return render_previews(*found)
