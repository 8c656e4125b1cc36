"""The distributed engine's worker: Procrastinate hands it jobs from the ledger's PostgreSQL, and it runs them in threads.

A worker that dies leaves its jobs `doing`; its heartbeat stops, and any other worker puts them on the queue again. What such a
job was at stands in the ledger. Lanes that go well, lanes of stores in trouble and shares of e-mails have threads of their own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import structlog
from procrastinate import App, JobContext, PsycopgConnector, exceptions, jobs

from tillroll.errors import TillrollError
from tillroll.ledger.lane import MOST_SENDERS
from tillroll.ledger.queue import conninfo
from tillroll.loop.jobs import ADVANCE, LANES, MAIL, SEND, SLOW, Queue
from tillroll.loop.lanes import PATIENCE, SLICE, Lanes, leave
from tillroll.loop.registration import register_store
from tillroll.loop.stages import post_of
from tillroll.send.sending import Share
from tillroll.send.share import send_share
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.worker")

HEARTBEAT, STALLED = 2.0, 8.0  # seconds: how often a worker says that it lives, and when it counts as dead
_POLL = 5.0  # seconds between two looks at the queue; a new job is told at once
_TURN = timedelta(seconds=5)  # how long a lane is worked for before the others have their turn
_SOON = timedelta(seconds=1)  # what comes so soon is waited for


class DistributedWorker:
    """Runs the queue's jobs until it is told to stop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stop = threading.Event()
        self._lanes = Lanes(services, spread=self._spread)
        self._queue = Queue(services.engine)

    def stop(self) -> None:
        """Finish the jobs that are under way, then stop. Safe to call from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop`; returns when every job has ended."""
        register_store(self._services)
        with self._queue:
            asyncio.run(self._work())
        self._lanes.close()

    async def _work(self) -> None:
        settings = self._services.settings
        concurrency = {LANES: settings.threads, SLOW: settings.slow_threads, MAIL: settings.senders}
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(sum(concurrency.values()) + 2))
        connector = PsycopgConnector(conninfo=conninfo(self._services.engine), min_size=1, max_size=6)
        app = App(connector=connector)
        app.task(name=ADVANCE, pass_context=True)(self._advance)
        app.task(name=SEND, pass_context=True)(self._send)
        async with app.open_async():
            working = [
                asyncio.create_task(self._run_queue(app, name, many)) for name, many in concurrency.items()
            ]
            rescuing = asyncio.create_task(self._rescue(app))
            log.info("worker.started", engine="distributed")
            while not self._stop.is_set() and not any(one.done() for one in working):
                await asyncio.sleep(0.1)
            rescuing.cancel()
            ended = await self._wind_down(working)
            log.info("worker.stopped", ended=ended)
            if not ended:
                leave()

    async def _run_queue(self, app: App, name: str, concurrency: int) -> None:
        await app.run_worker_async(
            queues=[name],
            name=f"{name} {os.getpid()}",
            concurrency=concurrency,
            delete_jobs="always",
            fetch_job_polling_interval=_POLL,
            update_heartbeat_interval=HEARTBEAT,
            stalled_worker_timeout=STALLED,
            install_signal_handlers=False,
        )

    async def _wind_down(self, working: list[asyncio.Task[None]]) -> bool:
        """Let the jobs end that are under way; whether they all did."""
        self._stop.set()  # the threads see it after their slice
        for one in working:
            one.cancel()  # it takes no new job, and ends with its last one
        done, left = await asyncio.wait(working, timeout=PATIENCE)
        for one in done:
            if not one.cancelled() and (fault := one.exception()) is not None:
                log.error("worker.lost_its_queue", reason=str(fault) or type(fault).__name__)
        return not left

    async def _rescue(self, app: App) -> None:
        """Put the jobs of workers that are gone on the queue again. Each worker does it, and the first one has done it.

        The job itself is taken off: another for the same lane may wait already, and two can't wait under one `queueing_lock`.
        """
        while True:
            await asyncio.sleep(HEARTBEAT)
            try:
                await self._rescue_once(app)
            except exceptions.ConnectorException as fault:
                log.warning("queue.away", reason=str(fault.__cause__ or fault))
            except Exception:  # a worker that can't rescue still works
                log.exception("rescue.bug")

    async def _rescue_once(self, app: App) -> None:
        await app.job_manager.prune_stalled_workers(STALLED)
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED):
            try:
                await app.job_manager.finish_job(job, jobs.Status.FAILED, delete_job=True)
            except exceptions.ConnectorException:
                continue  # another worker was quicker
            log.warning("job.stalled", job=job.call_string)
            if job.task_name == ADVANCE:  # shares are shared out again by the lane's holder
                await asyncio.to_thread(self._queue.lane, int(str(job.task_kwargs["store_id"])))

    def _advance(self, _context: JobContext, store_id: int) -> None:
        """A turn on a store's lane, a little longer if there is more to do at once; then it queues up again."""
        clock = self._services.clock
        began = clock.now()
        while not self._stop.is_set():
            next_at = self._lanes.turn(store_id, until=clock.now() + min(SLICE, _TURN))
            if next_at is None or next_at > clock.now() + _SOON:
                return
            if self._lanes.in_trouble(store_id):
                return  # the clock puts it where the others are that hang
            if clock.now() - began > _TURN:
                break
            self._stop.wait(max(0.0, (next_at - clock.now()).total_seconds()))
        self._queue.lane(store_id)

    def _spread(self, store_id: int, run_id: int) -> None:
        """A run's e-mails to several senders; those that are at it already go on."""
        self._queue.shares(store_id=store_id, run_id=run_id, of=self._services.settings.senders)

    def _send(self, context: JobContext, store_id: int, run_id: int, index: int, of: int) -> None:
        """A share of a run's e-mails, for a slice; the lane's holder shares out what is left."""
        number = (context.job.id or 0) % (MOST_SENDERS - 1) + 1
        try:
            if not self._lanes.may_send(store_id):
                return
            send_share(
                post_of(self._services),
                run_id=run_id,
                share=Share(index=index, of=of),
                number=number,
                until=self._services.clock.now() + SLICE,
            )
        except TillrollError as trouble:
            log.error("share.trouble", store=store_id, run=run_id, reason=trouble.message, do=trouble.hint)
        except Exception:  # the worker outlives a bug: the lane's holder finds what is left
            log.exception("share.bug", store=store_id, run=run_id)
