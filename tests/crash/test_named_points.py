"""A worker dies at every place that has a name, one after the other, and what it leaves is carried on: design section 4 holds."""

from __future__ import annotations

import random
import shutil
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.crash.points import OLD_KEY, ONE_BY_ONE, PATH, POINTS, SENDING, Point
from tests.crash.test_worker_killed import (
    PATIENCE,
    finish,
    installation,
    outbox,
    start_worker,
    states,
    worker_log,
)
from tests.forks import forks
from tests.shop import ROOT
from tests.store import lay_faults, running
from tillroll.campaign import read_book
from tillroll.campaign.states import ChunkState, CodeState, MessageState, RunState
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import approvals, chunks, codes, messages, plans, recipients, runs, stores
from tillroll.mint.parts import Mint
from tillroll.mint.reconcile import reconcile
from tillroll.plan.record import record_book
from tillroll.plan.slots import start_by_hand
from tillroll.sandbox.serve import Sandbox
from tillroll.track.connect import load_store
from tillroll.track.intake import Event, take_in
from tillroll.wiring import Services

CUSTOMERS = 900
CAMPAIGN = """title: {title}
owner: ana@shop.example
status: active
when: {{manual: true}}
who: {{segment: regulars, limit: {limit}}}
offer: {{kind: percent, value: 10, uses: single, valid: {{for: 14d}}}}
codes: {{format: short, prefix: {prefix}}}
message: {{template: winback, subject: "Something for you"}}
approval: {{by: 1, expires: 48h, auto_when: {{codes: 200000, worst_case: 100000000}}}}
"""
SEGMENT = "title: Everybody who may be written to\nwhere: {accepts_marketing: true}\n"
RAILS = "largest_percent: 30\ncodes_per_run: 200000\n"
ON_TOP: dict[str, Any] = {
    "seed": 20261124,
    "lost_answers": {"share": 0.4, "on": "writes"},
    "resets": {"share": 0.1, "on": "writes"},
    "errors": {"share": 0.05, "status": 503},
    "stalled_batches": {"share": 0.3, "seconds": 0.3},
}


EMBEDDED = pytest.param(("sqlite", "embedded"), id="sqlite-embedded")
DISTRIBUTED = pytest.param(
    ("postgresql", "distributed"), id="postgresql-distributed", marks=pytest.mark.postgres
)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The address of a fresh ledger, and the engine that works on it."""
    kind, engine = request.param
    return request.getfixturevalue(f"{kind}_url"), engine


@dataclass(kw_only=True)
class Shop:
    """A store, an installation that works for it, and a worker that dies."""

    parts: Services
    store: Sandbox
    environment: dict[str, str]

    def begin(self, name: str) -> None:
        """A run that its campaign's policy approves."""
        now = self.parts.clock.now()
        start_by_hand(self.parts.engine, store_id=1, name=name, person="ana", now=now)

    def die(self, point: Point) -> None:
        """Have a worker go on until it dies at the point, with every event told twice; nothing may be broken then."""
        tell_twice(self.parts)
        worker = start_worker(self.environment, first=point.trap)
        try:
            ended = worker.wait(timeout=PATIENCE)
        except AssertionError:
            worker.send_signal(signal.SIGKILL)
            ended = 0
        log = worker_log(self.environment).read_text()
        assert ended == -signal.SIGKILL, f"it never came to {point.name}: {ended} {states(self.parts)} {log}"
        unbroken(self, point.name)

    def forget_comparing(self) -> None:
        """Whoever works next compares the ledger with the store first."""
        with writing(self.parts.engine) as connection:
            connection.execute(sa.update(stores).values(reconciled_at=None))

    def age(self) -> None:
        """What is intended was so two hours ago: the store may have forgotten the keys."""
        with writing(self.parts.engine) as connection:
            earlier = self.parts.clock.now() - timedelta(hours=2)
            where = chunks.c.state.in_((ChunkState.POSTING, ChunkState.POSTED))
            changed = connection.execute(sa.update(chunks).where(where).values(created_at=earlier))
            assert changed.rowcount


@contextmanager
def shop(
    tmp_path: Path, url: str, *, customers: int = CUSTOMERS, engine: str = "embedded", **switches: Any
) -> Iterator[Shop]:
    """Two campaigns: `many` for everybody who may be written to, and `few`."""
    folder = tmp_path / "files"
    for place in ("rules", "templates"):
        shutil.copytree(ROOT / place, folder / place)
    (folder / "rules" / "segments" / "regulars.yaml").write_text(SEGMENT, encoding="utf-8")
    (folder / "rules" / "guardrails.yaml").write_text(RAILS, encoding="utf-8")
    (folder / "campaigns").mkdir()
    for name, limit in (("many", 1_000_000), ("few", 4)):
        text = CAMPAIGN.format(title=f"For {name}", limit=limit, prefix=name.upper())
        (folder / "campaigns" / f"{name}.yaml").write_text(text, encoding="utf-8")
    with (
        running(tmp_path / "store", customers=customers, **switches) as store,
        installation(store, url, tmp_path, folder=folder) as (parts, environment),
    ):
        book = read_book(folder)
        assert not book.findings, [finding.render() for finding in book.findings]
        record_book(parts.engine, store_id=1, book=book, now=parts.clock.now())
        made = Shop(parts=parts, store=store, environment={**environment, "TILLROLL_ENGINE": engine})
        with clock(made) if engine == "distributed" else nullcontext():
            yield made


