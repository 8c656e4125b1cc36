"""The sandbox's memory: one SQLite file, so that killing the process loses nothing it has answered for."""

from __future__ import annotations

import json
import random
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STORE_ID = 1003

_SCHEMA = """
create table if not exists facts (name text primary key, value text not null);
create table if not exists coupons (
    id integer primary key autoincrement, code text not null unique, created real not null,
    updated real not null, body text not null);
create index if not exists coupons_created on coupons (created);
create table if not exists customers (
    id integer primary key, email text not null unique, registered real not null, updated real not null,
    searchable real not null, orders integer not null, spent real not null, first_order real, last_order real,
    consent integer, lang text not null, country text not null, group_name text not null, name text not null,
    body text not null);
create index if not exists customers_updated on customers (updated);
create index if not exists customers_registered on customers (registered, id);
create table if not exists orders (
    number integer primary key, id text not null unique, customer integer, email text not null,
    created real not null, updated real not null, searchable real not null, status text not null,
    coupon text not null, total real not null, body text not null);
create index if not exists orders_updated on orders (updated);
create index if not exists orders_coupon on orders (coupon);
create index if not exists orders_page on orders (created, number, searchable, updated, status);
create index if not exists orders_customer on orders (customer);
create index if not exists orders_email on orders (email);
create index if not exists customers_name on customers (name, id, searchable, registered, updated);
create index if not exists customers_page on customers (registered, id, searchable, updated);
create table if not exists products (id integer primary key, sku text not null unique, body text not null);
create table if not exists categories (id integer primary key, body text not null);
create table if not exists batches (
    number integer primary key autoincrement, ticket text not null unique, key text not null,
    groupid text not null, stop_on_failure integer not null, status text not null,
    total integer not null, created real not null);
create index if not exists batches_key on batches (key);
create table if not exists inner_requests (
    batch integer not null, position integer not null, request text not null, answer text,
    primary key (batch, position));
create index if not exists inner_open on inner_requests (batch, position) where answer is null;
"""


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
        self._db.executescript(_SCHEMA)
        self._lock = threading.RLock()
        self._depth = 0

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
            return self._db.execute(sql, values)

    def run_many(self, sql: str, rows: Iterator[Sequence[Any]] | Sequence[Sequence[Any]]) -> None:
        """One statement for many rows."""
        with self._lock:
            self._db.executemany(sql, rows)

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


def dump(body: Any) -> str:
    """A document as it is kept."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def seeded(seed: int, name: str) -> random.Random:
    """Chance that repeats itself: the same shop for the same seed."""
    return random.Random(f"{seed}/{name}")  # noqa: S311 - sample data
