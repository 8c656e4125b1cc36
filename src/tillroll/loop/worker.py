"""The worker process: APScheduler calls `advance` for every store, one lane each; SIGTERM finishes the slice and stops.

The scheduler holds no work of its own: its jobs are in memory and declared here, everything due is rows in the ledger, and a
late tick is as good as a punctual one.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import timedelta

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from tillroll.errors import TillrollError
from tillroll.ledger.engine import reading
from tillroll.loop.advance import Lane, advance
from tillroll.track.connect import all_stores, connect, find_store, load_store
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.worker")

TICK = 1.0  # seconds between two looks at a lane that has nothing to do
SLICE = timedelta(seconds=10)  # a dyno gets 30 s to stop
_NAP = 5.0


def register_store(services: Services) -> int | None:
    """Write the store the environment names to the ledger; its number, or None when the environment names none."""
    access = services.settings.store
    if access is None:
        return None
    with reading(services.engine) as connection:
        known = find_store(connection, access.ecwid_id)
    changed = (
        known is None
        or known.base_url != access.base_url
        or services.sealer.open(known.token) != access.token
    )
    return connect(
        services.engine,
        ecwid_id=access.ecwid_id,
        base_url=access.base_url,
        sealed_token=services.sealer.seal(access.token),
        changed=changed,
        now=services.clock.now(),
    )


class Worker:
    """Runs the lanes until it is told to stop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stop = threading.Event()
        self._lanes: dict[int, Lane] = {}

    def stop(self) -> None:
        """Finish the slices that are under way, then stop. Safe to call from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop`; returns when the last slice is committed."""
        register_store(self._services)
        scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(8)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        scheduler.add_job(
            self._find_lanes,
            "interval",
            seconds=30,
            args=[scheduler],
            next_run_time=self._services.clock.now(),
        )
        scheduler.start()
        log.info("worker.started")
        self._stop.wait()
        scheduler.shutdown(wait=True)
        for lane_ in self._lanes.values():
            lane_.close()
        log.info("worker.stopped")

    def _find_lanes(self, scheduler: BackgroundScheduler) -> None:
        """A job for every store in the ledger; new stores get theirs within half a minute."""
        with reading(self._services.engine) as connection:
            found = all_stores(connection)
        for store in found:
            if store.id in self._lanes or self._stop.is_set():
                continue
            client = self._services.open_client(store)
            self._lanes[store.id] = Lane(services=self._services, store_id=store.id, client=client)
            scheduler.add_job(self._tick, "interval", seconds=TICK, args=[store.id], id=f"lane-{store.id}")

    def _tick(self, store_id: int) -> None:
        """Advance one lane until it has nothing to do right now."""
        lane_ = self._lanes[store_id]
        while not self._stop.is_set():
            try:
                next_at = advance(lane_, until=self._services.clock.now() + SLICE)
            except TillrollError as trouble:
                log.error("lane.trouble", store=store_id, reason=trouble.message, do=trouble.hint)
                self._stop.wait(_NAP)
                return
            except Exception:  # the worker outlives a bug: it is logged whole, and the lane is tried again
                log.exception("lane.bug", store=store_id)
                self._stop.wait(_NAP)
                return
            if next_at is None:
                return
            pause = (next_at - self._services.clock.now()).total_seconds()
            if pause > TICK:
                return
            self._stop.wait(max(0.0, pause))


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


def stop_on_signals(worker: Worker) -> None:
    """SIGTERM (a dyno that is restarted) and SIGINT (Ctrl-C) stop the worker after its slice."""

    def _stop(_number: int, _frame: object) -> None:
        worker.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
