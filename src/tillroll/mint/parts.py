"""What minting works with, handed in by the loop."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.engine import Engine

from tillroll.clock import Clock
from tillroll.ecwid.client import Client
from tillroll.mint.forecast import Forecast
from tillroll.mint.share import Claim


@dataclass(kw_only=True)
class Watch:
    """What a lane remembers from turn to turn. All of it can be lost: another process begins with an empty one."""

    forecast: Forecast = field(default_factory=Forecast)  # how fast the store works batches off
    chunks: int = 0  # handed over by this process
    served: dict[int, int] = field(default_factory=dict)  # run → which of them was its last
    small_in_a_row: int = 0  # chunks of small runs since one of a large run

    def begin_at(self, now: datetime) -> None:
        """What the store did before this process began tells nothing of its speed."""
        if self.forecast.since is None:
            self.forecast = replace(self.forecast, since=now)

    def handed_over(self, claim: Claim) -> None:
        """A chunk of a run went."""
        self.chunks += 1
        self.served[claim.run_id] = self.chunks
        self.small_in_a_row = self.small_in_a_row + 1 if claim.small else 0


@dataclass(frozen=True, kw_only=True)
class Mint:
    """The ledger, one store's API, and the time."""

    engine: Engine
    client: Client
    clock: Clock
    store_id: int  # the ledger's number of the store
    watch: Watch = field(default_factory=Watch)
