"""The timer of the distributed engine: once a second, APScheduler queues a turn for each store that is due.

It does no work of its own. Several timers may run: the queue takes each store once. A timer that dies loses nothing, because
what is due is in the ledger.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from tillroll.ledger.engine import reading, touch
from tillroll.ledger.queries.stores import all_stores
from tillroll.loop.due import due_stores
from tillroll.loop.jobs import Queue, turn_lock
from tillroll.loop.registration import register_store
from tillroll.loop.stages.files import WatchedFolder
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.clock")

TICK = 1.0  # seconds
_JOB = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}


class Timer:
    """Queues turns for the stores that are due, until it is stopped."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stop = threading.Event()
        self._folder = WatchedFolder(services.settings.folder)
        self._queue: Queue | None = None
        self._connections = ExitStack()  # holds the queue's

    def stop(self) -> None:
        """Make `run` return soon. Safe to call from a signal handler."""
        self._stop.set()
        self._services.database.stop()

    def run(self) -> None:
        """Work until `stop`."""
        self._services.database.insist(lambda: register_store(self._services))
        scheduler = BackgroundScheduler(timezone="UTC", job_defaults=_JOB)
        scheduler.add_job(self._tick, "interval", seconds=TICK, next_run_time=self._services.clock.now())
        scheduler.start()
        log.info("clock.started")
        self._stop.wait()
        scheduler.shutdown(wait=True)
        self._close_queue()
        log.info("clock.stopped")

    def _tick(self) -> None:
        """Queue turns, unless the database is away. After an outage the queue gets new connections."""
        database = self._services.database
        if not database.may_try():
            return
        try:
            if database.is_away:
                touch(self._services.engine)
            if self._queue is None:
                self._queue = self._connections.enter_context(Queue(self._services.engine))
            self.queue_turns(self._queue)
        except Exception as fault:  # the timer outlives a bug: the next tick tries again
            if not database.failed(fault):
                log.exception("clock.bug")
            self._close_queue()
        else:
            database.note_answer()

    def _close_queue(self) -> None:
        self._queue = None
        with suppress(Exception):  # they may be broken
            self._connections.close()

    def queue_turns(self, queue: Queue) -> int:
        """Queue a turn for each store that is due. Return how many are new in the queue."""
        with reading(self._services.engine) as connection:
            due = due_stores(connection, self._services.clock.now())
            if self._folder.has_changed():
                slow = {store.store_id for store in due if store.slow}
                store_ids = [store.id for store in all_stores(connection)]
                return sum(queue.add_turn(store_id, slow=store_id in slow) for store_id in store_ids)
        queued = queue.waiting_locks() if due else frozenset()
        return sum(
            queue.add_turn(store.store_id, slow=store.slow)
            for store in due
            if turn_lock(store.store_id) not in queued
        )
