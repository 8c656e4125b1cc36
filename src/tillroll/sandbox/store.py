"""One store: its state, its switches and its clock, handed to every endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field

from tillroll.clock import Clock
from tillroll.sandbox.limits import Allowance
from tillroll.sandbox.state import STORE_ID, State
from tillroll.sandbox.switches import Switches


@dataclass(kw_only=True)
class Store:
    """What an endpoint works with. `switches` may be replaced while the store runs."""

    state: State
    clock: Clock
    switches: Switches
    token: str
    client_secret: str
    allowance: Allowance
    store_id: int = STORE_ID
    url: str = "https://sample-shop.example"
    counters: dict[str, int] = field(default_factory=lambda: {"requests": 0, "batch_inner": 0, "dropped": 0})

    def now(self) -> float:
        """UNIX seconds."""
        return self.clock.now().timestamp()

    def touched(self, area: str) -> None:
        """Remember when an area last changed, for `GET /latest-stats`."""
        self.state.keep_fact(f"updated:{area}", str(int(self.now())))
