"""The whole path on real parts: files, a store over HTTP, both databases, and an outbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.contract.test_client import coupon
from tests.shop import ANA, ROOT, campaign_text, run_row, sample_book
from tests.store import buy, counted, lay_faults, turn
from tillroll.approve.act import approve
from tillroll.approve.halt import halt
from tillroll.campaign import Book, fingerprint, read_book
from tillroll.campaign.states import ChunkState, CodeState, MessageState, RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import writing
from tillroll.ledger.plans import load_plan
from tillroll.ledger.tables import chunks, codes, customers, looks, stores
from tillroll.loop.advance import Lane, advance
from tillroll.mint.begin import begin
from tillroll.mint.parts import Mint
from tillroll.mint.reconcile import Comparison, reconcile
from tillroll.mint.reserve import reserve
from tillroll.plan.record import record_book
from tillroll.plan.slots import start_by_hand
from tillroll.sandbox.serve import Sandbox
from tillroll.track.overview import Progress, run_progress
from tillroll.wiring import Services

SLICE = timedelta(seconds=5)


def go_on(lane: Lane, *, until: Callable[[], bool], most: int = 400) -> None:
    """Advance the lane until something is so."""
    for _ in range(most):
        if until():
            return
        next_at = advance(lane, until=lane.services.clock.now() + SLICE)
        if next_at is not None:
            lane.services.clock.sleep(
                min(0.3, max(0.0, (next_at - lane.services.clock.now()).total_seconds()))
            )
    raise AssertionError(f"it never came to it: {run_row(lane.services.engine, 1)}")


def state(services: Services, run_id: int = 1) -> RunState:
    return RunState(run_row(services.engine, run_id).state)


def start(lane: Lane, name: str = "winback", book: Book | None = None) -> int:
    services = lane.services
    now = services.clock.now()
    record_book(services.engine, store_id=1, book=book or read_book(ROOT), now=now)
    lane.files_seen = fingerprint(ROOT)  # the lane has read its files, and they don't change
    run_id = start_by_hand(services.engine, store_id=1, name=name, person="ana", now=now)
    go_on(lane, until=lambda: state(services, run_id) is RunState.WAITING)
    return run_id


def agree(services: Services, run_id: int) -> None:
    with services.engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    approve(services.engine, run_id=run_id, digest=plan.digest, person=ANA, note="", now=services.clock.now())


def finish(lane: Lane, run_id: int = 1) -> Progress:
    go_on(lane, until=lambda: state(lane.services, run_id) is RunState.TRACKING)
    with lane.services.engine.connect() as connection:
        return run_progress(connection, run_id)


def outbox(services: Services) -> list[dict[str, Any]]:
    """The runs' e-mails; notices to those who look after the store are of none."""
    path = services.settings.outbox / "messages.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [line for line in map(json.loads, lines) if line["run"]]


def compare(lane: Lane) -> Comparison:
    services = lane.services
    return reconcile(Mint(engine=services.engine, client=lane.client, clock=services.clock, store_id=1))


def holds(lane: Lane, progress: Progress) -> None:
    """What must always hold in the end: one live code and one e-mail a recipient, and store and ledger agree."""
    services = lane.services
    assert progress.codes_live == progress.messages_sent == progress.planned > 5
    assert compare(lane).agrees
    lines = outbox(services)
    assert len({line["key"] for line in lines}) == len(lines) == progress.planned
    with services.engine.connect() as connection:
        live = set(connection.scalars(sa.select(codes.c.code).where(codes.c.state == CodeState.LIVE)))
        assert {line["code"] for line in lines} == live
        assert first_broken_row(connection) is None


def test_a_campaign_goes_from_its_file_to_every_inbox(lane: Lane, services: Services) -> None:
    run_id = start(lane)
    agree(services, run_id)
    progress = finish(lane)
    holds(lane, progress)
    line = outbox(services)[0]
    eml = (services.settings.outbox / line["file"]).read_text(encoding="utf-8", errors="replace")
    assert line["to"] in eml


def test_nothing_happens_in_the_store_before_the_approval(
    lane: Lane, services: Services, client: Client
) -> None:
    before = [coupon.code for coupon in client.coupons.every()]
    start(lane)
    for _ in range(5):
        advance(lane, until=services.clock.now() + SLICE)
    assert [coupon.code for coupon in client.coupons.every()] == before
    assert outbox(services) == []


def test_a_redeemed_code_comes_back_as_a_redemption(lane: Lane, services: Services, sandbox: Sandbox) -> None:
    agree(services, start(lane))
    finish(lane)
    line = outbox(services)[0]
    buy(sandbox, email=line["to"], coupon=line["code"])
    with writing(services.engine) as connection:
        connection.execute(sa.update(looks).values(looked_at=services.clock.now() - timedelta(hours=1)))
    lane.following.polled_at = None
    advance(lane, until=services.clock.now() + SLICE)
    with services.engine.connect() as connection:
        progress = run_progress(connection, 1)
    assert progress.redemptions == 1
    assert progress.discount == pytest.approx(progress.discount)
    assert progress.revenue > 0


@pytest.mark.parametrize("lost", [1, 3])
def test_lost_answers_make_no_second_code(
    lane: Lane, services: Services, sandbox: Sandbox, lost: int
) -> None:
    run_id = start(lane)
    turn(sandbox, drop_answers=lost)
    agree(services, run_id)
    holds(lane, finish(lane))


