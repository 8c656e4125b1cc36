"""The modes of files that hold codes, addresses or keys: their owner alone may read them.

New files are private by the process's umask. Files of earlier versions, or copied by hand, are tightened when a process starts.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_OTHERS = 0o077


def keep_files_private() -> None:
    """Let every file that this process and its children make be private."""
    os.umask(_OTHERS)


def open_private(path: str, flags: int) -> int:
    """Open a file that is private whatever the umask is; an `opener` of `open`."""
    return os.open(path, flags, 0o600)


def ledger_files(database_url: str) -> list[Path]:
    """Return the files of a ledger: that of SQLite with those beside it; none of PostgreSQL."""
    from sqlalchemy.engine import make_url  # loads slowly, and only an open ledger needs it

    url = make_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return []
    return [Path(url.database + ending) for ending in ("", "-wal", "-shm", "-journal")]


def tighten(paths: Iterable[Path]) -> int:
    """Make files and whole folders private to their owner; return how many were not.

    A folder that is private already is not looked into: nobody else can reach what it holds. It becomes private last, so that a
    process that dies meanwhile is followed by one that looks again. What belongs to somebody else is left alone.
    """
    return sum(_tighten(path) for path in paths)


def _tighten(path: Path) -> int:
    try:
        mode = stat.S_IMODE(path.lstat().st_mode)
    except OSError:
        return 0
    if path.is_symlink() or not mode & _OTHERS:
        return 0
    inside = sum(_tighten(one) for one in _inside(path)) if path.is_dir() else 0
    with suppress(OSError):
        path.chmod(mode & ~_OTHERS)
        return inside + 1
    return inside


def _inside(folder: Path) -> Iterator[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            yield Path(entry.path)
