"""PostgreSQL connections that wait for an answer for a limited time only.

A server that is frozen, or a proxy that has lost it, accepts statements and never answers. Whoever has a person or a store at
the other end must not wait for that.
"""

from __future__ import annotations

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

_T = TypeVar("_T")
_LOOK_EVERY = 0.1  # seconds


def bounded(seconds: float) -> type[psycopg.Connection[Any]]:
    """Return a class of connections that give up, and are closed, when a statement has no answer after some seconds."""

    class BoundedConnection(psycopg.Connection[Any]):
        def wait(self, gen: PQGen[_T], interval: float = _LOOK_EVERY, timeout: float | None = None) -> _T:
            try:
                return super().wait(gen, interval, seconds if timeout is None else timeout)
            except psycopg.OperationalError:
                if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                    self.pgconn.finish()  # its answer would be taken for the next statement's
                raise

    return BoundedConnection
