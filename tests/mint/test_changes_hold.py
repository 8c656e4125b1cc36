"""After any changes in any order, with any faults in between, the store agrees with the ledger in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.mint.coupons import coupon
from tests.shop import ANA, add_store
from tests.store import client_of, running, turn
from tillroll.approve.change import request_change
from tillroll.campaign.states import ChangeKind, CodeState, RunState
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.errors import OutcomeUnknown, Refused, TryLater
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.migrate import upgrade
from tillroll.ledger.queries.changes import Scope
from tillroll.ledger.tables import changes, codes, runs, stores
from tillroll.mint.changes.step import change_slice, open_changes
from tillroll.mint.context import MintContext
from tillroll.sandbox.serve import Sandbox

CODES = 3
SOON = timedelta(seconds=1)


@dataclass(kw_only=True)
class Room:
    """A ledger, a store, and a clock that the test moves."""

    engine: Engine
    client: Client
    sandbox: Sandbox
    clock: FakeClock
    made: int = 0
    wished: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    @property
    def context(self) -> MintContext:
        return MintContext(engine=self.engine, client=self.client, clock=self.clock, store_id=1)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    home: Path = tmp_path_factory.mktemp("changes")
    engine = open_engine(f"sqlite:///{home}/ledger.sqlite3")
    upgrade(engine)
    with (
        running(home / "store", customers=1, inner_retry_seconds=0.0) as sandbox,
        client_of(sandbox) as client,
    ):
        clock = FakeClock(SystemClock().now().replace(microsecond=0))
        add_store(engine, orders_at=clock.now() + timedelta(days=10_000))
        yield Room(engine=engine, client=client, sandbox=sandbox, clock=clock)
    engine.dispose()


def new_run(room: Room) -> Scope:
    """Add a run with some codes that are live in the store."""
    room.made += 1
    now, campaign = room.clock.now(), f"campaign-{room.made}"
    until = now.replace(microsecond=0) + timedelta(days=30)
    row = {"store_id": 1, "campaign": campaign, "slot_key": "one", "slot_at": now, "state": RunState.TRACKING}
    row |= {"valid_from": now, "valid_until": until, "created_at": now, "changed_at": now}
    with writing(room.engine) as connection:
        run_id = connection.execute(sa.insert(runs).values(row).returning(runs.c.id)).scalar_one()
    room.wished, room.deleted = {}, set()
    for number in range(CODES):
        code = f"HOLD{room.made}X{number}"
        coupon_id = room.client.coupons.create(coupon(code, now, until))
        made = {
            "store_id": 1,
            "run_id": run_id,
            "code": code,
            "state": CodeState.LIVE,
            "coupon_id": coupon_id,
        }
        with writing(room.engine) as connection:
            connection.execute(sa.insert(codes).values(**made, reserved_at=now, changed_at=now))
        room.wished[code] = ("ACTIVE", until)
    return Scope(store_id=1, campaign=campaign, run_id=run_id)


def work(room: Room, times: int) -> None:
    """Work on the changes in some slices, with time between them."""
    for _ in range(times):
        with suppress(TryLater, OutcomeUnknown):
            next_at = change_slice(room.context, until=room.clock.now() + SOON)
            room.clock.at = max(room.clock.at + timedelta(milliseconds=10), next_at or room.clock.at)


def do(room: Room, scope: Scope, what: str) -> None:
    """Let one event happen."""
    now = room.clock.now()
    if what in set(ChangeKind):
        kind = ChangeKind(what)
        until = now.replace(microsecond=0) + timedelta(days=60) if kind is ChangeKind.EXTEND else None
        with suppress(Refused):  # there is nothing to do
            request_change(
                room.engine, scope=scope, kind=kind, person=ANA, note="", now=now, valid_until=until
            )
            ask_for(room, kind, until)
    elif what == "work":
        work(room, 2)
    elif what == "lost answer":
        turn(room.sandbox, drop_answers=1)
    elif what == "failures":
        turn(room.sandbox, inner_failures=7)
    elif what == "hours pass":
        room.clock.at += timedelta(hours=2)
    elif what == "deleted in the admin":
        code = next((one for one in sorted(room.wished) if one not in room.deleted), None)
        if code is not None and (there := room.client.coupons.find(code)) is not None:
            room.deleted.add(code)
            with suppress(OutcomeUnknown):  # the next answer is to be lost: it is deleted all the same
                room.client.coupons.delete(there.coupon_id)


def ask_for(room: Room, kind: ChangeKind, until: datetime | None) -> None:
    for code, (status, ends) in room.wished.items():
        if status == "GONE":
            continue
        match kind:
            case ChangeKind.PAUSE:
                status = "PAUSED"
            case ChangeKind.RESUME:
                status = "ACTIVE"
            case ChangeKind.EXTEND:
                ends = max(ends, until or ends)
            case _:
                status = "GONE"
        room.wished[code] = (status, ends)


HAPPENS = st.sampled_from(
    ["pause", "resume", "extend", "revoke", "pause", "resume", "work", "work", "lost answer", "failures",
     "hours pass", "deleted in the admin"]
)  # fmt: skip


@settings(max_examples=20)
@given(happens=st.lists(HAPPENS, min_size=2, max_size=14))
def test_the_store_ends_up_as_the_last_change_asked(room: Room, happens: list[str]) -> None:
    scope = new_run(room)
    for what in happens:
        do(room, scope, what)
    turn(room.sandbox, drop_answers=0, inner_failures=0)
    for _ in range(2_000):
        if not open_changes(room.context):
            break
        work(room, 1)
    assert open_changes(room.context) == []
    with room.engine.connect() as connection:
        rows = connection.execute(sa.select(codes).where(codes.c.run_id == scope.run_id)).all()
        run = connection.execute(sa.select(runs).where(runs.c.id == scope.run_id)).one()
        asked = connection.execute(sa.select(changes.c.kind).where(changes.c.run_id == scope.run_id)).all()
        assert connection.scalar(sa.select(sa.func.count()).select_from(stores)) == 1
    for row in rows:
        if row.code in room.deleted:
            continue
        there = room.client.coupons.find(row.code)
        status, ends = room.wished[row.code]
        story = (happens, asked, row)
        assert (there.status if there is not None else "GONE") == status, story
        state = {"ACTIVE": CodeState.LIVE, "PAUSED": CodeState.PAUSED, "GONE": CodeState.REVOKED}[status]
        assert row.state == state, story
        if there is not None:
            assert there.expires_at == (row.valid_until or run.valid_until) == ends, story
