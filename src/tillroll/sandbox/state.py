"""The store's memory: one SQLite file that survives a kill at any moment.

Readers have connections of their own (WAL), writers take turns at one. What was answered is committed before the
answer leaves, so nothing lives in the process alone but rate windows, counters and switches.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

FILE = "sandbox.sqlite3"

SCHEMA = """
CREATE TABLE IF NOT EXISTS stores (
    id INTEGER PRIMARY KEY, client_id TEXT NOT NULL, client_secret TEXT NOT NULL, seed INTEGER NOT NULL,
    created_at INTEGER NOT NULL, profile TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY, store_id INTEGER NOT NULL, client_id TEXT NOT NULL, scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stamps (
    store_id INTEGER NOT NULL, area TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (store_id, area)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS coupons (
    id INTEGER PRIMARY KEY AUTOINCREMENT, store_id INTEGER NOT NULL, code TEXT NOT NULL, folded TEXT NOT NULL,
    name TEXT NOT NULL, discount_type TEXT NOT NULL, status TEXT NOT NULL, discount REAL NOT NULL,
    launches_at INTEGER NOT NULL, expires_at INTEGER, total_limit REAL, uses_limit TEXT NOT NULL,
    application_limit TEXT NOT NULL, catalog_limit TEXT, shipping_limit TEXT, created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL, order_count INTEGER NOT NULL, UNIQUE (store_id, folded));
CREATE INDEX IF NOT EXISTS coupons_created ON coupons (store_id, created_at);
CREATE INDEX IF NOT EXISTS coupons_updated ON coupons (store_id, updated_at);
CREATE TABLE IF NOT EXISTS customer_groups (
    id INTEGER NOT NULL, store_id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (store_id, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS customers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, store_id INTEGER NOT NULL, email TEXT NOT NULL, email_folded TEXT NOT NULL,
    name_folded TEXT NOT NULL, lang TEXT, country TEXT, accepts INTEGER, group_id INTEGER NOT NULL,
    orders INTEGER NOT NULL, sales REAL NOT NULL, first_order_at INTEGER, last_order_at INTEGER,
    registered_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, searchable_at REAL NOT NULL, stale_at INTEGER,
    doc TEXT NOT NULL, UNIQUE (store_id, email_folded));
CREATE INDEX IF NOT EXISTS customers_name ON customers (store_id, name_folded, id, searchable_at, stale_at);
CREATE INDEX IF NOT EXISTS customers_registered ON customers (store_id, registered_at, id, searchable_at, stale_at);
CREATE INDEX IF NOT EXISTS customers_updated ON customers (store_id, updated_at, id, searchable_at, stale_at);
CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY AUTOINCREMENT, store_id INTEGER NOT NULL, public_id TEXT NOT NULL,
    customer_id INTEGER, email_folded TEXT NOT NULL, payment_status TEXT NOT NULL, fulfillment_status TEXT NOT NULL,
    total REAL NOT NULL, coupon_folded TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    searchable_at REAL NOT NULL, stale_at INTEGER, doc TEXT NOT NULL, UNIQUE (store_id, public_id));
CREATE INDEX IF NOT EXISTS orders_created ON orders (store_id, created_at, number, payment_status, searchable_at, stale_at);
CREATE INDEX IF NOT EXISTS orders_updated ON orders (store_id, updated_at);
CREATE INDEX IF NOT EXISTS orders_customer ON orders (customer_id);
CREATE INDEX IF NOT EXISTS orders_coupon ON orders (store_id, coupon_folded) WHERE coupon_folded IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_email ON orders (store_id, email_folded);
CREATE TABLE IF NOT EXISTS categories (
    id INTEGER PRIMARY KEY AUTOINCREMENT, store_id INTEGER NOT NULL, parent_id INTEGER, position INTEGER NOT NULL,
    name TEXT NOT NULL, enabled INTEGER NOT NULL, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS products (
    id INTEGER PRIMARY KEY AUTOINCREMENT, store_id INTEGER NOT NULL, sku TEXT NOT NULL, name TEXT NOT NULL,
    name_folded TEXT NOT NULL, price REAL NOT NULL, quantity INTEGER, enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, searchable_at REAL NOT NULL, stale_at INTEGER,
    doc TEXT NOT NULL, UNIQUE (store_id, sku));
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, ticket TEXT NOT NULL UNIQUE, store_id INTEGER NOT NULL, token TEXT NOT NULL,
    client_id TEXT NOT NULL, group_id TEXT, dedup_key TEXT, stop_on_failure INTEGER NOT NULL,
    parallel INTEGER NOT NULL, status TEXT NOT NULL, total INTEGER NOT NULL, completed INTEGER NOT NULL,
    created_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS batches_dedup ON batches (store_id, dedup_key) WHERE dedup_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS batches_status ON batches (store_id, status, id);
CREATE TABLE IF NOT EXISTS batch_requests (
    batch_id INTEGER NOT NULL, position INTEGER NOT NULL, caller_id TEXT, method TEXT NOT NULL, path TEXT NOT NULL,
    body TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, status TEXT, http_code INTEGER, answer TEXT,
    PRIMARY KEY (batch_id, position)) WITHOUT ROWID;
"""

_FIRST_IDS = {"coupons": 401_200_344, "customers": 188_278_628, "orders": 492_512_059, "products": 39_766_763}
"""Ids start where a real store's would look: long enough to break a narrow column, never 1."""


class State:
    """The connections to the store's file."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / FILE
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._turn = threading.Lock()
        self._writer = self._connect()
        self._writer.executescript(SCHEMA)
        self._set_first_ids()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one moment of the store."""
        try:
            db = self._idle.get_nowait()
        except Empty:
            db = self._connect()
        db.execute("BEGIN")
        try:
            yield db
        finally:
            db.execute("ROLLBACK")
            self._idle.put(db)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The one writing connection, in a transaction that commits unless the block raises."""
        with self._turn:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def close(self) -> None:
        """Give the file back. Nothing may use the state after."""
        with self._turn:
            self._writer.close()
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        # NORMAL keeps every commit through a kill of the process; only a power cut could take the last ones
        db.execute("PRAGMA synchronous = NORMAL")
        return db

    def _set_first_ids(self) -> None:
        with self.writing() as db:
            known = {row["name"] for row in db.execute("SELECT name FROM sqlite_sequence")}
            missing = [(table, first) for table, first in _FIRST_IDS.items() if table not in known]
            db.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", missing)
