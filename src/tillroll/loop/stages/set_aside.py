"""Setting one run aside when it is refused, so that it does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog

from tillroll.errors import Refused
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.runs import defer_run
from tillroll.ledger.records import Run
from tillroll.loop.stages.store_worker import StoreWorker

log = structlog.get_logger("tillroll.loop")

RETRY_AFTER = timedelta(seconds=30)
"""How long a run, or a store, waits after a refusal before it is tried again."""


@contextmanager
def set_aside_when_refused(worker: StoreWorker, run: Run) -> Iterator[None]:
    """Defer only the run that was refused, with the reason; the others continue."""
    try:
        yield
    except Refused as trouble:
        until = worker.services.clock.now() + RETRY_AFTER
        with writing(worker.services.engine) as connection:
            defer_run(connection, run.id, until=until, reason=trouble.message)
        log.warning("run.set_aside", run=run.id, campaign=run.campaign, reason=trouble.message)
