"""Codes that nobody saw are given to other recipients instead of new codes: on the same terms only, and never twice."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.journeys.coupons import audited, carried_out, in_ledger, in_store, looked
from tests.journeys.path import (
    agree,
    answer_batches,
    compare,
    finish,
    go_on,
    outbox,
    post_codes,
    start,
    state,
)
from tests.journeys.steps import book_of, write_down
from tests.shop import ANA, EVE, campaign_text, run_row
from tillroll.approve.halt import halt, restart
from tillroll.approve.recycle import recycle
from tillroll.campaign.states import CodeCause, RunState
from tillroll.ecwid.client import Client
from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes, messages, runs
from tillroll.loop.advance import StoreWorker
from tillroll.mint.export import reveal_codes
from tillroll.plan.due.slots import start_by_hand
from tillroll.sandbox.serve import Sandbox
from tillroll.wiring import Services

ALWAYS = campaign_text("winback")


@pytest.fixture
def halted(worker: StoreWorker, services: Services, sandbox: Sandbox) -> int:
    """Halt a run whose codes are made and whose e-mails wait, and pause its codes. Returns how many codes."""
    post_codes(worker, sandbox, start(worker, book=book_of(winback=ALWAYS)))
    now = services.clock.now()
    halt(services.engine, run_id=1, person=ANA, note="", now=now)
    answer_batches(sandbox)
    carried_out(worker, 1)
    return len(in_ledger(services))


def taken_back(services: Services) -> int:
    return recycle(services.engine, run_id=1, person=ANA, note="", now=services.clock.now())


def another(worker: StoreWorker, services: Services, text: str = ALWAYS) -> int:
    write_down(worker, book_of(winback=text))
    now = services.clock.now()
    run_id = start_by_hand(services.engine, store_id=1, name="winback", person="ana", now=now)
    go_on(worker, until=lambda: state(services, run_id) is RunState.WAITING)
    agree(services, run_id)
    return run_id


def test_the_next_run_on_the_same_terms_takes_unused_codes(
    worker: StoreWorker, services: Services, client: Client, halted: int
) -> None:
    before = {code: one.coupon_id for code, one in in_store(client).items()}
    assert len(before) == halted > 5
    assert taken_back(services) == halted
    with pytest.raises(Refused, match="no code that reached nobody"):
        taken_back(services)
    run_id = another(worker, services)
    progress = finish(worker, run_id)
    assert progress.codes_live == progress.messages_sent == progress.planned == halted
    after = in_store(client)
    assert {code: one.coupon_id for code, one in after.items()} == before
    run = run_row(services.engine, run_id)
    assert {one.status for one in after.values()} == {"ACTIVE"}
    assert {one.name.endswith(f"(tillroll run {run_id})") for one in after.values()} == {True}
    assert {(one.launches_at, one.expires_at) for one in after.values()} == {
        (run.valid_from, run.valid_until)
    }
    assert {line["code"] for line in outbox(services)} == set(before)
    assert looked(worker).drifts == 0
    assert compare(worker).agrees
    assert {"codes.recycled", "codes.taken_over", "codes.launched"} <= set(audited(services))


def test_a_run_that_is_restarted_gets_its_codes_back(
    worker: StoreWorker, services: Services, client: Client, halted: int
) -> None:
    assert taken_back(services) == halted
    assert {row.cause for row in in_ledger(services).values()} == {CodeCause.LEFT_OVER}
    restart(services.engine, run_id=1, person=ANA, note="", now=services.clock.now())
    progress = finish(worker)
    assert progress.codes_live == progress.messages_sent == progress.planned == halted
    assert len(in_store(client)) == halted
    assert len({line["code"] for line in outbox(services)}) == halted


def test_codes_on_other_terms_or_already_seen_are_not_recycled(
    worker: StoreWorker, services: Services, client: Client, halted: int
) -> None:
    with pytest.raises(NotAllowed):
        recycle(services.engine, run_id=1, person=EVE, note="", now=services.clock.now())
    assert taken_back(services) == halted
    run_id = another(worker, services, ALWAYS.replace("value: 15", "value: 12"))
    progress = finish(worker, run_id)
    assert progress.codes_live == halted
    assert len(in_store(client)) == 2 * halted
    halt(services.engine, run_id=run_id, person=ANA, note="", now=services.clock.now())
    carried_out(worker, 2)
    with pytest.raises(Refused, match="no code that reached nobody"):
        recycle(services.engine, run_id=run_id, person=ANA, note="", now=services.clock.now())
    with writing(services.engine) as connection:
        mine = messages.c.run_id == run_id
        connection.execute(sa.delete(messages).where(mine))
        connection.execute(
            sa.update(codes).where(codes.c.run_id == run_id).values(cause=CodeCause.NONE, reason="")
        )
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(reserved_to=0))
    assert list(reveal_codes(services.engine, run_id=run_id, person=ANA.email, now=services.clock.now()))
    with pytest.raises(Refused, match="no code that reached nobody"):
        recycle(services.engine, run_id=run_id, person=ANA, note="", now=services.clock.now())