@contextmanager
def clock(made: Shop) -> Iterator[None]:
    """A clock process of the distributed engine, which outlives the workers."""
    log = made.parts.settings.home / "clock.log"
    process = forks().start("clock", cwd=ROOT, environment=made.environment, output=log, troubles=log)
    try:
        yield
    finally:
        process.terminate()
        ended = process.wait(timeout=30)
    assert ended == 0, log.read_text()


def tell_twice(parts: Services) -> None:
    """Webhooks about things the run touches, each of them twice."""
    now = parts.clock.now().astimezone(UTC)
    for kind, entity in (("customer.updated", "5"), ("discount_coupon.updated", "1"), ("order.updated", "1")):
        event = Event(
            event_id=str(uuid.uuid4()), ecwid_id=1003, kind=kind, entity=entity, data={}, happened_at=now
        )
        assert [take_in(parts.engine, event, now=now) for _ in range(2)] == [True, False]


def unbroken(shop: Shop, after: str) -> None:
    """What holds even between two workers: no code that the ledger doesn't know, none twice, no e-mail twice, none early."""
    with shop.parts.engine.connect() as connection:
        rows = {row.code: row for row in connection.execute(sa.select(codes))}
        agreed = {
            row.run_id
            for row in connection.execute(sa.select(plans).join(approvals, approvals.c.plan_id == plans.c.id))
        }
        keys = {row.message_key: row for row in connection.execute(sa.select(messages))}
        assert first_broken_row(connection) is None, after
    standing = [row.recipient_id for row in rows.values() if row.state != CodeState.CLASHED]
    assert len(standing) == len(set(standing)), after
    assert {row.run_id for row in rows.values()} <= agreed, f"{after}: codes without an approval"
    ours = in_store(shop.store)
    assert len(ours) == len(set(ours)), after
    assert set(ours) <= rows.keys(), f"{after}: the store knows a code that the ledger doesn't"
    lines = outbox(shop.parts)
    assert len(lines) == len({line["key"] for line in lines}), f"{after}: an e-mail twice"
    for line in lines:
        assert rows[line["code"]].state == CodeState.LIVE, f"{after}: a code was sent that isn't live"
        assert line["key"] in keys, after


def in_store(store: Sandbox) -> list[str]:
    return [
        row["code"]
        for row in store.store.state.rows("select code from coupons where body like '%(tillroll run %'")
    ]


def complete(shop: Shop, *, runs_: int, patience: float = PATIENCE) -> int:
    """Let a worker finish; then design section 4, code by code and e-mail by e-mail. How many codes there are."""
    lay_faults(shop.store, **{kind: False for kind in ON_TOP if kind != "seed"})
    assert finish(shop.parts, shop.environment, patience=patience) == 0
    unbroken(shop, "the end")
    with shop.parts.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(runs)) == runs_
        wanted = int(connection.scalar(_planned()) or 0)
        rows = connection.execute(sa.select(codes).where(codes.c.state != CodeState.CLASHED)).all()
        sent = connection.execute(sa.select(messages)).all()
        store = load_store(connection, 1)
    assert {row.state for row in rows} == {CodeState.LIVE}
    assert len(rows) == wanted
    assert sorted(in_store(shop.store)) == sorted(row.code for row in rows)
    ids = dict(shop.store.store.state.rows("select code, id from coupons where body like '%(tillroll run %'"))
    assert {row.code: row.coupon_id for row in rows} == ids
    with shop.parts.client(store) as client:
        mint = Mint(engine=shop.parts.engine, client=client, clock=shop.parts.clock, store_id=1)
        assert reconcile(mint).agrees
    lines = outbox(shop.parts)
    code_of = {row.id: row.code for row in rows}
    assert {row.state for row in sent} == {MessageState.SENT}
    assert len(sent) == len(lines) == wanted
    assert {(line["key"], line["code"]) for line in lines} == {
        (row.message_key, code_of[row.code_id]) for row in sent
    }
    return wanted


def _planned() -> sa.Select[Any]:
    """Recipients of the plans that stand."""
    return (
        sa.select(sa.func.count()).select_from(recipients).join(runs, runs.c.plan_id == recipients.c.plan_id)
    )


