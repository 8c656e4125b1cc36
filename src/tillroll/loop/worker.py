"""The embedded engine: APScheduler looks once a second which lanes are due, and its thread pool gives them their turns.

The scheduler holds no work of its own: everything due is rows in the ledger, and a late tick is as good as a punctual one.
Stores that hang or are in trouble have a pool of their own, so that the others don't wait for them.
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
from tillroll.ledger.engine import reading
from tillroll.loop.advance import Lane, advance
from tillroll.loop.due import due_lanes
from tillroll.loop.files import Watched
from tillroll.loop.lanes import PATIENCE, SLICE, Lanes, leave
from tillroll.loop.registration import register_store
from tillroll.track.connect import all_stores, load_store
from tillroll.wiring import Services

__all__ = ["SLICE", "Worker", "register_store", "run_until_done", "stop_on_signals"]

log = structlog.get_logger("tillroll.worker")

TICK = 1.0  # seconds between two looks at which lanes are due
TURN = timedelta(seconds=2)  # how long a lane is worked for while others wait
_JOB = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}


class Stoppable(Protocol):
    """A process of ours: a worker or a clock."""

    def stop(self) -> None:
        """End soon; safe to call from a signal handler."""

    def run(self) -> None:
        """Work until `stop`."""


class Worker:
    """Gives due lanes their turns until it is told to stop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stop = threading.Event()
        self._lanes = Lanes(services)
        self._out: set[int] = set()  # lanes that wait for a thread, or have one
        self._quiet = threading.Condition()  # guards it, and says when it is empty
        self._files = Watched(services.settings.folder)
        settings = services.settings
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={
                "default": ThreadPoolExecutor(1),
                "lanes": ThreadPoolExecutor(settings.threads),
                "slow": ThreadPoolExecutor(settings.slow_threads),
            },
            job_defaults=_JOB,
        )

    def stop(self) -> None:
        """Finish the slices that are under way, then stop. Safe to call from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop`; returns when the last slices are committed."""
        register_store(self._services)
        self._scheduler.add_job(
            self._look, "interval", seconds=TICK, next_run_time=self._services.clock.now()
        )
        self._scheduler.start()
        log.info("worker.started", engine="embedded")
        self._stop.wait()
        with self._quiet:
            ended = self._quiet.wait_for(lambda: not self._out, timeout=PATIENCE)
        log.info("worker.stopped", ended=ended)
        if not ended:
            leave()
        self._scheduler.shutdown(wait=True)
        self._lanes.close()

    def _look(self) -> None:
        """Give a turn to every lane that is due and has none."""
        with reading(self._services.engine) as connection:
            due = due_lanes(connection, self._services.clock.now())
            found = {one.store_id: one.slow for one in due}
            if self._files.are_new():
                found = {store.id: found.get(store.id, False) for store in all_stores(connection)}
        for store_id, slow in found.items():
            self._put_on(store_id, slow=slow)

    def _put_on(self, store_id: int, *, slow: bool) -> None:
        with self._quiet:
            if self._stop.is_set() or store_id in self._out:
                return
            self._out.add(store_id)
        executor = "slow" if slow else "lanes"
        self._scheduler.add_job(self._turn, args=[store_id], executor=executor)

    def _turn(self, store_id: int) -> None:
        """Work for one store while there is something to do, but not much longer than the others can wait."""
        clock = self._services.clock
        began = clock.now()
        next_at = None
        while not self._stop.is_set():
            next_at = self._lanes.turn(store_id, until=clock.now() + SLICE)
            if next_at is None or next_at > clock.now() + timedelta(seconds=TICK):
                break
            if self._lanes.in_trouble(store_id):
                break  # it goes on among the others that are, when it is due
            if clock.now() - began > TURN and len(self._out) > self._services.settings.threads:
                break
            self._stop.wait(max(0.0, (next_at - clock.now()).total_seconds()))
        with self._quiet:
            self._out.discard(store_id)
            self._quiet.notify_all()


def run_until_done(
    services: Services, lane_: Lane, *, done: Callable[[], bool], settle: Callable[[], None]
) -> None:
    """The same engine without a clock: advance one store until `done`, for `tillroll demo --once` and tests.

    `settle` is called between slices. Stops with an error when the store can't be worked with.
    """
    while not done():
        next_at = advance(lane_, until=services.clock.now() + SLICE)
        _raise_if_stopped(services, lane_.store_id)
        settle()
        if next_at is not None:
            services.clock.sleep(min(TICK, max(0.0, (next_at - services.clock.now()).total_seconds())))


def _raise_if_stopped(services: Services, store_id: int) -> None:
    with reading(services.engine) as connection:
        store = load_store(connection, store_id)
    if store.state != "connected":
        raise TillrollError(store.reason)


def stop_on_signals(worker: Stoppable) -> None:
    """SIGTERM (a dyno that is restarted) and SIGINT (Ctrl-C) stop the worker after its slice."""

    def _stop(_number: int, _frame: object) -> None:
        worker.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
