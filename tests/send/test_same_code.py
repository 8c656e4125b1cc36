"""A later step of a flow shows the code of an earlier step while it is valid."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.flows.events import add_cart, all_runs, shop_with
from tests.send.room import agreed, context_of, lines_of, minted, previews
from tests.shop import NOW, run_row
from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.flows.enroll import enroll
from tillroll.flows.steps import take_steps
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes, messages
from tillroll.plan.make import make_plan
from tillroll.send.slices.deliver import send_slice
from tillroll.track.results.redeem import end_runs

FLOW = """title: Your cart
owner: ana@shop.example
status: active
when: {on: {cart_abandoned: {total_at_least: 20}}}
steps:
  - wait: 2h
    offer: {kind: amount, value: {formula: "cart_total / 10", at_most: 20}, valid: {for: 7d}}
    message: {template: winback, subject: First}
  - wait: 1d
    same_code: true
    message: {template: winback, subject: "Still {{ offer.text }}"}
"""


def step(engine: Engine, clock: FakeClock, store_id: int, at: timedelta) -> int:
    """Plan, approve and begin the run of the step that is due at a time."""
    clock.at = NOW + at
    enroll(engine, store_id=store_id, now=clock.at)
    take_steps(engine, store_id=store_id, now=clock.at)
    run_id: int = all_runs(engine)[-1].id
    assert make_plan(engine, run_id=run_id, now=clock.at, per_minute=600) is RunState.WAITING
    assert agreed(engine, run_id, clock.at) is RunState.MINTING
    return run_id


@pytest.fixture
def flow(ledger: Engine) -> int:
    store_id = shop_with(ledger, {"customer_id": 1, "first_name": "Ana"}, cart=FLOW)
    add_cart(ledger, store_id, "c1")
    return store_id


def send(engine: Engine, folder: Path, clock: FakeClock, run_id: int) -> None:
    for _ in range(2):
        send_slice(context_of(engine, folder, clock), run_id=run_id, until=clock.at + timedelta(seconds=1))


def test_a_later_step_shows_the_same_code_with_its_value_and_expiry(
    ledger: Engine, flow: int, tmp_path: Path
) -> None:
    clock = FakeClock()
    first = step(ledger, clock, flow, timedelta(hours=2))
    minted(ledger, first, clock)
    send(ledger, tmp_path, clock, first)
    second = step(ledger, clock, flow, timedelta(hours=26))
    with ledger.connect() as connection:
        [(_, shown)] = previews(connection, second, now=clock.at)
    assert shown.subject == "Still €8 off, single use"
    minted(ledger, second, clock)
    assert run_row(ledger, second).state == RunState.SENDING
    send(ledger, tmp_path, clock, second)
    one, two = lines_of(tmp_path)
    assert one["code"] == two["code"] != ""
    assert two["subject"] == "Still €8 off, single use"
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(codes)) == 1
    ends = [run_row(ledger, one).valid_until for one in (first, second)]
    assert ends[0] == ends[1] > clock.at
    assert (
        end_runs(ledger, store_id=flow, now=clock.at) == 0
    )  # the second is looked after as long as the code


def test_a_later_step_is_held_when_the_code_is_not_live(ledger: Engine, flow: int, tmp_path: Path) -> None:
    clock = FakeClock()
    first = step(ledger, clock, flow, timedelta(hours=2))
    minted(ledger, first, clock)
    send(ledger, tmp_path, clock, first)
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).values(state=CodeState.REVOKED))
    second = step(ledger, clock, flow, timedelta(hours=26))
    minted(ledger, second, clock)
    send(ledger, tmp_path, clock, second)
    assert len(lines_of(tmp_path)) == 1
    assert held(ledger, second) == [(MessageState.HELD, "its code is revoked")]


def test_a_later_step_is_held_when_no_earlier_step_gave_a_code(
    ledger: Engine, flow: int, tmp_path: Path
) -> None:
    clock = FakeClock()
    clock.at = NOW + timedelta(hours=2)
    enroll(ledger, store_id=flow, now=clock.at)
    take_steps(ledger, store_id=flow, now=clock.at)  # nobody ever decides on the first step
    second = step(ledger, clock, flow, timedelta(hours=26))
    minted(ledger, second, clock)
    send(ledger, tmp_path, clock, second)
    assert held(ledger, second) == [(MessageState.HELD, "no earlier step gave them a code")]
    assert lines_of(tmp_path) == []


def held(engine: Engine, run_id: int) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        query = sa.select(messages.c.state, messages.c.reason).where(messages.c.run_id == run_id)
        return [tuple(row) for row in connection.execute(query)]
