"""A shared code is made once, used again on the same terms, and never taken from another campaign."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.journeys.steps import book_of
from tests.send.room import agreed, draw, minted, planned
from tests.shop import ANA, NOW, run_row
from tillroll.approve.halt import halt
from tillroll.campaign.states import CodeState, RunState
from tillroll.errors import Refused
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan

SHARED = """title: Summer
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90}
offer: {kind: percent, value: 10, uses: once_per_customer, valid: {for: 14d}}
codes: {shared: SUMMER26}
message: {template: winback, subject: Summer}
"""


@pytest.fixture
def first(ledger: Engine) -> int:
    """A run that has begun to mint; another campaign would use the same code."""
    _, run_id = planned(ledger, book=book_of(hello=SHARED, other=SHARED))
    assert agreed(ledger, run_id) is RunState.MINTING
    return run_id


def second(engine: Engine, name: str = "hello", now_: timedelta = timedelta(minutes=5)) -> int:
    now = NOW + now_
    run_id = start_by_hand(engine, store_id=1, name=name, person="ana", now=now)
    make_plan(engine, run_id=run_id, now=now, per_minute=600)
    assert agreed(engine, run_id, now) is RunState.MINTING
    return run_id


def rows(engine: Engine) -> list[tuple[str, int, str]]:
    with engine.connect() as connection:
        query = sa.select(codes.c.code, codes.c.run_id, codes.c.state)
        return [tuple(row) for row in connection.execute(query)]


def set_code(engine: Engine, **values: object) -> None:
    with writing(engine) as connection:
        connection.execute(sa.update(codes).values(values))


def test_it_is_reserved_once_even_if_repeated(ledger: Engine, first: int) -> None:
    for _ in range(3):
        draw(ledger, first, NOW)
    assert rows(ledger) == [("SUMMER26", first, CodeState.RESERVED)]


def test_a_later_run_waits_for_the_run_that_makes_it_and_then_uses_it(ledger: Engine, first: int) -> None:
    draw(ledger, first, NOW)
    set_code(ledger, state=CodeState.POSTING)
    later, clock = second(ledger), FakeClock(NOW + timedelta(minutes=5))
    minted(ledger, later, clock)
    assert run_row(ledger, later).state == RunState.MINTING
    set_code(ledger, state=CodeState.LIVE, coupon_id=7)
    minted(ledger, later, clock)
    assert run_row(ledger, later).state == RunState.SENDING
    assert rows(ledger) == [("SUMMER26", first, CodeState.LIVE)]


def test_a_code_that_a_halted_run_reserved_is_taken_over(ledger: Engine, first: int) -> None:
    draw(ledger, first, NOW)
    halt(ledger, run_id=first, person=ANA, note="", now=NOW)
    later = second(ledger)
    draw(ledger, later, NOW + timedelta(minutes=5))
    assert rows(ledger) == [("SUMMER26", later, CodeState.RESERVED)]


@pytest.mark.parametrize("state", [CodeState.REVOKED, CodeState.FAILED])
def test_a_code_that_is_gone_from_the_store_is_made_again(
    ledger: Engine, first: int, state: CodeState
) -> None:
    draw(ledger, first, NOW)
    set_code(ledger, state=state, coupon_id=7)
    later = second(ledger)
    draw(ledger, later, NOW + timedelta(minutes=5))
    assert rows(ledger) == [("SUMMER26", later, CodeState.RESERVED)]


def test_another_campaigns_code_is_refused_with_the_reason(ledger: Engine, first: int) -> None:
    draw(ledger, first, NOW)
    set_code(ledger, state=CodeState.LIVE, coupon_id=7)
    other = second(ledger, "other")
    with pytest.raises(Refused, match=r"made for run 1 \(hello\), and campaigns can't share a code"):
        draw(ledger, other, NOW)
    assert rows(ledger) == [("SUMMER26", first, CodeState.LIVE)]


def test_an_expired_code_is_refused_with_the_reason(ledger: Engine, first: int) -> None:
    draw(ledger, first, NOW)
    set_code(ledger, state=CodeState.LIVE, coupon_id=7)
    late = timedelta(days=20)
    later = second(ledger, now_=late)
    with pytest.raises(Refused, match="and has expired"):
        draw(ledger, later, NOW + late)


def test_a_clashed_code_is_asked_for_again_after_a_while(ledger: Engine, first: int) -> None:
    draw(ledger, first, NOW)
    set_code(ledger, state=CodeState.CLASHED, changed_at=NOW)
    with pytest.raises(Refused, match="isn't ours"):
        draw(ledger, first, NOW + timedelta(minutes=9))
    draw(ledger, first, NOW + timedelta(minutes=10))
    assert rows(ledger) == [("SUMMER26", first, CodeState.RESERVED)]
