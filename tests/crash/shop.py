"""A store and an installation whose worker dies at crash points."""

from __future__ import annotations

import shutil
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.crash.points import Point
from tests.crash.worker import PATIENCE, finish, installation, outbox, start_worker, states, worker_log
from tests.forks import forks
from tests.shop import ROOT
from tests.store import lay_faults, running
from tillroll.campaign import read_book
from tillroll.campaign.states import ChunkState, CodeState, MessageState
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import approvals, chunks, codes, messages, plans, recipients, runs, stores
from tillroll.mint.context import MintContext
from tillroll.mint.reconcile.by_code import reconcile
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.record.revisions import record_book
from tillroll.sandbox.serve import Sandbox
from tillroll.track.webhooks.intake import WebhookDelivery, store_event
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


@dataclass(kw_only=True)
class Shop:
    """A store, an installation that works for it, and workers that die."""

    parts: Services
    store: Sandbox
    environment: dict[str, str]

    def begin(self, name: str) -> None:
        """Start a run that its campaign's policy approves."""
        now = self.parts.clock.now()
        start_by_hand(self.parts.engine, store_id=1, name=name, person="ana", now=now)

    def die(self, point: Point) -> None:
        """Let a worker continue until it dies at the point, with every webhook delivered twice; check that nothing is broken."""
        tell_twice(self.parts)
        self.age_claims()
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
        """Let the next worker compare the ledger with the store first."""
        with writing(self.parts.engine) as connection:
            connection.execute(sa.update(stores).values(reconciled_at=None))

    def age_claims(self) -> None:
        """Date the claims of dead workers back, so that the next one need not wait until they count as left over."""
        with writing(self.parts.engine) as connection:
            claimed = messages.c.state == MessageState.SENDING
            earlier = self.parts.clock.now() - timedelta(minutes=1)
            connection.execute(sa.update(messages).where(claimed).values(sending_at=earlier))

    def age(self) -> None:
        """Date open chunks back by two hours: the store may have forgotten their keys."""
        with writing(self.parts.engine) as connection:
            earlier = self.parts.clock.now() - timedelta(hours=2)
            where = chunks.c.state.in_((ChunkState.POSTING, ChunkState.POSTED))
            changed = connection.execute(sa.update(chunks).where(where).values(created_at=earlier))
            assert changed.rowcount


@contextmanager
def shop(
    tmp_path: Path, url: str, *, customers: int = CUSTOMERS, engine: str = "embedded", **switches: Any
) -> Iterator[Shop]:
    """Yield a shop with two campaigns: `many` for everybody who may be written to, and `few`."""
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
    """Run a clock process of the distributed engine, which outlives the workers."""
    log = made.parts.settings.home / "clock.log"
    process = forks().start("clock", cwd=ROOT, environment=made.environment, output=log, troubles=log)
    try:
        yield
    finally:
        process.terminate()
        ended = process.wait(timeout=60)
    assert ended == 0, log.read_text()


def tell_twice(parts: Services) -> None:
    """Deliver webhooks about things that the run touches, each twice."""
    now = parts.clock.now().astimezone(UTC)
    for kind, entity in (("customer.updated", "5"), ("discount_coupon.updated", "1"), ("order.updated", "1")):
        event = WebhookDelivery(
            event_id=str(uuid.uuid4()), ecwid_id=1003, kind=kind, entity=entity, data={}, happened_at=now
        )
        assert [store_event(parts.engine, event, now=now) for _ in range(2)] == [True, False]


def unbroken(shop: Shop, after: str) -> None:
    """Check what holds even between two workers: no unknown code, no code or e-mail twice, no e-mail before its code is live."""
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
    """Let a worker finish, and check the guarantees of the design (section 4) for every code and e-mail.

    Returns how many codes there are.
    """
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
        context = MintContext(engine=shop.parts.engine, client=client, clock=shop.parts.clock, store_id=1)
        assert reconcile(context).agrees
    lines = outbox(shop.parts)
    code_of = {row.id: row.code for row in rows}
    assert {row.state for row in sent} == {MessageState.SENT}
    assert (len(sent), len(lines)) == (wanted, wanted)
    assert {(line["key"], line["code"]) for line in lines} == {
        (row.message_key, code_of[row.code_id]) for row in sent
    }
    return wanted


def _planned() -> sa.Select[Any]:
    """Return the query for how many recipients the current plans have."""
    return (
        sa.select(sa.func.count()).select_from(recipients).join(runs, runs.c.plan_id == recipients.c.plan_id)
    )
