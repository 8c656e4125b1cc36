"""The embedded engine: APScheduler looks once a second for stores that are due, and its thread pools give them turns.

The scheduler holds no work of its own: whatever is due is in the ledger, so a late tick does no harm. Stores that hang or fail
have a pool of their own, so that the others need not wait for them.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from tillroll.errors import TillrollError
from tillroll.ledger.engine import reading, touch
from tillroll.ledger.queries.stores import all_stores, load_store
from tillroll.loop.advance import StoreWorker, advance
from tillroll.loop.due import due_stores
from tillroll.loop.registration import note_lost_locks, note_transport, register_store
from tillroll.loop.stages.files import WatchedFolder
from tillroll.loop.store_workers import PATIENCE, SLICE, StoreWorkers, exit_now
from tillroll.track.connect import CONNECTED
from tillroll.wiring import Services

__all__ = ["SLICE", "Worker", "register_store", "run_until_done", "stop_on_signals"]

log = structlog.get_logger("tillroll.worker")

TICK = 1.0
"""Seconds between two looks for stores that are due."""

_LAST_RESORT = PATIENCE + 5.0  # seconds after SIGTERM: a database may hang where nothing looks at the clock
_FAIR_SHARE = timedelta(seconds=2)  # how long one store may keep a thread while others wait
_JOB = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
_NORMAL, _SLOW = "normal", "slow"


class Stoppable(Protocol):
    """A process of ours: a worker or a timer."""

    def stop(self) -> None:
        """Make `run` return soon. Safe to call from a signal handler."""

    def run(self) -> None:
        """Work until `stop`."""


class Worker:
    """Gives turns to stores that are due, until it is stopped."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stop = threading.Event()
        self._workers = StoreWorkers(services)
        self._busy: set[int] = set()  # stores that have a thread, or wait for one
        self._changed = threading.Condition()  # guards `_busy`, and is notified when a store leaves it
        self._folder = WatchedFolder(services.settings.folder)
        settings = services.settings
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={
                "default": ThreadPoolExecutor(1),
                _NORMAL: ThreadPoolExecutor(settings.threads),
                _SLOW: ThreadPoolExecutor(settings.slow_threads),
            },
            job_defaults=_JOB,
        )

    def stop(self) -> None:
        """Begin no more turns; `run` returns when those under way have ended. Safe to call from a signal handler.

        If one has not ended after `PATIENCE` seconds, the process ends at once.
        """
        self._stop.set()
        self._services.database.stop()

    def run(self) -> None:
        """Work until `stop`; return when the last turns are committed."""
        self._services.database.insist(lambda: register_store(self._services))
        self._services.database.insist(lambda: note_transport(self._services))
        self._services.database.insist(lambda: note_lost_locks(self._services))
        self._scheduler.add_job(
            self._tick, "interval", seconds=TICK, next_run_time=self._services.clock.now()
        )
        self._scheduler.start()
        log.info("worker.started", engine="embedded")
        self._stop.wait()
        with self._changed:
            ended = self._changed.wait_for(lambda: not self._busy, timeout=PATIENCE)
        log.info("worker.stopped", ended=ended)
        if not ended:
            exit_now()
        self._scheduler.shutdown(wait=True)
        self._workers.close()

    def _tick(self) -> None:
        """Queue every store that is due and not busy, unless the database is away."""
        database = self._services.database
        if not database.may_try():
            return
        try:
            if database.is_away:
                touch(self._services.engine)
            due = self._due()
        except Exception as fault:  # the worker outlives a bug: the next tick looks again
            if not database.failed(fault):
                log.exception("worker.bug")
            return
        database.note_answer()
        for store_id, slow in due.items():
            self._enqueue(store_id, slow=slow)

    def _due(self) -> dict[int, bool]:
        """Return the stores that are due, and which are slow. When the campaign files have changed, every store is due."""
        with reading(self._services.engine) as connection:
            due = {store.store_id: store.slow for store in due_stores(connection, self._services.clock.now())}
            if self._folder.has_changed():
                due = {store.id: due.get(store.id, False) for store in all_stores(connection)}
        return due

    def _enqueue(self, store_id: int, *, slow: bool) -> None:
        with self._changed:
            if self._stop.is_set() or store_id in self._busy:
                return
            self._busy.add(store_id)
        self._scheduler.add_job(self._work_for, args=[store_id], executor=_SLOW if slow else _NORMAL)

    def _work_for(self, store_id: int) -> None:
        """Give one store turns while it has work, but not for much longer than the others can wait."""
        clock = self._services.clock
        began = clock.now()
        next_at = None
        while not self._stop.is_set():
            next_at = self._workers.turn(store_id, until=clock.now() + SLICE)
            if next_at is None or next_at > clock.now() + timedelta(seconds=TICK):
                break
            if self._workers.is_in_trouble(store_id):
                break  # its next turn is in the slow pool
            if clock.now() - began > _FAIR_SHARE and len(self._busy) > self._services.settings.threads:
                break
            self._stop.wait(max(0.0, (next_at - clock.now()).total_seconds()))
        with self._changed:
            self._busy.discard(store_id)
            self._changed.notify_all()


def run_until_done(
    services: Services, worker: StoreWorker, *, done: Callable[[], bool], settle: Callable[[], None]
) -> None:
    """Give one store turns until `done`, without a scheduler; for `tillroll demo --once` and tests.

    `settle` is called after each turn. Raises `TillrollError` when the store can't be worked for.
    """
    while not done():
        next_at = advance(worker, until=services.clock.now() + SLICE)
        _raise_if_stopped(services, worker.store_id)
        settle()
        if next_at is not None:
            services.clock.sleep(min(TICK, max(0.0, (next_at - services.clock.now()).total_seconds())))


def _raise_if_stopped(services: Services, store_id: int) -> None:
    with reading(services.engine) as connection:
        store = load_store(connection, store_id)
    if store.state != CONNECTED:
        raise TillrollError(store.reason)


def stop_on_signals(worker: Stoppable) -> None:
    """Stop the worker on SIGTERM (a dyno restart) and SIGINT (Ctrl-C). If it hangs, the process ends all the same."""

    def _stop(_number: int, _frame: object) -> None:
        worker.stop()
        last_resort = threading.Timer(_LAST_RESORT, exit_now)
        last_resort.daemon = True
        last_resort.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
