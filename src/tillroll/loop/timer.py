"""The clock process of the distributed engine: APScheduler asks once a second which lanes are due, and puts them on the queue.

It does no work of its own. Any number of clocks may run: the queue takes each lane once. A clock that dies loses nothing, since
what is due stands in the ledger.
"""

from __future__ import annotations

import threading

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from tillroll.ledger.engine import reading
from tillroll.loop.due import due_lanes
from tillroll.loop.files import Watched
from tillroll.loop.jobs import Queue
from tillroll.loop.registration import register_store
from tillroll.track.connect import all_stores
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.clock")

TICK = 1.0  # seconds
_JOB = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}


class Timer:
    """Puts due lanes on the queue until it is told to stop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stop = threading.Event()
        self._files = Watched(services.settings.folder)

    def stop(self) -> None:
        """Safe to call from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop`."""
        register_store(self._services)
        with Queue(self._services.engine) as queue:
            scheduler = BackgroundScheduler(timezone="UTC", job_defaults=_JOB)
            scheduler.add_job(
                self._tick, "interval", seconds=TICK, args=[queue], next_run_time=self._services.clock.now()
            )
            scheduler.start()
            log.info("clock.started")
            self._stop.wait()
            scheduler.shutdown(wait=True)
        log.info("clock.stopped")

    def _tick(self, queue: Queue) -> None:
        try:
            self.put_on(queue)
        except Exception:  # the clock outlives a database that is away for a while
            log.exception("clock.bug")

    def put_on(self, queue: Queue) -> int:
        """Put the lanes that are due on the queue; how many are new there."""
        with reading(self._services.engine) as connection:
            due = due_lanes(connection, self._services.clock.now())
            if self._files.are_new():
                slow = {one.store_id for one in due if one.slow}
                every = [store.id for store in all_stores(connection)]
                return sum(queue.lane(store_id, slow=store_id in slow) for store_id in every)
        there = queue.waiting() if due else frozenset()
        return sum(
            queue.lane(one.store_id, slow=one.slow) for one in due if f"lane {one.store_id}" not in there
        )
