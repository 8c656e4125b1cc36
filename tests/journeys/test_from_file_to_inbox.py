"""The whole path on real parts: files, a store over HTTP, both databases, and an outbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.contract.samples import coupon
from tests.journeys.path import (
    SLICE,
    agree,
    answer_batches,
    compare,
    finish,
    go_on,
    holds,
    outbox,
    post_codes,
    posting,
    start,
    state,
)
from tests.journeys.steps import see_orders
from tests.shop import ANA, campaign_text, run_row, sample_book
from tests.store import buy, counted, lay_faults, turn
from tillroll.approve.halt import halt
from tillroll.campaign.states import ChunkState, CodeState, MessageState, RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import chunks, codes, customers, stores
from tillroll.loop.advance import StoreWorker, advance
from tillroll.mint.issue.begin import begin
from tillroll.mint.issue.reserve import reserve
from tillroll.sandbox.serve import Sandbox
from tillroll.track.results.progress import run_progress
from tillroll.wiring import Services


def test_a_campaign_goes_from_its_file_to_every_inbox(worker: StoreWorker, services: Services) -> None:
    run_id = start(worker)
    agree(services, run_id)
    progress = finish(worker)
    holds(worker, progress)
    line = outbox(services)[0]
    eml = (services.settings.outbox / line["file"]).read_text(encoding="utf-8", errors="replace")
    assert line["to"] in eml


def test_nothing_happens_in_the_store_before_the_approval(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    before = [coupon.code for coupon in client.coupons.every()]
    start(worker)
    for _ in range(5):
        advance(worker, until=services.clock.now() + SLICE)
    assert [coupon.code for coupon in client.coupons.every()] == before
    assert outbox(services) == []


def test_a_redeemed_code_comes_back_as_a_redemption(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    agree(services, start(worker))
    finish(worker)
    line = outbox(services)[0]
    sold = buy(sandbox, email=line["to"], coupon=line["code"])
    see_orders(worker, sold["orderId"])
    with services.engine.connect() as connection:
        progress = run_progress(connection, 1)
    assert progress.redemptions == 1
    assert progress.discount == pytest.approx(progress.discount)
    assert progress.revenue > 0


@pytest.mark.parametrize("lost", [1, 3])
def test_lost_answers_lead_to_no_second_code(
    worker: StoreWorker, services: Services, sandbox: Sandbox, lost: int
) -> None:
    run_id = start(worker)
    turn(sandbox, drop_answers=lost)
    agree(services, run_id)
    holds(worker, finish(worker))


def test_an_answer_lost_for_longer_than_the_store_remembers_is_looked_up(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    run_id = start(worker)
    lay_faults(sandbox, lost_answers={"times": 1, "path": "/batch"})
    agree(services, run_id)
    go_on(worker, until=lambda: _chunk_states(services) == [ChunkState.POSTING])
    turn(sandbox, dedup_seconds=0)
    with writing(services.engine) as connection:
        connection.execute(sa.update(chunks).values(created_at=services.clock.now() - timedelta(hours=2)))
        connection.execute(sa.update(stores).values(not_before=None))
    holds(worker, finish(worker))


def test_the_fence_holds_when_an_answer_and_then_a_raise_are_lost(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    """The store has the mark of a raise whose answer was lost, but not the next mark: the ledger is still the right one."""
    run_id = start(worker)
    agree(services, run_id)
    lay_faults(sandbox, lost_answers={"times": 1, "path": "/storage"})
    go_on(worker, until=lambda: counted(sandbox)["faults"].get("lost_answers") == 1)
    lay_faults(sandbox, resets={"times": 2, "path": "/storage", "on": "writes"})
    holds(worker, finish(worker))
    assert counted(sandbox)["faults"]["resets"] == 2


def _chunk_states(services: Services) -> list[str]:
    with services.engine.connect() as connection:
        return list(connection.scalars(sa.select(chunks.c.state)))


def test_a_code_taken_by_a_coupon_made_by_hand_is_replaced(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    run_id = start(worker)
    agree(services, run_id)
    begin(services.engine, run_id=run_id, now=services.clock.now())
    reserve(services.engine, run=run_row(services.engine, run_id), now=services.clock.now())
    with services.engine.connect() as connection:
        taken = connection.scalars(sa.select(codes.c.code).order_by(codes.c.id).limit(2)).all()
    for code in taken:
        client.coupons.create(coupon(code, name="Made in the admin"))
    progress = finish(worker)
    assert progress.codes[CodeState.CLASHED] == 2
    holds(worker, progress)


def test_a_revoked_token_stops_the_store_and_a_new_one_continues(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    agree(services, start(worker))
    turn(sandbox, token_revoked=True)
    assert advance(worker, until=services.clock.now() + SLICE) is None
    with services.engine.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
    assert store.state == "disconnected"
    assert "ECWID_TOKEN" in store.reason
    calls = worker.client.calls
    advance(worker, until=services.clock.now() + SLICE)
    assert worker.client.calls == calls
    turn(sandbox, token_revoked=False)
    with writing(services.engine) as connection:
        connection.execute(sa.update(stores).values(state="connected", reason=""))
    holds(worker, finish(worker))


def test_a_free_plan_stops_the_store_with_its_own_reason(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    agree(services, start(worker))
    turn(sandbox, plan="free")
    go_on(worker, until=lambda: _store_state(services) == "no_api")


def _store_state(services: Services) -> str:
    with services.engine.connect() as connection:
        return str(connection.scalar(sa.select(stores.c.state)))


@pytest.mark.parametrize("change", [{"accepts_marketing": False}, {"email": "somebody.else@example.com"}])
def test_an_e_mail_is_held_when_consent_was_withdrawn_or_the_address_changed(
    worker: StoreWorker, services: Services, sandbox: Sandbox, change: dict[str, Any]
) -> None:
    post_codes(worker, sandbox, start(worker))
    with writing(services.engine) as connection:
        connection.execute(sa.update(customers).values(change))
    answer_batches(sandbox)
    progress = finish(worker)
    assert progress.messages.get(MessageState.HELD) == progress.planned
    assert outbox(services) == []


def test_a_halted_run_sends_nothing_more(worker: StoreWorker, services: Services, sandbox: Sandbox) -> None:
    run_id = start(worker)
    post_codes(worker, sandbox, run_id)
    halt(services.engine, run_id=run_id, person=ANA, note="stop", now=services.clock.now())
    answer_batches(sandbox)
    go_on(worker, until=lambda: posting(services) == 0)
    assert outbox(services) == []
    assert state(services) is RunState.HALTED
    assert compare(worker).agrees


def test_a_few_codes_are_made_one_by_one(worker: StoreWorker, services: Services, sandbox: Sandbox) -> None:
    few = sample_book(winback=campaign_text("winback").replace("limit: 50000", "limit: 4"))
    run_id = start(worker, book=few)
    turn(sandbox, drop_answers=1)  # one of the four answers is lost
    agree(services, run_id)
    progress = finish(worker)
    assert progress.codes_live == progress.messages_sent == 4
    assert compare(worker).agrees
    assert sandbox.store.counters["batch_inner"] == 0
