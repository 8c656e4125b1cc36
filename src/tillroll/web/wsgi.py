"""What a process server loads: `gunicorn "tillroll.web.wsgi:app_from_environment()"`."""

from __future__ import annotations

import atexit
from contextlib import ExitStack

from flask import Flask

from tillroll.ledger import migrate
from tillroll.settings import from_environment
from tillroll.web.app import create_app
from tillroll.wiring import build, configure_logging


def app_from_environment() -> Flask:
    """The app of this installation; its services stay open until the process ends."""
    open_parts = ExitStack()
    settings = from_environment()
    configure_logging(settings.log_level)
    services = open_parts.enter_context(build(settings))
    atexit.register(open_parts.close)
    migrate.require_current(services.engine)
    return create_app(services, proxies=settings.proxies)
