"""The sandbox's database: one SQLite file, so that killing the process loses nothing it has confirmed."""

from __future__ import annotations

import json
import random
import re
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from tillroll.sandbox.state import schema

STORE_ID = 1003

_WRITES = re.compile(r"\s*(?:insert (?:or \w+ )?into|replace into|update|delete from)\s+(\w+)")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_COUNTS_KEPT, _PAGES_KEPT = 1_000, 32


class _Cache:
    """A cache whose values are valid until the version of their source changes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[tuple[Any, ...], tuple[tuple[int, ...], Any]] = {}

    def get(self, key: tuple[Any, ...], version: tuple[int, ...], make: Callable[[], Any]) -> Any:
        """Return the cached value of a key, or compute it."""
        cached = self._kept.get(key)
        if cached is not None and cached[0] == version:
            return cached[1]
        made = make()
        if len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (version, made)
        return made


class State:
    """One connection and one lock: a request's effect and its answer are one transaction."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(
            directory / "sandbox.sqlite3", check_same_thread=False, isolation_level=None
        )
        self._db.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
            self._db.execute(f"PRAGMA {pragma}")
        # SQLite's own LIKE folds case in ASCII only
        self._db.create_function("folded", 1, str.casefold, deterministic=True)
        self._db.create_function("has_words", 3, _has_words, deterministic=True)
        schema.make(self._db)
        self._lock = threading.RLock()
        self._depth = 0
        self._versions: dict[str, int] = {}
        self._rollbacks = 0
        self._counts, self._pages = _Cache(_COUNTS_KEPT), _Cache(_PAGES_KEPT)

    @contextmanager
    def transaction(self) -> Iterator[State]:
        """Commit everything in the block together, or nothing. Blocks may nest."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("begin immediate")
            else:
                self._db.execute(f"savepoint s{self._depth}")
            self._depth += 1
            try:
                yield self
            except BaseException:
                self._depth -= 1
                self._rollbacks += 1
                self._db.execute("rollback" if self._depth == 0 else f"rollback to s{self._depth}")
                raise
            self._depth -= 1
            self._db.execute("commit" if self._depth == 0 else f"release s{self._depth}")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """Return the first row, or None."""
        with self._lock:
            first: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return first

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Return the first column of the first row."""
        first = self.row(sql, values)
        return None if first is None else first[0]

    def run(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement that writes."""
        with self._lock:
            self._changes(sql)
            return self._db.execute(sql, values)

    def run_many(self, sql: str, rows: Iterator[Sequence[Any]] | Sequence[Sequence[Any]]) -> None:
        """Run one statement for many rows."""
        with self._lock:
            self._changes(sql)
            self._db.executemany(sql, rows)

    def _changes(self, sql: str) -> None:
        table = _table_written(sql)
        self._versions[table] = self._versions.get(table, 0) + 1

    def version(self, *tables: str) -> tuple[int, ...]:
        """Return a value that stays the same while nothing is written to these tables."""
        return (self._rollbacks, *(self._versions.get(table, 0) for table in tables))

    def count(self, sql: str, values: Sequence[Any], *, tables: Sequence[str]) -> int:
        """Return a count over these tables, cached until one of them changes."""
        return int(self._counts.get((sql, *values), self.version(*tables), lambda: self.value(sql, values)))

    def page(
        self, sql: str, values: Sequence[Any], make: Callable[[], list[Any]], *, tables: Sequence[str]
    ) -> list[Any]:
        """Return a page made of these tables, cached like a count. Do not change the returned value."""
        cached: list[Any] = self._pages.get((sql, *values), self.version(*tables), make)
        return cached

    def next_id(self, table: str, column: str = "id", *, after: int = 0) -> int:
        """Return a number that no row of the table has or ever had."""
        highest = int(self.value(f"select coalesce(max({column}), 0) from {table}"))  # noqa: S608 - fixed texts
        number = max(highest, int(self.fact(f"last:{table}", "0")), after) + 1
        self.keep_fact(f"last:{table}", str(number))
        return number

    def next_number(self, name: str, *, after: int = 0) -> int:
        """Return a number that was never returned for this name before."""
        number = max(int(self.fact(f"last:{name}", "0")), after) + 1
        self.keep_fact(f"last:{name}", str(number))
        return number

    def fact(self, name: str, default: str = "") -> str:
        """Return a named text that is kept in the file."""
        value = self.value("select value from facts where name = ?", (name,))
        return default if value is None else str(value)

    def keep_fact(self, name: str, value: str) -> None:
        """Keep a named text."""
        self.run("insert or replace into facts values (?, ?)", (name, value))

    def secret(self, name: str, prefix: str) -> str:
        """Return a token or secret: created at first use, then always the same."""
        kept = self.fact(name)
        if not kept:
            kept = prefix + secrets.token_hex(16)
            self.keep_fact(name, kept)
        return kept

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


@lru_cache(maxsize=1_000)
def _table_written(sql: str) -> str:
    match = _WRITES.match(sql)
    return match[1] if match else ""


def _has_words(text: str | None, wanted: str, whole: int) -> bool:
    """Return whether each wanted word is in the text: as a word (`whole` is not 0), or at least as the beginning of one."""
    words = re.findall(r"\w+", (text or "").casefold())
    return all(
        any(word == wanted_word if whole else word.startswith(wanted_word) for word in words)
        for wanted_word in re.findall(r"\w+", wanted.casefold())
    )


_decoder = json.JSONDecoder()
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def load(text: str) -> Any:
    """Parse a document that `dump` wrote."""
    return _decoder.raw_decode(text)[0]


def dump(body: Any) -> str:
    """Return a document as text that a file can hold: half a surrogate stays as its escape."""
    text = _encode(body)
    sound = text.isascii() or _SURROGATE.search(text) is None
    return text if sound else json.dumps(body, separators=(",", ":"))


def seeded(seed: int, name: str) -> random.Random:
    """Return a seeded random generator: the same shop for the same seed."""
    return random.Random(f"{seed}/{name}")  # noqa: S311 - sample data
