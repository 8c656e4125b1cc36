"""The distributed engine's jobs, on Procrastinate's queue in the ledger's PostgreSQL: a lane's turn, a share of a run's e-mails.

A job only names rows of the ledger, and what it does is harmless to repeat. `queueing_lock` keeps a second one from waiting for
the same lane, `lock` keeps it from running beside the first; the lane's own lock (`ledger/lane.py`) is the last guard.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from procrastinate import App, SyncPsycopgConnector, exceptions
from sqlalchemy.engine import Engine

from tillroll.ledger.queue import conninfo

ADVANCE, SEND = "advance", "send"
LANES, SLOW, MAIL = "lanes", "slow", "mail"
"""Queues: lanes that go well, lanes of stores that hang or are in trouble, and shares of e-mails. Each has threads of its own."""


class Queue:
    """Puts jobs on the queue, from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._connector = SyncPsycopgConnector(conninfo=conninfo(engine), min_size=1, max_size=2)
        self._app = App(connector=self._connector)

    def __enter__(self) -> Self:
        self._app.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._app.close()

    def lane(self, store_id: int, *, slow: bool = False) -> bool:
        """A turn for a store's lane; whether it is new: one that waits already is enough."""
        lock = f"lane {store_id}"
        return self._defer(ADVANCE, SLOW if slow else LANES, lock, {"store_id": store_id})

    def shares(self, *, store_id: int, run_id: int, of: int) -> int:
        """Share a run's e-mails out to so many senders; how many jobs are new."""
        new = 0
        for index in range(of):
            what = {"store_id": store_id, "run_id": run_id, "index": index, "of": of}
            new += self._defer(SEND, MAIL, f"send {run_id} {index}/{of}", what)
        return new

    def waiting(self) -> frozenset[str]:
        """What waits already, by its lock."""
        rows = self._connector.execute_query_all(
            "select queueing_lock from procrastinate_jobs where status = 'todo' and queueing_lock is not null"
        )
        return frozenset(row["queueing_lock"] for row in rows)

    def _defer(self, task: str, queue: str, lock: str, what: dict[str, Any]) -> bool:
        job = self._app.configure_task(task, queue=queue, lock=lock, queueing_lock=lock)
        try:
            job.defer(**what)
        except exceptions.AlreadyEnqueued:
            return False
        return True
