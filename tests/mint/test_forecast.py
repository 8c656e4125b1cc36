"""The store is asked when a batch should be done, and never runs out of work: simulated with its own clock."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from tests.shop import NOW
from tillroll.campaign.figures.effort import CHUNK, calls_for
from tillroll.mint.forecast import LEAST_AHEAD, MOST_AHEAD, StoreSpeed

PACE = 600 * 0.98 / 60  # calls a second


class Simulation:
    """A store that works through batches at its speed, and a worker that makes one call after another at the token's pace."""

    def __init__(self, *, per_second: float, chunks: int, at_once: int = 100, away: float = 0.0) -> None:
        self.per_second, self.left, self.at_once, self.away = per_second, chunks, at_once, away
        self.now = 0.0
        self.forecast = StoreSpeed()
        self.out: list[tuple[float, float, float]] = []  # posted, begun, done; by the store's own clock
        self.asked: list[int] = []
        self.calls, self.free = 0, 0.0

    def run(self) -> None:
        turn_ends = 2.0
        while self.left or self.out:
            if self.now > turn_ends:
                self.now += self.away  # it plans, sends and reads meanwhile
                turn_ends = self.now + 2.0
            if not (self._ask() | self._post()):
                self.now = max(self.now, self._due())

    def _call(self) -> None:
        self.calls += 1
        self.now += 1 / PACE

    def _post(self) -> bool:
        if not self.left or len(self.out) >= self.forecast.depth:
            return False
        self._call()
        begun = max(self.now, self.free)
        self.free = begun + CHUNK / self.per_second
        posted = NOW + timedelta(seconds=self.now)
        self.forecast = self.forecast.batch_posted(now=posted, in_flight=len(self.out))
        self.out.append((self.now, begun, self.free))
        self.asked.append(0)
        self.left -= 1
        return True

    def _due(self) -> float:
        posted = NOW + timedelta(seconds=self.out[0][0])
        due = self.again if self.asked[0] else self.forecast.due(posted_at=posted, size=CHUNK)
        return (due - NOW).total_seconds()

    def _ask(self) -> bool:
        if not self.out or self._due() > self.now:
            return False
        self._call()
        (posted_at, begun, done), polls = self.out[0], self.asked[0]
        posted, now = NOW + timedelta(seconds=posted_at), NOW + timedelta(seconds=self.now)
        if done <= self.now:
            self.forecast = self.forecast.done(posted_at=posted, size=CHUNK, polls=polls, now=now)
            del self.out[0], self.asked[0]
            return True
        progress = max(0.0, self.now - begun) * self.per_second
        completed = int(progress / self.at_once) * self.at_once
        self.forecast = self.forecast.under_way(posted_at=posted, completed=completed, polls=polls, now=now)
        self.asked[0] = polls + 1
        self.again = self.forecast.again(now=now, left=CHUNK - completed, polls=polls + 1)
        return True


@pytest.mark.parametrize("per_second", [50, 300, 1_000, 2_000, 10_000])
@pytest.mark.parametrize("away", [0.0, 1.0])
def test_a_long_run_takes_few_requests_and_the_store_is_never_idle(per_second: float, away: float) -> None:
    play = Simulation(per_second=per_second, chunks=200, away=away)
    play.run()
    assert play.calls / 200 <= 2.5
    store_alone = 200 * CHUNK / per_second
    at_our_pace = play.calls / PACE * (2 + away) / 2
    if store_alone > at_our_pace:  # else it is the token's pace that counts
        assert play.now < 1.05 * store_alone + 2


def test_a_plan_states_the_calls_that_minting_makes() -> None:
    for per_second in (100, 1_000, 10_000):
        play = Simulation(per_second=per_second, chunks=100)
        play.run()
        assert 0.75 * calls_for(100 * CHUNK) <= play.calls <= calls_for(100 * CHUNK)


def test_a_slower_store_is_asked_more_rarely_and_a_stalled_one_hardly_at_all() -> None:
    stalled = StoreSpeed(per_code=0.001, since=NOW, worked=CHUNK, steady=True)
    moments, now = [], NOW
    for polls in range(1, 60):
        stalled = stalled.under_way(posted_at=NOW, completed=0, polls=polls, now=now)
        now = stalled.again(now=now, left=CHUNK, polls=polls)
        moments.append(now)
    pauses = [(after - before).total_seconds() for before, after in pairwise(moments)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 20
    assert stalled.per_code == 0.001  # a store that did nothing tells nothing of its speed


def test_the_queue_is_as_long_as_the_store_is_fast() -> None:
    assert StoreSpeed().depth == LEAST_AHEAD
    assert StoreSpeed(per_code=0.1).depth == LEAST_AHEAD
    assert StoreSpeed(per_code=0.001).depth == 9
    assert StoreSpeed(per_code=0.000_01).depth == MOST_AHEAD
