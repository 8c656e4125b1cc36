"""The boundaries of a turn: a fault in a stage costs the other stages nothing, and a run's fault costs the other runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tillroll.campaign.states import ItemKind, Stage
from tillroll.errors import Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import FaultyItem, resting_items
from tillroll.ledger.queries.runs import run_item
from tillroll.ledger.records import Run
from tillroll.loop.stages.set_aside import set_aside_when_refused
from tillroll.loop.stages.store_worker import StoreWorker

T = TypeVar("T")


@contextmanager
def one_run(worker: StoreWorker, run: Run, stage: Stage) -> Iterator[None]:
    """Do something for one run. If it is refused it is deferred; any other fault is recorded; the other runs go on."""
    engine, now = worker.services.engine, worker.services.clock.now()
    with contained(engine, run_item(run), stage=stage, now=now), set_aside_when_refused(worker, run):
        yield


class StageCalls:
    """Calls the stages of one turn of a store, each within a boundary. A stage that failed rests for a while.

    What the store refuses is raised: then the store itself rests, and says why.
    """

    def __init__(self, worker: StoreWorker) -> None:
        self._worker = worker
        services = worker.services
        with reading(services.engine) as connection:
            now = services.clock.now()
            self._resting = set(resting_items(connection, worker.store_id, ItemKind.STORE, now=now))

    def call(self, stage: Stage, work: Callable[[], T], *, failed: T) -> T:
        """Return what the stage returns, or `failed` if it fails as a whole, or rests after it failed."""
        if stage.value in self._resting:
            return failed
        services, store_id = self._worker.services, self._worker.store_id
        item = FaultyItem(store_id=store_id, kind=ItemKind.STORE, name=stage.value)
        result, now = failed, services.clock.now()
        with contained(services.engine, item, stage=stage, now=now, raised=(Refused,)) as outcome:
            result = work()
        if outcome.failed:
            self._resting.add(stage.value)
        return result
