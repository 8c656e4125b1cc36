"""A worker whose clock is set goes on minting: what it measured by the other time does not count."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.shop import NOW
from tillroll.mint.context import MintMemory
from tillroll.mint.forecast import StoreSpeed

BATCH = 500


def _measured(memory: MintMemory) -> MintMemory:
    """Let ten batches be done in a second each."""
    for second in range(10):
        memory.start_at(NOW + timedelta(seconds=second), monotonic=second)
        posted = NOW + timedelta(seconds=second)
        memory.speed = memory.speed.batch_posted(now=posted, in_flight=0)
        memory.speed = memory.speed.done(
            posted_at=posted, size=BATCH, polls=0, now=posted + timedelta(seconds=1)
        )
    return memory


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_speed_of_a_store_is_measured_anew_after_the_clock_was_set(hours: int) -> None:
    memory = _measured(MintMemory())
    moved = NOW + timedelta(hours=hours, seconds=10)
    memory.start_at(moved, monotonic=10)
    assert memory.speed == StoreSpeed(since=moved)
    due = memory.speed.due(posted_at=moved, size=BATCH)
    assert due - moved < timedelta(seconds=1)


def test_the_speed_is_kept_while_the_clock_runs_as_it_should() -> None:
    memory = _measured(MintMemory())
    known = memory.speed
    memory.start_at(NOW + timedelta(seconds=3600.5), monotonic=3600)
    assert memory.speed == known
