"""One run fails at any line, from its plan to its e-mails: the others end, and it ends too once it may be tried again."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa

from tests.journeys.path import agree, compare, go_on, outbox, state
from tests.journeys.steps import book_of, write_down
from tests.security.chaos import BOTH_DATABASES, LineTracer, Scenario, scenarios
from tests.shop import ANA
from tillroll.approve.faults import try_again
from tillroll.campaign.states import FaultState, RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.rows import list_faults, release
from tillroll.ledger.records import Chunk, ItemFault, Run
from tillroll.ledger.tables import faults, runs
from tillroll.loop.advance import StoreWorker
from tillroll.mint.issue.run_minting import RunMinting
from tillroll.plan.due.slots import start_by_hand
from tillroll.track.results.progress import run_progress
from tillroll.wiring import Services

HELLO = """title: Hello
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90, limit: 3}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: Hello}
"""
RUNS = 4
OVER = frozenset({RunState.TRACKING})


@pytest.fixture(params=BOTH_DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


class Runs:
    """Some runs of one campaign, one of which is the victim."""

    def __init__(self, worker: StoreWorker) -> None:
        self.worker, self.services = worker, worker.services
        write_down(worker, book_of(hello=HELLO))
        self.ids: list[int] = []
        self.victim = 0

    def start(self) -> None:
        """Start new runs, which wait for their plans."""
        now = self.services.clock.now()
        with writing(self.services.engine) as connection:
            connection.execute(sa.delete(faults))
        self.ids = [
            start_by_hand(
                self.services.engine, store_id=1, name="hello", person="ana", now=now, key=f"{now} {n}"
            )
            for n in range(RUNS)
        ]
        self.victim = self.ids[RUNS // 2]

    def is_victim(self, name: str, value: Any) -> bool:
        if isinstance(value, Run):
            return value.id == self.victim
        if isinstance(value, Chunk):
            return value.owner_id == self.victim
        if isinstance(value, RunMinting):
            return value.run.id == self.victim
        return name == "run_id" and value == self.victim

    def work(self, tracer: LineTracer, wanted: list[int]) -> None:
        """Advance until the wanted runs are sent; approve every plan that waits."""

        def is_done() -> bool:
            for run_id in self.ids:
                if state(self.services, run_id) is RunState.WAITING:
                    agree(self.services, run_id)
            return all(state(self.services, run_id) in OVER for run_id in wanted)

        def traced() -> bool:
            with tracer.pausing():
                return is_done()

        with tracer.watching():
            go_on(self.worker, until=traced)

    def mend(self) -> None:
        """Have everything tried again, as somebody does who has mended the fault."""
        engine, now = self.services.engine, self.services.clock.now()
        for fault in self.told():
            if fault.state is not FaultState.RELEASED:
                try_again(engine, fault_id=fault.id, person=ANA, now=now)
        with writing(engine) as connection:
            release(connection, sa.true(), by=ANA.email)
            connection.execute(sa.update(runs).values(not_before=None))

    def told(self) -> list[ItemFault]:
        with reading(self.services.engine) as connection:
            return list_faults(connection, 1, now=self.services.clock.now(), run_id=self.victim)

    def check(self, wanted: list[int], scenario: Scenario) -> None:
        """Each recipient of these runs has one live code and one e-mail."""
        sent = Counter((line["run"], line["to"]) for line in outbox(self.services))
        for run_id in wanted:
            with reading(self.services.engine) as connection:
                progress = run_progress(connection, run_id)
            assert progress.codes_live == progress.messages_sent == progress.planned == 3, (run_id, scenario)
            of_run = [count for (run, _), count in sent.items() if run == run_id]
            assert of_run == [1, 1, 1], (run_id, scenario)


def at_many_lines(worker: StoreWorker, *, most: int, seed: int) -> None:
    group = Runs(worker)
    group.start()
    dry = LineTracer(is_victim=group.is_victim)
    group.work(dry, group.ids)
    assert len(dry.seen) > 300
    # a fault while a template is filled in counts as the template's: it refuses the plan, and says so in its verdicts
    places = [place for place in dry.seen if not place[0].startswith("rendering/")]
    for scenario in scenarios(places, seed=seed, most=most):
        group.start()
        others = [run_id for run_id in group.ids if run_id != group.victim]
        tracer = scenario.tracer(group.is_victim)
        group.work(tracer, others)
        group.check(others, scenario)
        if tracer.raised and state(group.services, group.victim) not in OVER:
            assert group.told() or scenario.kind is ValueError, scenario
        group.mend()
        group.work(LineTracer(is_victim=lambda _name, _value: False), group.ids)
        group.check(group.ids, scenario)
    assert compare(worker).agrees


def test_one_run_of_four_fails(worker: StoreWorker, services: Services) -> None:
    at_many_lines(worker, most=4, seed=1)


@pytest.mark.once
def test_one_run_of_four_fails_at_very_many_lines(worker: StoreWorker, services: Services) -> None:
    at_many_lines(worker, most=150, seed=2)
