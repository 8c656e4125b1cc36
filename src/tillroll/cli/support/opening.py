"""Opens what a command works with: the services of this installation, and its campaign files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tillroll.campaign import Book, read_book
from tillroll.errors import Refused
from tillroll.ledger import migrate
from tillroll.ledger.audit import Way, act_by
from tillroll.ledger.records import Store
from tillroll.settings import from_environment
from tillroll.wiring import Services, build, configure_logging


@contextmanager
def open_services(*, any_version: bool = False, patient: bool = False) -> Iterator[Services]:
    """Open the services that the environment names, for the length of a block.

    Unless `any_version`, raises `NeedsPerson` when the ledger's tables are not of this version. `patient`, for processes that
    stay: wait for a database that is away.
    """
    settings = from_environment()
    configure_logging(settings.log_level)
    with build(settings, patient=patient) as services:
        if not any_version:
            require = partial(migrate.require_current, services.engine)
            _ = services.database.insist(require) if patient else require()
        act_by(Way.COMMAND)  # until the command knows its person
        yield services


def read_campaigns(services: Services, store: Store) -> Book:
    """Read the campaign folder as it applies to one store."""
    settings = services.settings
    return read_book(settings.folder, environment=settings.environment, store=store.ecwid_id)


def require_customers(store: Store) -> None:
    """Raise `Refused` until the worker has read the store's customers for the first time."""
    if store.customers_at is None:
        raise Refused(
            "The store's customers haven't been read yet.",
            hint="Start the worker once: tillroll worker (or tillroll up).",
        )
