"""One store's lane in this process, with what it remembers between slices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tillroll.ecwid.client import Client
from tillroll.ledger.plans import Recount
from tillroll.mint.drift.compare import Look
from tillroll.mint.parts import Watch
from tillroll.mint.recent import Recent
from tillroll.plan.make import Planning
from tillroll.track.connect import CONNECTED
from tillroll.track.follow import Following
from tillroll.track.readings import Over
from tillroll.wiring import Services

TURN = timedelta(
    seconds=2
)  # of minting, of sending a run, of a long list: what is in a hurry waits no longer


@dataclass(kw_only=True)
class Lane:
    """One store's lane in this process: its client (one pace a token) and what it remembers between slices."""

    services: Services
    store_id: int
    client: Client
    files_seen: str = ""
    following: Following = field(default_factory=Following)
    noticed_at: datetime | None = None  # when what happened was last looked through
    quiet_since: datetime | None = None  # nothing has waited since then
    reconciled: bool = False  # since this process began
    recent: Recent | None = None  # the ledger against what changed in the store, begun and not over
    watch: Watch = field(default_factory=Watch)  # how fast the store makes codes
    cleared_at: datetime | None = None  # when expired codes were last looked for
    look: Look | None = None  # at the store\'s coupons, begun and not over
    way_in: tuple[str, str] | None = None  # address and sealed token that the client was opened with
    fence_checked: bool = False  # the store was asked whether this ledger is the one that works for it
    in_trouble: bool = False  # the last slice ended because the store wouldn't
    troubles: int = 0  # how often in a row
    proving: int = 0  # turns that must still go well: a store that hangs now and then stays among its like
    turn: timedelta = TURN  # so long a list is read on, or a plan made, in one go; at least a piece
    plannings: dict[int, Planning] = field(default_factory=dict)  # by their runs, begun and not over
    counting: dict[int, Recount] = field(default_factory=dict)  # the same, of what goes by its policy
    recounts: dict[int, Recount] = field(default_factory=dict)  # and of what is about to begin
    spread: Callable[[int], None] | None = None  # share a run's messages out to other senders

    def follow(self, store: sa.Row[Any]) -> None:
        """Work with the token the ledger has now: a store that was connected again gets its lane going without a restart."""
        way_in = (store.base_url, store.token)
        refused = self.client.connection.refused and store.state == CONNECTED
        if refused or self.way_in not in {None, way_in}:
            self.client.close()
            self.client = self.services.open_client(store)
            self.fence_checked = False
        self.way_in = way_in

    def remember(self, polled_at: datetime | None) -> None:
        """Another process may have asked the store what changed since this one did."""
        known = [moment for moment in (self.following.polled_at, polled_at) if moment is not None]
        self.following.polled_at = max(known, default=None)

    def put_down(self) -> None:
        """What was begun with the ledger as it was is begun anew after a rest: it would be old by then."""
        self.plannings, self.counting, self.recounts = {}, {}, {}

    def close(self) -> None:
        """Give the client's connections back; a lane that goes on opens new ones."""
        self.client.close()


def slice_of(lane_: Lane, until: datetime) -> Over:
    """Whether a slice that begins now is over: what reads a long list asks after each piece."""
    clock = lane_.services.clock
    ends = min(until, clock.now() + lane_.turn)
    return lambda: clock.now() >= ends
