"""The jobs of the distributed engine, on Procrastinate's queue in the ledger's PostgreSQL: a store's turn, a share of e-mails.

A job only names rows of the ledger and is safe to repeat. Its `queueing_lock` keeps a second job for the same store out of the
queue, and its `lock` keeps two from running at the same time. The store's own lock (`ledger/locks/store_lock.py`) is the last
guard.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from procrastinate import App, SyncPsycopgConnector, exceptions
from procrastinate.connector import BaseAsyncConnector
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from sqlalchemy.engine import Engine

from tillroll.ledger.job_queue import conninfo

ADVANCE, SEND = "advance", "send"
"""Tasks: a turn for a store, and a share of a run's e-mails."""

TURNS, SLOW, MAIL = "lanes", "slow", "mail"
"""Queues: turns of stores that work, turns of stores that hang or fail, and shares of e-mails. Each has its own threads."""

POOL: dict[str, Any] = {"timeout": 10.0, "reconnect_timeout": 10.0}
"""Seconds that a pool waits for a connection, and tries to make one: whoever meets an outage opens another pool afterwards."""

CLOSE = 1.0
"""Seconds that connections have to close."""


def turn_lock(store_id: int) -> str:
    """Return the lock of a store's turns in the queue."""
    return f"lane {store_id}"


class Queue:
    """Adds jobs to the queue; safe to use from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._connector = SyncPsycopgConnector(conninfo=conninfo(engine), min_size=1, max_size=2, **POOL)
        self._app = App(connector=self._connector)

    def __enter__(self) -> Self:
        try:
            self._app.open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        """Close the connections. Of a database that is away, none is waited for."""
        self._connector.pool.close(CLOSE)

    def add_turn(self, store_id: int, *, slow: bool = False) -> bool:
        """Queue a turn for a store. Return whether it is new: a turn that already waits is enough."""
        return self._defer(ADVANCE, SLOW if slow else TURNS, turn_lock(store_id), {"store_id": store_id})

    def add_shares(self, *, store_id: int, run_id: int, of: int) -> int:
        """Queue a run's e-mails in `of` shares. Return how many jobs are new."""
        new = 0
        for index in range(of):
            arguments = {"store_id": store_id, "run_id": run_id, "index": index, "of": of}
            new += self._defer(SEND, MAIL, f"send {run_id} {index}/{of}", arguments)
        return new

    def waiting_locks(self) -> frozenset[str]:
        """Return the locks of the jobs that wait."""
        rows = self._connector.execute_query_all(
            "select queueing_lock from procrastinate_jobs where status = 'todo' and queueing_lock is not null"
        )
        return frozenset(row["queueing_lock"] for row in rows)

    def _defer(self, task: str, queue: str, lock: str, arguments: dict[str, Any]) -> bool:
        job = self._app.configure_task(task, queue=queue, lock=lock, queueing_lock=lock)
        try:
            job.defer(**arguments)
        except exceptions.AlreadyEnqueued:
            return False
        return True


class WorkerJobs(JobManager):
    """What a worker does with its jobs' rows. It tells when the row of an ended job could not be removed.

    Procrastinate itself leaves such an error to asyncio, which tells of it once it collects garbage.
    """

    def __init__(
        self, connector: BaseAsyncConnector, note_lost: Callable[[exceptions.ConnectorException], None]
    ) -> None:
        super().__init__(connector)
        self._note_lost = note_lost

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        try:
            await super().finish_job(job, status, delete_job)
        except exceptions.ConnectorException as fault:
            self._note_lost(fault)
