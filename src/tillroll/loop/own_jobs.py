"""Jobs that the queue says this worker runs, although they have ended.

A database that fails over to a copy, or that reports a commit too early, may forget that a job ended. The row then keeps its
store waiting for as long as the worker lives, since its heartbeat goes on. So each worker compares these rows with the jobs that
it really runs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class OwnJobs:
    """The jobs that run in this process. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[int] = set()
        self._idle_since: dict[int, float] = {}  # when each row was first seen without a running job

    @contextmanager
    def running(self, job_id: int) -> Iterator[None]:
        """Note that a job runs for as long as the block does."""
        with self._lock:
            self._running.add(job_id)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(job_id)

    def ended(self, rows: Iterable[int], *, now: float, after: float) -> frozenset[int]:
        """Return which of the rows have had no running job for `after` seconds. `now`: monotonic seconds.

        `rows`: the ids of all jobs that the queue says this process runs. A job that has just been fetched, or whose row is just
        being removed, is idle for a moment only.
        """
        with self._lock:
            idle = frozenset(rows) - self._running
        self._idle_since = {job_id: self._idle_since.get(job_id, now) for job_id in idle}
        return frozenset(job_id for job_id, since in self._idle_since.items() if now - since > after)
