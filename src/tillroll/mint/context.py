"""What minting works with: a store session, and what it remembers between turns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from tillroll.batches.session import StoreSession
from tillroll.mint.fair_share import Claim
from tillroll.mint.forecast import StoreSpeed

_CLOCK_WAS_SET = 5.0  # seconds by which two clocks differ more than at the turn before


@dataclass(kw_only=True)
class MintMemory:
    """What a store worker remembers from turn to turn. It may all be lost: another process starts with an empty one."""

    speed: StoreSpeed = field(default_factory=StoreSpeed)  # how fast the store works through batches
    chunks: int = 0  # posted by this process
    served: dict[int, int] = field(default_factory=dict)  # run → the number of its last chunk among them
    clock_ahead: float | None = (
        None  # seconds of our clock ahead of one that only runs forward, at the last turn
    )
    small_in_a_row: int = 0  # chunks of small runs since one of a large run

    def start_at(self, now: datetime, *, monotonic: float) -> None:
        """Measure the store's speed from a moment on, unless it is measured already, and by the same time.

        A clock that was set back or forward makes every measure worthless: the store would seem to be a thousand times slower.
        """
        ahead = now.timestamp() - monotonic
        if self.clock_ahead is not None and abs(ahead - self.clock_ahead) > _CLOCK_WAS_SET:
            self.speed = StoreSpeed()
        self.clock_ahead = ahead
        if self.speed.since is None:
            self.speed = replace(self.speed, since=now)

    def count_chunk(self, claim: Claim) -> None:
        """Count a chunk that was posted for a run."""
        self.chunks += 1
        self.served[claim.run_id] = self.chunks
        self.small_in_a_row = self.small_in_a_row + 1 if claim.small else 0


@dataclass(frozen=True, kw_only=True)
class MintContext(StoreSession):
    """A store session that remembers how fast the store makes codes."""

    memory: MintMemory = field(default_factory=MintMemory)
