"""What a command works with: the parts of this installation, opened for as long as it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tillroll.ledger import migrate
from tillroll.settings import from_environment
from tillroll.wiring import Services, build, configure_logging


@contextmanager
def services(*, any_version: bool = False) -> Iterator[Services]:
    """The parts of this installation, from the environment; its ledger is of this version, unless any will do."""
    settings = from_environment()
    configure_logging(settings.log_level)
    with build(settings) as built:
        if not any_version:
            migrate.require_current(built.engine)
        yield built
