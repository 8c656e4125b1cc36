"""All runs of a store share its turns: none is stuck behind another, and few requests are made."""

from __future__ import annotations

from itertools import pairwise

from sqlalchemy.engine import Engine

from tests.mint.room import a_turn, agrees, begun, chunk_rows, code_rows, mint_of, minted, soon, states
from tests.shop import counting, run_row
from tests.store import turn
from tillroll.campaign.figures.effort import CHUNK, calls_for
from tillroll.campaign.states import CodeState, RunState
from tillroll.ecwid.client import Client
from tillroll.mint.forecast import LEAST_AHEAD
from tillroll.mint.reconcile import Recent, reconcile
from tillroll.sandbox.serve import Sandbox
from tillroll.track.mirror import COUPONS
from tillroll.track.sync import sync

MANY = 3 * CHUNK + 100


def test_a_code_in_a_hurry_is_live_in_the_next_turn_while_a_large_run_is_made(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    turn(sandbox, inner_request_seconds=3_600.0)  # the store does nothing about its queue
    mint, clock = mint_of(ledger, client)
    large = begun(ledger, mint, people=MANY)
    a_turn(mint)
    assert len(chunk_rows(ledger)) == LEAST_AHEAD
    hurry = begun(ledger, mint, people=MANY, name="few")
    a_turn(mint)
    assert run_row(ledger, hurry).state == RunState.SENDING
    assert states(ledger, hurry) == {CodeState.LIVE: 1}
    assert states(ledger, large)[CodeState.LIVE] == 0
    turn(sandbox, inner_request_seconds=0.0)
    minted(mint, clock, large)
    agrees(mint)


def test_two_large_runs_take_turns_by_the_chunk_and_few_requests_are_made(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    assert sandbox
    mint, clock = mint_of(ledger, client)
    runs = [begun(ledger, mint, people=MANY), begun(ledger, mint, people=MANY, name="other")]
    before = client.calls
    for run_id in runs:
        minted(mint, clock, run_id)
    assert client.calls - before <= 2 * calls_for(MANY)
    whose = [chunk.run_id for chunk in chunk_rows(ledger)]
    assert all(one != other for one, other in pairwise(whose))
    assert {chunk.size for chunk in chunk_rows(ledger)} == {CHUNK, 100}
    for run_id in runs:
        assert states(ledger, run_id) == {CodeState.LIVE: MANY}
    agrees(mint)


def test_what_we_made_ourselves_is_not_read_again(ledger: Engine, client: Client, sandbox: Sandbox) -> None:
    assert sandbox
    mint, clock = mint_of(ledger, client)
    before = clock.now()
    run_id = begun(ledger, mint, people=MANY)
    sync(ledger, client, COUPONS, store_id=1, now=clock.now())
    minted(mint, clock, run_id)
    calls = client.calls
    sync(ledger, client, COUPONS, store_id=1, now=clock.now())
    recent = Recent(mint, before)
    soon(lambda: recent.step(clock.now()))
    assert client.calls - calls <= 4  # each counts, and asks what was deleted
    gone, other, *_ = code_rows(ledger)
    client.coupons.delete(gone.coupon_id)
    client.coupons.update(other.coupon_id, {"name": "By hand"})
    recent = Recent(mint, before)
    soon(lambda: recent.step(clock.now()))
    assert recent.comparison.missing == [gone.id]
    assert states(ledger) == {CodeState.LIVE: MANY - 1, CodeState.REVOKED: 1}
    found = reconcile(mint)
    assert (found.live_in_ledger, found.live_in_store, found.agrees) == (MANY - 1, MANY - 1, True)


def test_nothing_is_asked_of_the_ledger_or_written_code_by_code(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    assert sandbox
    mint, clock = mint_of(ledger, client)
    run_id = begun(ledger, mint, people=MANY)
    with counting(ledger) as sent:
        minted(mint, clock, run_id)
    assert len(sent) / len(chunk_rows(ledger)) < 80
