from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.shop import add_store
from tillroll.ecwid.http.errors import StoreBusy
from tillroll.ecwid.http.pace import InMemory, Pace
from tillroll.ledger.locks.rate_levels import Levels

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@given(
    per_minute=st.integers(10, 2_000),
    idle=st.lists(st.floats(0, 40), max_size=30),
    window_starts=st.floats(0, 60),
)
def test_no_minute_has_more_calls_than_allowed_however_it_is_counted(
    per_minute: int, idle: list[float], window_starts: float
) -> None:
    clock = FakeClock(START)
    pace = Pace(clock, per_minute=per_minute)
    sent: list[float] = []
    for pause in [*idle, *([0.0] * (3 * per_minute))][: 3 * per_minute]:
        clock.sleep(pause)
        pace.wait()
        sent.append(clock.seconds)
    end = 0
    for start, at in enumerate(sent):  # every window of sixty seconds that begins with a call
        while end < len(sent) and sent[end] < at + 60:
            end += 1
        assert end - start <= per_minute


def test_calls_are_spread_and_not_sent_in_one_burst() -> None:
    clock = FakeClock(START)
    pace = Pace(clock, per_minute=600)
    for _ in range(570):
        pace.wait()
    assert 55 <= clock.seconds <= 61


@pytest.mark.parametrize("per_minute", [60, 600, 1_200])
def test_at_most_two_percent_of_the_allowance_are_unused(per_minute: int) -> None:
    clock = FakeClock(START)
    pace = Pace(clock, per_minute=per_minute)
    for _ in range(10 * per_minute):
        pace.wait()
    assert clock.seconds <= 10 * 60 / 0.98


def test_nothing_is_sent_while_the_store_asks_to_wait() -> None:
    clock = FakeClock(START)
    pace = Pace(clock, per_minute=600)
    pace.block_for(7)
    pace.wait()
    assert clock.seconds >= 7


def test_a_long_wait_is_raised_to_the_caller() -> None:
    clock = FakeClock(START)
    pace = Pace(clock, per_minute=600)
    until = pace.block_for(900)
    with pytest.raises(StoreBusy) as busy:
        pace.wait()
    assert busy.value.retry_at == until
    assert clock.seconds == 0


def test_people_at_a_screen_get_the_calls_that_the_loop_never_takes() -> None:
    clock, keeper = FakeClock(START), InMemory()
    loop = Pace(clock, per_minute=600, keeper=keeper)
    for _ in range(200):
        loop.wait()
    before = clock.seconds
    person = Pace(clock, per_minute=600, keeper=keeper)
    for _ in range(3):
        person.wait(person=True)
    assert clock.seconds == before
    for _ in range(8):
        person.wait(person=True)
    assert clock.seconds < before + 1


def test_the_store_may_report_fewer_calls_left_than_we_count() -> None:
    clock = FakeClock(START)
    pace = Pace(clock, per_minute=600)
    pace.note_remaining(0)
    pace.wait()
    assert clock.seconds > 0.4
    pace.note_remaining(1_000_000)  # a higher number is ignored
    assert pace.level().left < 20


def test_processes_that_share_a_token_share_its_allowance(ledger: Engine) -> None:
    store_id, clock = add_store(ledger), FakeClock(START)
    sent: list[float] = []
    paces = [Pace(clock, per_minute=600, keeper=Levels(ledger, store_id)) for _ in range(3)]
    for call in range(900):
        paces[call % 3].wait()
        sent.append(clock.seconds)
    for start, at in enumerate(sent):
        assert sum(1 for other in sent[start:] if other < at + 60) <= 600


def test_all_processes_wait_when_one_is_told_to(ledger: Engine) -> None:
    store_id, clock = add_store(ledger), FakeClock(START)
    one, other = (Pace(clock, per_minute=600, keeper=Levels(ledger, store_id)) for _ in range(2))
    one.wait()
    other.wait()
    until = one.block_for(90)
    clock.pass_by(1.5)  # its calls taken ahead have lapsed
    with pytest.raises(StoreBusy) as busy:
        other.wait()
    assert abs((busy.value.retry_at - until).total_seconds()) < 1
