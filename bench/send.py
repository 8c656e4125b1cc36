"""Sending: e-mails a second into the outbox, beside the outbox alone. The number that waits should not matter."""

from __future__ import annotations

import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from bench.ledgers import KINDS, ledger_url
from bench.report import Report
from bench.reserve import audience
from tests.shop import NOW
from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.clock import SystemClock
from tillroll.ledger.counting.triggers import drop_triggers
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.sealing import new_key
from tillroll.ledger.tables import codes, customers, messages, recipients, runs
from tillroll.mint.issue.reserve import reserve
from tillroll.rendering.bulk.link import UnsubscribeLinks
from tillroll.rendering.mime import Outgoing
from tillroll.send.context import SendContext
from tillroll.send.slices.deliver import send_slice
from tillroll.send.transports.outbox import Outbox

WAITING = (10_000, 100_000)
_SLICES = 5
_SLICE = timedelta(seconds=2)
_FLOOR = 5_000
_TURNS = 3


def run(report: Report) -> None:
    """Measure a few slices of sending for each run; all codes are live before."""
    with tempfile.TemporaryDirectory(prefix="tillroll-bench-") as folder:
        floor = _floor(Path(folder))
    report.section(
        "E-mails a second, one sender",
        f"Floor: writing {_FLOOR:,} finished e-mails to the outbox.",
    )
    for kind in KINDS:
        for waiting in WAITING:
            report.row(f"{kind}, of {waiting:,}", _sent(kind, waiting), "e-mails/s", beside={"floor": floor})
        _beside_no_sums(report, kind)


def _beside_no_sums(report: Report, kind: str) -> None:
    """Measure what the kept sums cost: the same sending while nothing is counted, by turns."""
    rates: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(_TURNS):
        for counted in (True, False):
            rates[counted].append(_sent(kind, WAITING[0], counted=counted))
    kept, bare = (median(rates[counted]) for counted in (True, False))
    report.row(f"{kind}, with the sums", kept, "e-mails/s", beside={"without them": bare})


def _sent(kind: str, waiting: int, *, counted: bool = True) -> float:
    """Return e-mails a second, after the rows of all e-mails are written. `counted`: the ledger keeps its sums meanwhile."""
    with ledger_url(kind) as url, tempfile.TemporaryDirectory(prefix="tillroll-bench-") as folder:
        engine, clock = open_engine(url), SystemClock()
        if not counted:
            _stop_counting(engine)
        run = audience(engine, waiting)
        reserve(engine, run=run, now=NOW)
        all_live(engine, run.id)
        context = context_of(engine, Path(folder))
        while not count_sent(engine):  # a slice without time writes some rows; it sends once all are written
            send_slice(context, run_id=run.id, until=clock.now())
        before, began = count_sent(engine), time.perf_counter()
        for _ in range(_SLICES):
            if send_slice(context, run_id=run.id, until=clock.now() + _SLICE) is None:
                break
        sent, took = count_sent(engine) - before, time.perf_counter() - began
        engine.dispose()
    return sent / took


def _stop_counting(engine: Engine) -> None:
    """Switch off every trigger of the ledger."""
    with writing(engine) as connection:
        drop_triggers(connection)
        if connection.dialect.name == "postgresql":
            for table in (codes, messages, recipients, runs, customers):
                connection.exec_driver_sql(f"alter table {table.name} disable trigger user")


def context_of(engine: Engine, folder: Path) -> SendContext:
    """Return a context that sends to an outbox folder."""
    clock = SystemClock()
    return SendContext(
        engine=engine,
        clock=clock,
        transport=Outbox(folder, clock),
        sender="Shop <hello@shop.example>",
        links=UnsubscribeLinks("https://tillroll.shop.example", (new_key(),)),
    )


def all_live(engine: Engine, run_id: int) -> None:
    """Mark all codes as live and add all recipients to the mirror."""
    with writing(engine) as connection:
        last_mirrored = sa.select(sa.func.max(customers.c.customer_id)).scalar_subquery()
        others = sa.select(
            sa.literal(1),
            recipients.c.customer_id,
            recipients.c.email,
            sa.true(),
            sa.literal(NOW, customers.c.seen_at.type),
        ).where(recipients.c.customer_id > last_mirrored)
        columns = ["store_id", "customer_id", "email", "accepts_marketing", "seen_at"]
        connection.execute(sa.insert(customers).from_select(columns, others))
        until = SystemClock().now() + timedelta(days=14)
        connection.execute(sa.update(codes).values(state=CodeState.LIVE, coupon_id=codes.c.id))
        run = {"state": RunState.SENDING, "valid_until": until}
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(run))


def count_sent(engine: Engine) -> int:
    """Return how many e-mails are sent."""
    with engine.connect() as connection:
        where = messages.c.state == MessageState.SENT
        return int(connection.scalar(sa.select(sa.func.count()).where(where)) or 0)


def _floor(folder: Path) -> float:
    outbox, content = Outbox(folder, SystemClock()), b"x" * 20_000
    batches = [
        [
            Outgoing(
                message_id=number,
                key=f"r1-{number}",
                run_id=1,
                campaign="bench",
                sender="Shop <hello@shop.example>",
                to=f"customer{number}@example.com",
                subject="Hello",
                code="BENCH",
                content=content,
            )
            for number in range(start, start + 100)
        ]
        for start in range(0, _FLOOR, 100)
    ]
    began = time.perf_counter()
    for batch in batches:
        for _ in outbox.deliver(batch):
            pass
    return _FLOOR / (time.perf_counter() - began)
