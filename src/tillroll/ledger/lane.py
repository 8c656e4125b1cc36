"""One lane a store: whoever holds it is the only one that mints and sends for that store.

The lock dies with the process that holds it, so a killed worker's lane is free at once: a lock on a file beside the SQLite
database, or a session's advisory lock on PostgreSQL. Rows found half-way by the holder of a lane are therefore left over
from a process that is gone, never work in progress. Messages may be sent by others beside the holder (`send/deliver.py`): each
of them holds a lock of its own name, and what it was at is left over as soon as that lock is free.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Engine

_LOCKS = {"lane": 0x7111_1A4E, "import": 0x7111_1A4F, "sender": 0x7111_1A50, "fence": 0x7111_1A51}
MOST_SENDERS = 2**31  # a sender's number is less: PostgreSQL's locks have two small numbers


@contextmanager
def lane(engine: Engine, store_id: int, *, name: str = "lane") -> Iterator[bool]:
    """Hold the store's lane for the block if it is free; yields whether it is held.

    `name`: "import" is a lock of its own, so that one import runs at a time and the worker's lane stays free; "sender" is one
    for each of those that send side by side, by its number instead of a store's; "fence" is held while the store is told how far
    the ledger is.
    """
    if engine.dialect.name == "postgresql":
        with _advisory(engine, _LOCKS[name], store_id) as held:
            yield held
    else:
        with _file(f"{engine.url.database}.{name}-{store_id}") as held:
            yield held


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
