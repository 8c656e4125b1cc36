"""A run's minting begins only after it was announced to the store."""

from __future__ import annotations

from datetime import timedelta

from tests.journeys.path import agree, finish, start, state
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading
from tillroll.loop.advance import StoreWorker
from tillroll.loop.stages.minting import approved_runs, mint_runs
from tillroll.loop.stages.order import pass_fence
from tillroll.recovery.fence import load_fence


def test_a_run_that_is_approved_after_the_announcement_begins_in_the_next_turn(worker: StoreWorker) -> None:
    services = worker.services
    run_id = start(worker)
    announced = approved_runs(worker)
    pass_fence(worker)
    agree(services, run_id)  # somebody approves it on the page just then
    context = worker.mint_context
    mint_runs(worker, context, services.clock.now() + timedelta(seconds=1), announced=announced)
    assert state(services, run_id) is RunState.APPROVED
    assert finish(worker, run_id).messages_sent > 0
    with reading(services.engine) as connection:
        assert run_id in {run.run_id for run in load_fence(connection, 1).reported}
