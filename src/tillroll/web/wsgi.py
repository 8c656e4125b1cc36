"""The entry point of a WSGI server: `gunicorn "tillroll.web.wsgi:app_from_environment()"`."""

from __future__ import annotations

import atexit
from contextlib import ExitStack

from sqlalchemy.engine import Engine

from tillroll.ledger import migrate
from tillroll.ledger.database_watch import DatabaseWatch
from tillroll.settings import from_environment
from tillroll.web.app import create_app
from tillroll.web.gate import DatabaseGate, PagesApp
from tillroll.wiring import build, configure_logging

_ANSWER_WITHIN = 10.0
"""Seconds that a page waits for the database. A frozen one must not hold every thread."""


def app_from_environment() -> DatabaseGate:
    """Return the app of this installation, behind a gate. Its services stay open until the process ends."""
    settings = from_environment()
    configure_logging(settings.log_level)
    held = ExitStack()
    atexit.register(held.close)

    def open_app(database: DatabaseWatch) -> tuple[PagesApp, Engine]:
        with ExitStack() as opening:
            services = opening.enter_context(build(settings, database=database, answer_within=_ANSWER_WITHIN))
            migrate.require_current(services.engine)
            app = create_app(services, proxies=settings.proxies)
            held.enter_context(opening.pop_all())
        return app, services.engine

    return DatabaseGate(open_app)