def test_a_worker_dies_at_every_named_point_and_nothing_is_lost_or_done_twice(
    sqlite_url: str, tmp_path: Path
) -> None:
    """One run that dies at each in turn, and one of a few codes; PostgreSQL and troubles on top are in the slow tests."""
    with shop(tmp_path, sqlite_url, batch_pause=0.02) as made:
        die_everywhere(made)


def die_everywhere(made: Shop) -> None:
    made.begin("many")
    for point in PATH:
        made.die(point)
        if point.name == "posted, answer lost":
            made.age()
            for later in OLD_KEY:
                made.die(later)
    for point in SENDING:
        made.die(point)
    assert complete(made, runs_=1) > 500, "more than one chunk"
    made.begin("few")
    for point in ONE_BY_ONE:
        made.forget_comparing()
        made.die(point)
    complete(made, runs_=2)


@pytest.mark.slow
def test_on_postgresql_too(postgresql_url: str, tmp_path: Path) -> None:
    with shop(tmp_path, postgresql_url, batch_pause=0.02) as made:
        die_everywhere(made)


@pytest.mark.slow
@pytest.mark.parametrize("place", [EMBEDDED, DISTRIBUTED], indirect=True)
@pytest.mark.parametrize("point", POINTS, ids=[point.name for point in POINTS])
def test_it_dies_there_amid_lost_answers_and_whatever_else(
    place: tuple[str, str], tmp_path: Path, point: Point
) -> None:
    """Each point by itself, on each kind of database and with each engine, in a store that makes troubles."""
    url, engine = place
    with shop(tmp_path, url, engine=engine, batch_pause=0.02) as made:
        lay_faults(made.store, **ON_TOP)
        made.begin("few" if point in ONE_BY_ONE else "many")
        for earlier in _before(point):
            made.die(earlier)
        if point in OLD_KEY:
            made.age()
        made.die(point)
        assert complete(made, runs_=1)


def _before(point: Point) -> tuple[Point, ...]:
    """Where a worker must have died for another to come by the point."""
    if point in OLD_KEY:
        return tuple(one for one in PATH if one.name == "intended")
    return ONE_BY_ONE[:1] if "lookup" in point.function else ()


@pytest.mark.slow
def test_fifty_deaths_at_random_moments_amid_troubles(database_url: str, tmp_path: Path) -> None:
    """The distributed engine notices a death after some seconds: there one of several dies (test_several_killed.py)."""
    draw = random.Random(20261124)
    with shop(tmp_path, database_url, customers=3_000, batch_pause=0.1) as made:
        lay_faults(made.store, **ON_TOP)
        begun, died_while = 0, set()
        for _death in range(50):
            if not states(made.parts) - {RunState.TRACKING}:
                made.begin(("many", "few")[begun % 2])
                begun += 1
            died_while |= die_at_random(made, draw, longest=1.5)
        assert died_while >= {RunState.MINTING, RunState.SENDING}, died_while
        assert complete(made, runs_=begun) > 1_000


@pytest.mark.once
def test_a_hundred_thousand_codes(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw, began = random.Random(20261124), time.monotonic()
    with shop(tmp_path, database_url, customers=170_000) as made:
        made.begin("many")
        die_once_it_mints(
            made
        )  # reading the store's customers takes longer than a worker is left to live below
        died_while: set[str] = set()
        deaths = 0
        while states(made.parts) != {RunState.TRACKING} and deaths < 25:
            died_while |= die_at_random(made, draw, longest=15.0)
            deaths += 1
        wanted = complete(made, runs_=1, patience=1_800)
    with capsys.disabled():
        took = time.monotonic() - began
        sys.stdout.write(f"\n{wanted} codes, {deaths} deaths while {sorted(died_while)}, {took:.0f} s\n")
    assert wanted > 100_000
    assert died_while >= {RunState.MINTING, RunState.SENDING}


def die_once_it_mints(made: Shop) -> None:
    """Have a worker read the shop and plan, and kill it as it begins to mint."""
    worker = start_worker(made.environment)
    deadline = time.monotonic() + 600
    while states(made.parts) != {RunState.MINTING}:
        assert worker.poll() is None, worker_log(made.environment).read_text()
        assert time.monotonic() < deadline, f"it never begins: {states(made.parts)}"
        time.sleep(0.1)
    worker.send_signal(signal.SIGKILL)
    worker.wait()


def die_at_random(made: Shop, draw: random.Random, *, longest: float) -> set[str]:
    """Have a worker go on for a random while and kill it; what the runs were at."""
    tell_twice(made.parts)
    worker = start_worker(made.environment)
    end = time.monotonic() + draw.uniform(0.0, longest)
    while time.monotonic() < end:
        assert worker.poll() is None, worker_log(made.environment).read_text()
        time.sleep(0.01)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    unbroken(made, "a random moment")
    return states(made.parts)
