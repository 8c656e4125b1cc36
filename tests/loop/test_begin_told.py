"""Nothing begins that the store wasn't told of first."""

from __future__ import annotations

from datetime import timedelta

from tests.journeys.test_from_file_to_inbox import agree, finish, start, state
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading
from tillroll.loop.advance import Lane, hold_fence
from tillroll.loop.stages import approved_runs, mint_runs
from tillroll.mint.parts import Mint
from tillroll.track.fence import load_fence


def test_a_run_approved_after_the_store_was_told_begins_at_the_next_look(lane: Lane) -> None:
    services = lane.services
    run_id = start(lane)
    told = approved_runs(lane)
    hold_fence(lane)
    agree(services, run_id)  # somebody is quick with the page's button
    mint = Mint(
        engine=services.engine, client=lane.client, clock=services.clock, store_id=1, watch=lane.watch
    )
    mint_runs(lane, mint, services.clock.now() + timedelta(seconds=1), told=told)
    assert state(services, run_id) is RunState.APPROVED
    assert finish(lane, run_id).messages_sent > 0
    with reading(services.engine) as connection:
        assert run_id in {one.run_id for one in load_fence(connection, 1).told}
