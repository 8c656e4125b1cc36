"""The worker of the distributed engine: it takes jobs from Procrastinate's queue and runs them in threads.

A worker that dies leaves its jobs in the state `doing`. Its heartbeat stops, and any other worker queues them again; the ledger
holds how far they came. Each of the three queues (`jobs.py`) has threads of its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import structlog
from procrastinate import App, JobContext, PsycopgConnector, exceptions, jobs
from procrastinate.manager import JobManager
from procrastinate.worker import Worker as QueueWorker

from tillroll.errors import TillrollError
from tillroll.ledger.database_watch import StoppedWaiting, reason_of
from tillroll.ledger.engine import reading, touch
from tillroll.ledger.job_queue import conninfo
from tillroll.ledger.locks.store_lock import MOST_SENDERS
from tillroll.ledger.queries.stores import load_store
from tillroll.loop.jobs import ADVANCE, CLOSE, MAIL, POOL, SEND, SLOW, TURNS, Queue, WorkerJobs
from tillroll.loop.own_jobs import OwnJobs
from tillroll.loop.registration import note_lost_locks, note_transport, register_store
from tillroll.loop.stages.sending import send_context
from tillroll.loop.store_workers import PATIENCE, SLICE, StoreWorkers, exit_now
from tillroll.recovery.fence import FenceTaken
from tillroll.send.context import Share
from tillroll.send.slices.share import send_share
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.worker")

HEARTBEAT, STALLED = (
    2.0,
    8.0,
)  # seconds: how often a worker reports that it is alive, and when it counts as dead
_POLL = 5.0  # seconds between two looks at the queue; new jobs are announced at once
_FAIR_SHARE = timedelta(seconds=5)  # how long one store may keep a thread
_REST = 1.0  # seconds before the next session, when the database is not away
_SOON = timedelta(seconds=1)  # work that is due so soon is waited for


class DistributedWorker:
    """Runs the queue's jobs until it is stopped.

    It works in sessions. One ends when it loses the queue: the database went away, or others took this worker for dead, since it
    was frozen for long. Then the next one begins, with new connections.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stop = threading.Event()
        self._session_ends = threading.Event()
        self._workers = StoreWorkers(services, share_out=self._share_out)
        self._queue = Queue(services.engine)
        self._has_lost_job = False  # a job of this session ended, and its row is still there
        self._own_jobs = OwnJobs()
        self._registered: list[QueueWorker] = []  # of this session, and of earlier ones without a sign-off

    def stop(self) -> None:
        """Take no more jobs; `run` returns when those under way have ended. Safe to call from a signal handler.

        If one has not ended after `PATIENCE` seconds, the process ends at once.
        """
        self._stop.set()
        self._session_ends.set()
        self._services.database.stop()

    def run(self) -> None:
        """Work until `stop`; return when the jobs under way have ended."""
        database = self._services.database
        database.insist(lambda: register_store(self._services))
        database.insist(lambda: note_transport(self._services))
        database.insist(lambda: note_lost_locks(self._services))
        log.info("worker.started", engine="distributed")
        while not self._stop.is_set():
            self._session_ends.clear()
            try:
                database.insist(lambda: touch(self._services.engine))
                self._run_session()
            except StoppedWaiting:
                break
            except Exception as fault:  # whatever a session ends with, the worker goes on with another
                self._note_end(fault)
        log.info("worker.stopped")
        self._workers.close()

    def _note_end(self, fault: Exception) -> None:
        if self._services.database.failed(fault):
            return
        if isinstance(fault, exceptions.ConnectorException):  # other workers took this one for dead
            log.warning("worker.lost_its_queue", reason=reason_of(fault), note="It begins anew.")
        else:
            log.error("worker.bug", exc_info=fault)
        self._stop.wait(_REST)

    def _run_session(self) -> None:
        """Work until the process is told to end, or the queue is lost."""
        self._queue, self._has_lost_job = Queue(self._services.engine), False
        with self._queue, ThreadPoolExecutor(sum(self._concurrency.values()) + 2) as threads:
            asyncio.run(self._work(threads))

    def _note_lost_job(self, fault: exceptions.ConnectorException) -> None:
        """Note that a job ended and its row is still there. The ledger holds what the job did, so nothing is lost.

        Either the database is away: then this session ends, since the row would keep its store waiting, and the next one
        frees it. Or another worker took the job while this one was frozen.
        """
        if self._session_ends.is_set():
            return
        if self._services.database.failed(fault):
            self._has_lost_job = True
        else:
            log.warning("job.lost", reason=reason_of(fault), note="Another worker took it.")

    @property
    def _concurrency(self) -> dict[str, int]:
        settings = self._services.settings
        return {TURNS: settings.threads, SLOW: settings.slow_threads, MAIL: settings.senders}

    async def _work(self, threads: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(threads)
        loop.set_exception_handler(_note_leftover)
        connector = PsycopgConnector(conninfo=conninfo(self._services.engine), min_size=1, max_size=6, **POOL)
        app = App(connector=connector)
        app.job_manager = WorkerJobs(connector, self._note_lost_job)
        app.task(name=ADVANCE, pass_context=True)(self._advance)
        app.task(name=SEND, pass_context=True)(self._send)
        async with app.open_async():
            await self._sign_off(app)
            working = [
                asyncio.create_task(self._run_queue(app, name, threads))
                for name, threads in self._concurrency.items()
            ]
            rescuing = asyncio.create_task(self._rescue(JobManager(connector)))
            while not self._stop.is_set() and not self._is_lost(working):
                await asyncio.sleep(0.1)
            rescuing.cancel()
            faults = [queue.exception() for queue in working if queue.done()]
            if not self._stop.is_set():  # the queue is lost, and nothing waits for it
                await connector.pool.close(CLOSE)
            await self._wind_down(working)
            for fault in faults:
                if fault is not None:
                    raise fault

    def _is_lost(self, working: list[asyncio.Task[None]]) -> bool:
        lost = self._has_lost_job or self._services.database.is_away
        return lost or any(queue.done() for queue in working)

    async def _sign_off(self, app: App) -> None:
        """Free the jobs of earlier sessions, which have ended: the database was away when their rows were to be removed.

        They need not wait until their worker counts as dead.
        """
        for worker in self._registered:
            if worker.worker_id is not None:
                await app.job_manager.unregister_worker(worker.worker_id)
        self._registered = []

    async def _run_queue(self, app: App, name: str, concurrency: int) -> None:
        worker = QueueWorker(
            app,
            queues=[name],
            name=f"{name} {os.getpid()}",
            concurrency=concurrency,
            delete_jobs="always",
            fetch_job_polling_interval=_POLL,
            update_heartbeat_interval=HEARTBEAT,
            stalled_worker_timeout=STALLED,
            install_signal_handlers=False,
        )
        self._registered.append(worker)
        await worker.run()  # type: ignore[no-untyped-call]  # the library does not say that it returns nothing

    async def _wind_down(self, working: list[asyncio.Task[None]]) -> None:
        """Wait for the jobs under way.

        At the end of the process they have `PATIENCE`. When the queue was lost they have all the time: they may be writing
        down what became of e-mails.
        """
        self._session_ends.set()  # the threads see it after their turn
        for queue in working:
            queue.cancel()  # takes no new job, and ends with its last one
        left = set(working)
        while left and not self._stop.is_set():
            _, left = await asyncio.wait(left, timeout=0.1)
        if left:
            _, left = await asyncio.wait(left, timeout=PATIENCE)
        if left:
            log.info("worker.stopped", ended=False)
            exit_now()

    async def _rescue(self, jobs_of_all: JobManager) -> None:
        """Queue the jobs of dead workers again. Every worker does this, and the first one to notice succeeds.

        The stalled job itself is deleted and a new one added, because another job for the same store may already wait, and two
        can't wait under one `queueing_lock`.
        """
        while True:
            try:
                await self._rescue_once(jobs_of_all)
            except Exception as fault:  # a worker that can't rescue jobs still runs its own
                if not self._services.database.failed(fault):
                    log.exception("rescue.bug")
            await asyncio.sleep(HEARTBEAT)

    async def _rescue_once(self, jobs_of_all: JobManager) -> None:
        await jobs_of_all.prune_stalled_workers(STALLED)
        stalled = await jobs_of_all.get_stalled_jobs(seconds_since_heartbeat=STALLED)
        for job in (*stalled, *await self._ended_jobs(jobs_of_all)):
            try:
                await jobs_of_all.finish_job(job, jobs.Status.FAILED, delete_job=True)
            except exceptions.ConnectorException:
                continue  # another worker has done it
            log.warning("job.stalled", job=job.call_string)
            if job.task_name == ADVANCE:  # shares are added again by the holder of the store's lock
                await asyncio.to_thread(self._queue.add_turn, int(str(job.task_kwargs["store_id"])))

    async def _ended_jobs(self, jobs_of_all: JobManager) -> list[jobs.Job]:
        """Return the jobs that the queue says this worker runs, although they have ended (`own_jobs.py`)."""
        workers = {worker.worker_id for worker in self._registered}
        running = await jobs_of_all.list_jobs_async(status=jobs.Status.DOING.value)
        rows = {job.id: job for job in running if job.id is not None and job.worker_id in workers}
        now = self._services.clock.monotonic()
        return [rows[job_id] for job_id in self._own_jobs.ended(rows, now=now, after=STALLED)]

    def _advance(self, context: JobContext, store_id: int) -> None:
        with self._own_jobs.running(context.job.id or 0):
            self._give_turns(store_id)

    def _give_turns(self, store_id: int) -> None:
        """Give one store turns while it has work, for its fair share of time; then queue its next one."""
        clock = self._services.clock
        began = clock.now()
        while not self._session_ends.is_set():
            next_at = self._workers.turn(store_id, until=clock.now() + min(SLICE, _FAIR_SHARE))
            if next_at is None or next_at > clock.now() + _SOON:
                return
            if self._workers.is_in_trouble(store_id):
                return  # the timer puts it on the slow queue
            if clock.now() - began > _FAIR_SHARE:
                break
            self._session_ends.wait(max(0.0, (next_at - clock.now()).total_seconds()))
        try:
            self._queue.add_turn(store_id)
        except Exception as fault:  # the timer queues it as well
            if not self._services.database.failed(fault):
                log.exception("worker.bug", store=store_id)

    def _share_out(self, store_id: int, run_id: int) -> None:
        """Share a run's e-mails out to several senders; shares that are queued or running stay."""
        self._queue.add_shares(store_id=store_id, run_id=run_id, of=self._services.settings.senders)

    def _send(self, context: JobContext, store_id: int, run_id: int, index: int, of: int) -> None:
        job_id = context.job.id or 0
        number = job_id % (MOST_SENDERS - 1) + 1
        with self._own_jobs.running(job_id):
            self._send_share(store_id, run_id, Share(index=index, of=of), number)

    def _send_share(self, store_id: int, run_id: int, share: Share, number: int) -> None:
        """Send a share of a run's e-mails, for a slice. The holder of the store's lock shares the rest out again."""
        try:
            if not self._workers.may_send(store_id):
                return
            with reading(self._services.engine) as connection:
                store = load_store(connection, store_id)
            send_share(
                send_context(self._services, store.ecwid_id),
                run_id=run_id,
                share=share,
                number=number,
                until=self._services.clock.now() + SLICE,
            )
        except FenceTaken:
            log.debug("share.waits", store=store_id, run=run_id)  # another sender asks the store just now
        except TillrollError as trouble:
            log.error("share.trouble", store=store_id, run=run_id, reason=trouble.message, do=trouble.hint)
        except Exception as fault:  # a bug: the holder of the store's lock finds what is left
            if not self._services.database.failed(fault):
                log.exception("share.bug", store=store_id, run=run_id)


def _note_leftover(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what asyncio finds when it collects garbage. What a lost queue leaves behind was noted when it was lost."""
    fault = context.get("exception")
    if not isinstance(fault, exceptions.ConnectorException):
        log.error("worker.bug", reason=context["message"], exc_info=fault)
