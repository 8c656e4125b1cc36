"""The lanes of this process, one a store, and one turn on a lane: a slice, whatever comes of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from tillroll.errors import TillrollError
from tillroll.ledger.engine import reading
from tillroll.loop.advance import Lane, advance, hold_fence
from tillroll.loop.due import looked
from tillroll.track.connect import CONNECTED, load_store
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.lanes")

SLICE = timedelta(seconds=10)  # a dyno gets 30 s to stop
PATIENCE = 20.0  # seconds for turns to end after SIGTERM
_NAP = timedelta(seconds=5)
_FEW = 50  # with more stores than that, a lane that has nothing to do keeps no connection open

Spread = Callable[[int, int], None]
"""Share the e-mails of a store's run out: (store, run)."""


class Lanes:
    """Opens each store's lane when it first gets a turn. Safe to use from several threads; a lane has one turn at a time."""

    def __init__(self, services: Services, *, spread: Spread | None = None) -> None:
        self._services = services
        self._spread = spread
        self._lanes: dict[int, Lane] = {}
        self._lock = threading.Lock()

    def turn(self, store_id: int, *, until: datetime) -> datetime | None:
        """Advance one lane; when it wants to go on, or None. Never raises: what goes wrong is logged, and tried again later."""
        clock = self._services.clock
        began = clock.now()
        lane_ = None
        try:
            lane_ = self._open(store_id)
            next_at = advance(lane_, until=until)
            if next_at is None and len(self._lanes) > _FEW:
                lane_.close()
            return next_at
        except TillrollError as trouble:
            log.error("lane.trouble", store=store_id, reason=trouble.message, do=trouble.hint)
        except Exception:  # the worker outlives a bug: it is logged whole, and the lane is tried again
            log.exception("lane.bug", store=store_id)
        return self._again_later(store_id, began, lane_)

    def _again_later(self, store_id: int, began: datetime, lane_: Lane | None) -> datetime:
        now = self._services.clock.now()
        next_at = now + _NAP
        try:
            looked(
                self._services.engine,
                store_id=store_id,
                began=began,
                ended=now,
                next_at=next_at,
                polled_at=lane_.following.polled_at if lane_ is not None else None,
                trouble=True,
            )
        except Exception:  # the ledger itself is away: whoever asks which lanes are due, can't either
            log.exception("lane.bug", store=store_id)
        return next_at

    def _open(self, store_id: int) -> Lane:
        with self._lock:
            if store_id not in self._lanes:
                with reading(self._services.engine) as connection:
                    store = load_store(connection, store_id)
                lane_ = Lane(
                    services=self._services, store_id=store_id, client=self._services.open_client(store)
                )
                if self._spread is not None:
                    lane_.reconciled = True  # not at each of many processes' start: hourly, by the ledger
                    spread = self._spread
                    lane_.spread = lambda run_id: spread(store_id, run_id)
                self._lanes[store_id] = lane_
            return self._lanes[store_id]

    def may_send(self, store_id: int) -> bool:
        """Whether e-mails may be sent for a store beside its lane: it is connected, and this process has asked its fence.

        A ledger that was restored has the queue of then, too. Raises what asking raises, `LedgerIsAnother` among it.
        """
        lane_ = self._open(store_id)
        with reading(self._services.engine) as connection:
            store = load_store(connection, store_id)
        if store.state != CONNECTED:
            return False
        if not lane_.fence_checked:
            hold_fence(lane_)
        return True

    def in_trouble(self, store_id: int) -> bool:
        """Whether its last turn ended in trouble: it must not stay where those that go well have their turns."""
        lane_ = self._lanes.get(store_id)
        return lane_ is not None and lane_.in_trouble

    def opened(self) -> list[Lane]:
        """The lanes that had a turn."""
        return list(self._lanes.values())

    def close(self) -> None:
        """Give every client's connections back."""
        for lane_ in self._lanes.values():
            lane_.close()


def leave() -> None:
    """End this process although a call to a store hangs in it: whoever started it would kill it now. What was begun stands in
    the ledger, for the next worker."""
    os._exit(0)
