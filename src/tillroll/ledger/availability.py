"""Telling a database that is away from a bug: it can't be reached, is starting or stopping, full, locked or read-only.

Such an error is nobody's fault and passes: whoever meets it waits and tries again. The drivers' error codes decide, never their
texts. Sources: sqlite.org/rescode.html, and appendix A of the PostgreSQL manual (SQLSTATE).
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator

import sqlalchemy as sa

_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOMEM,
    }
)
_PRIMARY = 0xFF  # an extended result code has the primary one in its lowest byte
_POSTGRESQL_CLASSES = (
    "08",  # the connection failed
    "53",  # disk full, out of memory, too many connections
    "57P",  # the server is shutting down, was killed or is starting
    "58",  # an error outside PostgreSQL, like a file that can't be read
)
_POSTGRESQL_CODES = frozenset({"25006", "55P03"})  # read-only; a lock that could not be had in time
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})  # full, over its quota, read-only


def is_unavailable(fault: BaseException) -> bool:
    """Return whether an error means that the database is away for now, however it was wrapped or caused."""
    return any(_is_away(each) for each in _chain(fault))


def _chain(fault: BaseException) -> Iterator[BaseException]:
    """Yield an error, what it wraps and what caused it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [fault]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [getattr(each, "orig", None), each.__cause__]
        if isinstance(each, sa.exc.PendingRollbackError):  # raised while another error is handled
            waiting.append(each.__context__)


def _is_away(fault: BaseException) -> bool:
    if isinstance(
        fault, sa.exc.DisconnectionError | sa.exc.TimeoutError
    ):  # the second: no connection is free
        return True
    if isinstance(fault, OSError):  # of the files beside an SQLite database, like its locks
        return fault.errno in _DISK
    if isinstance(fault, sqlite3.Error):
        code: int | None = getattr(fault, "sqlite_errorcode", None)
        return code is not None and code & _PRIMARY in _SQLITE
    return _is_away_postgresql(fault)


def _is_away_postgresql(fault: BaseException) -> bool:
    import psycopg  # only PostgreSQL needs it, and it loads slowly
    import psycopg_pool

    if isinstance(fault, psycopg_pool.PoolTimeout | psycopg_pool.PoolClosed):
        return True
    if not isinstance(fault, psycopg.Error):
        return False
    if fault.sqlstate is None:  # the server did not say it: the connection broke, or there was none
        return isinstance(fault, psycopg.OperationalError | psycopg.InterfaceError)
    return fault.sqlstate in _POSTGRESQL_CODES or fault.sqlstate.startswith(_POSTGRESQL_CLASSES)
