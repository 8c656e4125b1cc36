"""The store workers of one process, and one turn of a store whatever comes of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from tillroll.errors import TillrollError
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import load_store
from tillroll.loop.advance import StoreWorker, advance
from tillroll.loop.due import record_turn
from tillroll.loop.stages.order import pass_fence
from tillroll.track.connect import CONNECTED
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.lanes")

SLICE = timedelta(seconds=10)
"""The longest turn: a Heroku dyno has 30 seconds to stop."""

PATIENCE = 20.0
"""Seconds that turns have to end after SIGTERM."""

_RETRY_AFTER = timedelta(seconds=5)  # after a turn that failed
_FEW_STORES = 50  # a process with more stores closes the connections of those without work

ShareOut = Callable[[int, int], None]
"""Distribute the e-mails of a store's run to other senders: (store id, run id)."""


class StoreWorkers:
    """The store workers of this process; each is opened at its store's first turn.

    Safe to use from several threads, as long as no store has two turns at the same time.
    """

    def __init__(self, services: Services, *, share_out: ShareOut | None = None) -> None:
        self._services = services
        self._share_out = share_out
        self._workers: dict[int, StoreWorker] = {}
        self._lock = threading.Lock()

    def turn(self, store_id: int, *, until: datetime) -> datetime | None:
        """Give one store a turn. Return when it wants the next one, or None when nothing waits or the database is away.

        Never raises: an error is logged, and the store is tried again later.
        """
        clock = self._services.clock
        began = clock.now()
        worker = None
        try:
            worker = self._open(store_id)
            next_at = advance(worker, until=until)
            if next_at is None and len(self._workers) > _FEW_STORES:
                worker.close()
            self._services.database.note_answer()
            return next_at
        except TillrollError as trouble:
            log.error("lane.trouble", store=store_id, reason=trouble.message, do=trouble.hint)
        except Exception as fault:  # a bug is logged in full, and the store is tried again
            if self._services.database.failed(fault):
                _start_anew(worker)
                return None  # the store stays due
            log.exception("lane.bug", store=store_id)
        return self._retry_later(store_id, began, worker)

    def _retry_later(self, store_id: int, began: datetime, worker: StoreWorker | None) -> datetime:
        now = self._services.clock.now()
        next_at = now + _RETRY_AFTER
        try:
            record_turn(
                self._services.engine,
                store_id=store_id,
                began=began,
                ended=now,
                next_at=next_at,
                polled_at=worker.following.polled_at if worker is not None else None,
                trouble=True,
            )
        except Exception as fault:
            if not self._services.database.failed(fault):  # if it is away, no store is found due either
                log.exception("lane.bug", store=store_id)
        return next_at

    def _open(self, store_id: int) -> StoreWorker:
        with self._lock:
            if store_id not in self._workers:
                with reading(self._services.engine) as connection:
                    store = load_store(connection, store_id)
                worker = StoreWorker(
                    services=self._services, store_id=store_id, client=self._services.open_client(store)
                )
                if self._share_out is not None:
                    worker.reconciled = (
                        True  # not at the start of each of many processes: hourly, by the ledger
                    )
                    share_out = self._share_out
                    worker.share_out = lambda run_id: share_out(store_id, run_id)
                self._workers[store_id] = worker
            return self._workers[store_id]

    def may_send(self, store_id: int) -> bool:
        """Return whether e-mails may be sent for a store without its lock: it is connected, and its fence accepts this ledger.

        A restored ledger has the queue of its backup too, so a share of e-mails must ask first. Raises what the fence raises:
        `StaleLedger` among others.
        """
        worker = self._open(store_id)
        with reading(self._services.engine) as connection:
            store = load_store(connection, store_id)
        if store.state != CONNECTED:
            return False
        if not worker.fence_checked:
            pass_fence(worker)
        return True

    def is_in_trouble(self, store_id: int) -> bool:
        """Return whether the store's last turn failed, so that its next one belongs in the slow pool."""
        worker = self._workers.get(store_id)
        return worker is not None and worker.in_trouble

    def opened(self) -> list[StoreWorker]:
        """Return the workers of the stores that had a turn."""
        return list(self._workers.values())

    def close(self) -> None:
        """Close the connections of every client."""
        for worker in self._workers.values():
            worker.close()


def _start_anew(worker: StoreWorker | None) -> None:
    """Forget what was half done when the database went away, and ask the fence again: it may come back as an older one."""
    if worker is not None:
        worker.discard_started_work()
        worker.fence_checked = False


def exit_now() -> None:
    """End this process at once, although a call to a store hangs in it. The next worker continues from the ledger."""
    os._exit(0)