def test_an_answer_lost_for_longer_than_the_store_remembers_is_looked_up(
    lane: Lane, services: Services, sandbox: Sandbox
) -> None:
    run_id = start(lane)
    lay_faults(sandbox, lost_answers={"times": 1, "path": "/batch"})
    agree(services, run_id)
    go_on(lane, until=lambda: _chunk_states(services) == [ChunkState.POSTING])
    turn(sandbox, dedup_seconds=0)
    with writing(services.engine) as connection:
        connection.execute(sa.update(chunks).values(created_at=services.clock.now() - timedelta(hours=2)))
        connection.execute(sa.update(stores).values(not_before=None))
    holds(lane, finish(lane))


def test_raising_the_fence_may_be_lost_on_its_way_back_and_then_on_its_way(
    lane: Lane, services: Services, sandbox: Sandbox
) -> None:
    """The store has the mark of a raise that we didn't hear of, and not the next one's: it is ours all the same."""
    run_id = start(lane)
    agree(services, run_id)
    lay_faults(sandbox, lost_answers={"times": 1, "path": "/storage"})
    go_on(lane, until=lambda: counted(sandbox)["faults"].get("lost_answers") == 1)
    lay_faults(sandbox, resets={"times": 2, "path": "/storage", "on": "writes"})
    holds(lane, finish(lane))
    assert counted(sandbox)["faults"]["resets"] == 2


def _chunk_states(services: Services) -> list[str]:
    with services.engine.connect() as connection:
        return list(connection.scalars(sa.select(chunks.c.state)))


def test_a_code_that_somebody_made_by_hand_is_replaced(
    lane: Lane, services: Services, client: Client
) -> None:
    run_id = start(lane)
    agree(services, run_id)
    begin(services.engine, run_id=run_id, now=services.clock.now())
    reserve(services.engine, run=run_row(services.engine, run_id), now=services.clock.now())
    with services.engine.connect() as connection:
        taken = connection.scalars(sa.select(codes.c.code).order_by(codes.c.id).limit(2)).all()
    for code in taken:
        client.coupons.create(coupon(code, name="Made in the admin"))
    progress = finish(lane)
    assert progress.codes[CodeState.CLASHED] == 2
    holds(lane, progress)


def test_a_revoked_token_stops_the_lane_and_a_new_one_carries_on(
    lane: Lane, services: Services, sandbox: Sandbox
) -> None:
    agree(services, start(lane))
    turn(sandbox, token_revoked=True)
    assert advance(lane, until=services.clock.now() + SLICE) is None
    with services.engine.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
    assert store.state == "disconnected"
    assert "ECWID_TOKEN" in store.reason
    calls = lane.client.calls
    advance(lane, until=services.clock.now() + SLICE)
    assert lane.client.calls == calls
    turn(sandbox, token_revoked=False)
    with writing(services.engine) as connection:
        connection.execute(sa.update(stores).values(state="connected", reason=""))
    holds(lane, finish(lane))


def test_a_free_plan_stops_the_lane_in_its_own_words(
    lane: Lane, services: Services, sandbox: Sandbox
) -> None:
    agree(services, start(lane))
    turn(sandbox, plan="free")
    go_on(lane, until=lambda: _store_state(services) == "no_api")


def _store_state(services: Services) -> str:
    with services.engine.connect() as connection:
        return str(connection.scalar(sa.select(stores.c.state)))


def test_consent_withdrawn_before_the_e_mail_holds_it(lane: Lane, services: Services) -> None:
    run_id = start(lane)
    agree(services, run_id)
    go_on(
        lane, until=lambda: state(services) in {RunState.SENDING, RunState.TRACKING} or bool(_mints(services))
    )
    with writing(services.engine) as connection:
        connection.execute(sa.update(customers).values(accepts_marketing=False))
    progress = finish(lane)
    assert progress.messages.get(MessageState.HELD) == progress.planned
    assert outbox(services) == []


def _mints(services: Services) -> int:
    with services.engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(codes)) or 0)


def test_a_halted_run_sends_nothing_more(lane: Lane, services: Services) -> None:
    run_id = start(lane)
    agree(services, run_id)
    go_on(lane, until=lambda: bool(_mints(services)))
    halt(services.engine, run_id=run_id, person=ANA, note="stop", now=services.clock.now())
    go_on(lane, until=lambda: _posting(services) == 0)
    assert outbox(services) == []
    assert state(services) is RunState.HALTED
    assert compare(lane).agrees


def _posting(services: Services) -> int:
    with services.engine.connect() as connection:
        return int(
            connection.scalar(sa.select(sa.func.count()).where(codes.c.state == CodeState.POSTING)) or 0
        )


def test_a_handful_of_codes_goes_one_by_one(lane: Lane, services: Services, sandbox: Sandbox) -> None:
    few = sample_book(winback=campaign_text("winback").replace("limit: 50000", "limit: 4"))
    run_id = start(lane, book=few)
    turn(sandbox, drop_answers=1)  # one of the four answers is lost
    agree(services, run_id)
    progress = finish(lane)
    assert progress.codes_live == progress.messages_sent == 4
    assert compare(lane).agrees
    assert sandbox.store.counters["batch_inner"] == 0
