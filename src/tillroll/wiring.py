"""The one function that names concrete parts: `build(settings)` opens what an installation needs and hands it out."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine

from tillroll.clock import Clock, SystemClock
from tillroll.ecwid.client import Client
from tillroll.ecwid.pace import Pace
from tillroll.ledger.engine import open_engine
from tillroll.ledger.levels import Levels
from tillroll.ledger.sealing import Sealer, new_key
from tillroll.send.outbox import Outbox
from tillroll.send.smtp import Server, Smtp
from tillroll.send.transport import Transport
from tillroll.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything an entry point works with."""

    settings: Settings
    engine: Engine
    clock: Clock
    sealer: Sealer
    keys: tuple[str, ...]  # what seals; the web signs its sessions with something derived from the first
    transport: Transport

    def open_client(self, store: sa.Row[Any], *, person: bool = False) -> Client:
        """A client of one store, to be closed by the caller; all of them share the token's pace through the ledger.

        `person`: somebody waits at a screen for what it asks.
        """
        pace = Pace(
            self.clock,
            per_minute=self.settings.requests_per_minute,
            keeper=Levels(self.engine, store.id),
        )
        return Client(
            base_url=store.base_url,
            store_id=store.ecwid_id,
            token=self.sealer.open(store.token),
            pace=pace,
            clock=self.clock,
            person=person,
        )

    @contextmanager
    def client(self, store: sa.Row[Any], *, person: bool = False) -> Iterator[Client]:
        """The same for a block."""
        client = self.open_client(store, person=person)
        try:
            yield client
        finally:
            client.close()


@contextmanager
def build(settings: Settings, *, clock: Clock | None = None) -> Iterator[Services]:
    """Open the ledger and construct the parts; everything is closed at the end of the block."""
    clock = clock or SystemClock()
    engine = open_engine(settings.database_url, connections=settings.connections)
    try:
        keys = settings.secret_keys or (_local_key(settings.home / "secret.key"),)
        yield Services(
            settings=settings,
            engine=engine,
            clock=clock,
            sealer=Sealer(keys),
            keys=keys,
            transport=Smtp(Server.from_url(settings.smtp_url))
            if settings.smtp_url
            else Outbox(settings.outbox, clock),
        )
    finally:
        engine.dispose()


def _local_key(path: Path) -> str:
    """The key of an installation on one machine: made at its first start, readable by its owner alone."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process of ours was quicker
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        key = new_key()
        file.write(key + "\n")
    return key


def new_password() -> str:
    """A fresh password for an account that a machine makes, like the demo's."""
    return secrets.token_urlsafe(9)


def configure_logging(level: str) -> None:
    """Events on stderr: for people at a terminal, one JSON object a line elsewhere. Never a code, a token or an address."""
    least = logging.getLevelNamesMapping()[level.upper()]
    people = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([] if people else [structlog.processors.format_exc_info]),
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if people
            else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(least, logging.WARNING), stream=sys.stderr, format="%(name)s: %(message)s")
