"""The gate before the app: while the database is away, every request is answered 503 at once, without waiting for it.

A thread asks the database once a second. So a request need not find out by itself that there is no answer, `/healthz` takes no
time, and a process that starts while the database is away serves its answers already, and the app as soon as it can be opened.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import structlog
from sqlalchemy.engine import Engine

from tillroll.clock import Clock, SystemClock
from tillroll.ledger.database_watch import DatabaseWatch
from tillroll.ledger.engine import ping, touch
from tillroll.web.support.bare import RETRY_AFTER, away_answer
from tillroll.web.support.headers import before_routing

log = structlog.get_logger("tillroll.web")

_ASK_EVERY = 1.0  # seconds
_SILENT = 5.0  # seconds without an answer after which PostgreSQL counts as away
_BUSY = 15.0  # the same of an SQLite file, which may be busy

StartResponse = Callable[..., Any]


class PagesApp(Protocol):
    """What is behind the gate."""

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]: ...


OpenApp = Callable[[DatabaseWatch], tuple[PagesApp, Engine]]
"""Opens the app and its ledger. It is tried again as long as the database is away."""


class DatabaseGate:
    """A WSGI app that passes requests on while the database answers."""

    def __init__(self, open_app: OpenApp, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._database = DatabaseWatch(self._clock)
        self._open_app = open_app
        self._app: PagesApp | None = None
        self._engine: Engine | None = None
        self._silent = _SILENT
        self._asked_at: float | None = None  # of a question that has no answer yet
        try:
            self._open()
        except Exception as fault:
            if not self._database.failed(fault):
                raise
        self._database.is_asked = True
        threading.Thread(target=self._keep_asking, name="database gate", daemon=True).start()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if self._app is not None and not self._is_away():
            return self._app(environ, start_response)
        kind, content = away_answer(str(environ.get("PATH_INFO", "")))
        headers = [
            ("Content-Type", kind),
            ("Content-Length", str(len(content))),
            ("Retry-After", str(RETRY_AFTER)),
            *before_routing(),
        ]
        start_response("503 Service Unavailable", headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [content]

    def _is_away(self) -> bool:
        asked_at = self._asked_at
        if asked_at is not None and self._clock.monotonic() - asked_at > self._silent:
            self._database.note_away(f"it has not answered for {self._silent:.0f} seconds")
        return self._database.is_away

    def _open(self) -> None:
        self._app, self._engine = self._open_app(self._database)
        self._silent = _BUSY if self._engine.dialect.name == "sqlite" else _SILENT

    def _keep_asking(self) -> None:
        while True:
            self._clock.sleep(_ASK_EVERY)
            if not self._database.may_try():
                continue
            try:
                self._ask()
            except Exception as fault:  # the gate outlives whatever is wrong, and the log says it
                if not self._database.failed(fault):
                    log.error("gate.closed", exc_info=fault)
            else:
                self._database.note_answer()
            finally:
                self._asked_at = None

    def _ask(self) -> None:
        if self._app is None or self._engine is None:
            self._open()
            return
        self._asked_at = self._clock.monotonic()
        may_fail = self._database.is_away or self._database.suspected
        self._database.suspected = False
        (touch if may_fail else ping)(self._engine)
