"""The key file of an installation on one machine: one key a line, of which the first encrypts and each decrypts."""

from __future__ import annotations

import os
from pathlib import Path

from tillroll.ledger.at_rest.private_files import open_private
from tillroll.ledger.sealing import new_key


def read_or_make(path: Path) -> tuple[str, ...]:
    """Return the keys. The file is made with one at the first start, readable by its owner alone."""
    try:
        return _read(path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process has just made it
        return _read(path)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        key = new_key()
        file.write(key + "\n")
    return (key,)


def put_new_first(path: Path) -> None:
    """Put a new key before the one that is there. Two keys are a rotation that was cut off: they stay, to be finished."""
    keys = _read(path)
    if len(keys) == 1:
        _write(path, (new_key(), *keys))


def keep_first(path: Path) -> None:
    """Forget all keys but the first."""
    _write(path, _read(path)[:1])


def _read(path: Path) -> tuple[str, ...]:
    return tuple(path.read_text(encoding="ascii").split())


def _write(path: Path, keys: tuple[str, ...]) -> None:
    """Replace the file at once, so that a process that dies leaves the keys before or after."""
    draft = path.with_suffix(".part")
    with open(draft, "w", encoding="ascii", opener=open_private) as file:
        file.write("".join(f"{key}\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
