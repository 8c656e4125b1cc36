"""Reads every log of the suite: a test whose log holds a code, an address or a token fails.

The tests log as the product does, through its masks. What must not be in a log is known by value, from the stores and ledgers of
the tests (`remember`, `remember_codes`), and addresses by their shape as well.

A process that a test starts writes its log to a file or hands it to `read_now`; a house test checks that.
Files are read when the test ends. A log is what stands in lines of JSON or behind the name of a library's logger, and every
traceback.
"""

from __future__ import annotations

import io
import re
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from tillroll.sandbox.serve import Sandbox
from tillroll.wiring import configure_logging

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_LIBRARY = re.compile(r"[a-z_]\w*(?:\.\w+)*: ")  # the name of a logger: `configure_logging`
_WORD = re.compile(r"[\w.@+-]+")
_LEAST = 6  # characters of a value that is looked for: a shorter one is part of many words
_secrets: set[str] = set()
_files: set[Path] = set()
_texts: list[str] = []
_folder = tempfile.TemporaryDirectory(prefix="tillroll-logs-")


class Heard(io.TextIOBase):
    """What was logged since the last look; it still reaches stderr."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def write(self, text: str) -> int:
        self._pieces.append(text)
        return sys.stderr.write(text)

    def take(self) -> str:
        text, self._pieces = "".join(self._pieces), []
        return text


_heard = Heard()


def pytest_configure() -> None:
    hook = threading.excepthook  # pytest's, which lets a test fail when a thread of it does
    configure_logging("debug", to=_heard)
    threading.excepthook = hook


def remember(store: Sandbox, folder: Path) -> None:
    """Take note of what a store that has run holds: its token, its customers' addresses and its codes."""
    _secrets.add(store.ready.token)
    for file in folder.rglob("*.sqlite3"):
        with closing(sqlite3.connect(file)) as database:
            for query in ("select code from coupons", "select email from customers"):
                with suppress(sqlite3.Error):
                    _secrets.update(value for (value,) in database.execute(query) if len(value) >= _LEAST)


def remember_codes(codes: Iterable[str]) -> None:
    """Take note of the codes in a ledger."""
    _secrets.update(code for code in codes if len(code) >= _LEAST)


def read_later(log: Path) -> None:
    """Take note of the file that a process logs to."""
    _files.add(log)


def read_now(text: str) -> str:
    """Take note of what a process has logged, and return it."""
    _texts.append(text)
    return text


def new_log() -> BinaryIO:
    """Return a file for a process to log to. It is read when the test ends."""
    log = tempfile.NamedTemporaryFile(dir=_folder.name, suffix=".log", delete=False)  # noqa: SIM115 - the caller closes it
    read_later(Path(log.name))
    return cast("BinaryIO", log)


def leaks(text: str, secrets: set[str]) -> list[str]:
    """Return the values in a log that must not be there."""
    words = {word.strip(".-") for word in _WORD.findall(text)}
    return sorted({*(words & secrets), *_ADDRESS.findall(text)})


def logged(text: str) -> str:
    """Return the part of a process's output that is a log. The rest are sentences for people, who may see addresses."""
    kept, in_traceback = [], False
    for line in text.splitlines():
        in_traceback = (in_traceback or line.startswith("Traceback (most recent call last)")) and bool(line)
        if in_traceback or line.startswith("{") or _LIBRARY.match(line):
            kept.append(line)
    return "\n".join(kept)


def _of_processes() -> Iterator[str]:
    for file in _files:
        with suppress(FileNotFoundError):  # the process never began
            _texts.append(file.read_text(encoding="utf-8", errors="replace"))
    yield from map(logged, _texts)
    _files.clear()
    _texts.clear()


@pytest.fixture(autouse=True)
def no_secret_is_logged() -> Iterator[None]:
    """Fail a test whose log holds a secret."""
    yield
    found = leaks("\n".join([_heard.take(), *_of_processes()]), _secrets)
    assert found == [], "a log holds codes, addresses or tokens"
