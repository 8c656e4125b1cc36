"""The sandbox's memory: one SQLite file, so that killing the process loses nothing it has answered for."""

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

from tillroll.sandbox.memory import schema

STORE_ID = 1003

_WRITES = re.compile(r"\s*(?:insert (?:or \w+ )?into|replace into|update|delete from)\s+(\w+)")
_COUNTS_KEPT, _PAGES_KEPT = 1_000, 32


class _Memory:
    """Answers that hold until the version of what they were drawn from changes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[tuple[Any, ...], tuple[tuple[int, ...], Any]] = {}

    def get(self, key: tuple[Any, ...], version: tuple[int, ...], make: Callable[[], Any]) -> Any:
        """What is remembered for this key, or made anew."""
        known = self._kept.get(key)
        if known is not None and known[0] == version:
            return known[1]
        made = make()
        if len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (version, made)
        return made


class State:
    """One connection, one lock: a request's effect and its answer are one transaction."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(
            directory / "sandbox.sqlite3", check_same_thread=False, isolation_level=None
        )
        self._db.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
            self._db.execute(f"PRAGMA {pragma}")
        # SQLite's own LIKE knows no case beyond ASCII
        self._db.create_function("folded", 1, str.casefold, deterministic=True)
        self._db.create_function("has_words", 3, _has_words, deterministic=True)
        schema.make(self._db)
        self._lock = threading.RLock()
        self._depth = 0
        self._versions: dict[str, int] = {}
        self._rollbacks = 0
        self._counts, self._pages = _Memory(_COUNTS_KEPT), _Memory(_PAGES_KEPT)

    @contextmanager
    def transaction(self) -> Iterator[State]:
        """Everything in the block happens together, or not at all; blocks may nest."""
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
        """All rows of a query."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row, or None."""
        with self._lock:
            found: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return found

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row."""
        found = self.row(sql, values)
        return None if found is None else found[0]

    def run(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """One statement that writes."""
        with self._lock:
            self._changes(sql)
            return self._db.execute(sql, values)

    def run_many(self, sql: str, rows: Iterator[Sequence[Any]] | Sequence[Sequence[Any]]) -> None:
        """One statement for many rows."""
        with self._lock:
            self._changes(sql)
            self._db.executemany(sql, rows)

    def _changes(self, sql: str) -> None:
        table = _table_written(sql)
        self._versions[table] = self._versions.get(table, 0) + 1

    def version(self, *tables: str) -> tuple[int, ...]:
        """What stays the same for as long as nothing is written to these tables."""
        return (self._rollbacks, *(self._versions.get(table, 0) for table in tables))

    def count(self, sql: str, values: Sequence[Any], *, tables: Sequence[str]) -> int:
        """A count over these tables, remembered until one of them is written to."""
        return int(self._counts.get((sql, *values), self.version(*tables), lambda: self.value(sql, values)))

    def page(
        self, sql: str, values: Sequence[Any], make: Callable[[], list[Any]], *, tables: Sequence[str]
    ) -> list[Any]:
        """A page made of these tables, remembered like a count. Nobody may change what this answers."""
        found: list[Any] = self._pages.get((sql, *values), self.version(*tables), make)
        return found

    def next_id(self, table: str, column: str = "id", *, after: int = 0) -> int:
        """A number that no row of the table has or ever had."""
        highest = int(self.value(f"select coalesce(max({column}), 0) from {table}"))  # noqa: S608 - fixed texts
        number = max(highest, int(self.fact(f"last:{table}", "0")), after) + 1
        self.keep_fact(f"last:{table}", str(number))
        return number

    def next_number(self, name: str, *, after: int = 0) -> int:
        """A number that this name was never given before."""
        number = max(int(self.fact(f"last:{name}", "0")), after) + 1
        self.keep_fact(f"last:{name}", str(number))
        return number

    def fact(self, name: str, default: str = "") -> str:
        """A named text that outlives the process."""
        found = self.value("select value from facts where name = ?", (name,))
        return default if found is None else str(found)

    def keep_fact(self, name: str, value: str) -> None:
        """Remember a named text."""
        self.run("insert or replace into facts values (?, ?)", (name, value))

    def secret(self, name: str, prefix: str) -> str:
        """A token or secret: made at first, the same ever after."""
        found = self.fact(name)
        if not found:
            found = prefix + secrets.token_hex(16)
            self.keep_fact(name, found)
        return found

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()


@lru_cache(maxsize=1_000)
def _table_written(sql: str) -> str:
    match = _WRITES.match(sql)
    return match[1] if match else ""


def _has_words(text: str | None, wanted: str, whole: int) -> bool:
    """Whether each wanted word is in the text: as a word of its own, or as the beginning of one."""
    words = re.findall(r"\w+", (text or "").casefold())
    return all(
        any(word == one if whole else word.startswith(one) for word in words)
        for one in re.findall(r"\w+", wanted.casefold())
    )


_decoder = json.JSONDecoder()


def load(text: str) -> Any:
    """A document that `dump` wrote, read without a look around it."""
    return _decoder.raw_decode(text)[0]


def dump(body: Any) -> str:
    """A document as it is kept."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def seeded(seed: int, name: str) -> random.Random:
    """Chance that repeats itself: the same shop for the same seed."""
    return random.Random(f"{seed}/{name}")  # noqa: S311 - sample data
