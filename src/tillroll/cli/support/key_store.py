"""Where a person's key is kept between two commands: in the system's keyring, otherwise in a file that only they can read.

The keyring needs the package `keyring` (`pip install "tillroll[keyring]"`) and a system that has one.
"""

from __future__ import annotations

import json
import os
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import click

_SERVICE = "tillroll"


class KeyStore:
    """Keeps the key for one installation, told apart by its database: somebody may work with several."""

    def __init__(self, database_url: str) -> None:
        self._name = sha256(database_url.encode()).hexdigest()[:16]

    def read(self) -> str:
        """Return the key, or "" if none is kept."""
        in_file = self._read_file().get(self._name)  # newer than one in the keyring, which was locked then
        return str(in_file or self._ask_keyring("get_password") or "")

    def keep(self, key: str) -> str:
        """Keep a key in place of the one before, and return where it is kept."""
        self._ask_keyring("set_password", key)
        if self._ask_keyring("get_password") == key:
            self._write_file({**self._read_file(), self._name: ""})
            return "the system's keyring"
        self._write_file({**self._read_file(), self._name: key})
        return str(_file())

    def forget(self) -> None:
        """Remove the key, wherever it is kept."""
        if self._ask_keyring("get_password") is not None:
            self._ask_keyring("delete_password")
        self._write_file({**self._read_file(), self._name: ""})

    def _ask_keyring(self, what: str, *more: str) -> Any:
        """Return the keyring's answer, or None if there is none or it fails: it may be locked."""
        keyring = _usable_keyring()
        try:
            return getattr(keyring, what)(_SERVICE, self._name, *more) if keyring is not None else None
        except Exception:  # a backend raises what it likes
            return None

    @staticmethod
    def _read_file() -> dict[str, str]:
        try:
            kept = json.loads(_file().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    @staticmethod
    def _write_file(keys: dict[str, str]) -> None:
        """Replace the file as a whole. It is readable by its owner only from its first byte on."""
        kept, file = {name: key for name, key in keys.items() if key}, _file()
        if not kept:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = file.with_suffix(f".{os.getpid()}")
        with os.fdopen(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as out:
            json.dump(kept, out)
        new.replace(file)


def _file() -> Path:
    return Path(click.get_app_dir("tillroll")) / "keys.json"


def _usable_keyring() -> Any:
    """Return the module `keyring` if it is installed and the system has a keyring to speak to, otherwise None."""
    try:
        keyring = import_module("keyring")
        return keyring if keyring.get_keyring().priority >= 1 else None
    except Exception:  # not installed, or no keyring runs: a file is kept instead
        return None
