"""The store lock: the process that holds it is the only one that mints and sends for the store.

It is a lock on a file beside the SQLite database, or a session's advisory lock on PostgreSQL. It is released when its process
dies, so a killed worker blocks nobody. Rows that the holder finds half done are therefore left over from a dead process, never
work in progress. Other senders may send messages beside the holder (`send/slices/deliver.py`). Each has a lock of its own, and
its rows are left over once that lock is free.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Engine

_LOCKS = {
    "lane": 0x7111_1A4E,
    "import": 0x7111_1A4F,
    "sender": 0x7111_1A50,
    "fence": 0x7111_1A51,
    "probe": 0x7111_1A52,
    "crm": 0x7111_1A53,
}
MOST_SENDERS = 2**31  # a sender's number is smaller: PostgreSQL's lock keys are two 32-bit numbers


@contextmanager
def store_lock(engine: Engine, store_id: int, *, name: str = "lane") -> Iterator[bool]:
    """Hold a lock for the length of a block if it is free; yields whether it is held.

    `name`: "lane" is the store lock itself. "import" lets one import run at a time and leaves the store lock free. "sender" is
    for each parallel sender, by its number instead of the store's. "fence" is held while the fence is raised,
    "probe" while `tillroll store probe` runs, "crm" while a CRM is told.
    """
    if engine.dialect.name == "postgresql":
        with _advisory(engine, _LOCKS[name], store_id) as held:
            yield held
    else:
        with _file(f"{engine.url.database}.{name}-{store_id}") as held:
            yield held


def lock_ends_with_process(engine: Engine) -> bool:
    """Return whether a lock is held for as long as its holder lives.

    A file's is. PostgreSQL releases a lock when its connection breaks, though the holder may live on and not know yet.
    """
    return engine.dialect.name != "postgresql"


def seconds_since_locks_were_lost(engine: Engine) -> float | None:
    """Return how long ago the server began, and so all locks were released; None where that can't be."""
    if lock_ends_with_process(engine):
        return None
    query = sa.text("select extract(epoch from clock_timestamp() - pg_postmaster_start_time())")
    with engine.connect() as connection:
        return float(connection.scalar(query) or 0.0)


@contextmanager
def _advisory(engine: Engine, lock: int, store_id: int) -> Iterator[bool]:
    with engine.connect() as connection:
        held = bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(lock, store_id))))
        connection.commit()
        try:
            yield held
        finally:
            if held:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(lock, store_id)))
                connection.commit()


@contextmanager
def _file(path: str) -> Iterator[bool]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
