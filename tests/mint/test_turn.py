"""All runs of a store share its turns: none waits for another to end, and few requests are made."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.mint.room import (
    begin_run,
    check_store_agrees,
    chunk_rows,
    code_rows,
    count_states,
    mint_context,
    mint_to_end,
    take_turn,
    wait_for,
)
from tests.shop import counting, run_row
from tests.store import turn
from tillroll.campaign.figures.effort import CHUNK, calls_for
from tillroll.campaign.states import CodeState, DriftState, RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.drifts import list_drifts, say_drift
from tillroll.ledger.tables import chunks, codes
from tillroll.mint.forecast import LEAST_AHEAD
from tillroll.mint.reconcile.by_code import reconcile
from tillroll.mint.reconcile.hourly import RecentComparison
from tillroll.sandbox.serve import Sandbox
from tillroll.track.mirror.areas import COUPONS
from tillroll.track.mirror.session import MirrorSession
from tillroll.track.mirror.sync import sync

MANY = 3 * CHUNK + 100
A_MINUTE = 60.0  # a turn that ends because nothing is left to do, however slow the machine is


def test_an_urgent_code_is_live_in_the_next_turn_while_a_large_run_is_minted(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    turn(sandbox, inner_request_seconds=3_600.0)  # the store does nothing about its queue
    context, clock = mint_context(ledger, client)
    large = begin_run(ledger, context, people=MANY)
    take_turn(context, seconds=A_MINUTE)
    assert len(chunk_rows(ledger)) == LEAST_AHEAD
    hurry = begin_run(ledger, context, people=MANY, name="few")
    take_turn(context, seconds=A_MINUTE)
    assert run_row(ledger, hurry).state == RunState.SENDING
    assert count_states(ledger, hurry) == {CodeState.LIVE: 1}
    assert count_states(ledger, large)[CodeState.LIVE] == 0
    turn(sandbox, inner_request_seconds=0.0)
    mint_to_end(context, clock, large)
    check_store_agrees(context)


def test_two_large_runs_alternate_chunks_and_few_requests_are_made(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    assert sandbox
    context, clock = mint_context(ledger, client)
    runs = [begin_run(ledger, context, people=MANY), begin_run(ledger, context, people=MANY, name="other")]
    before = client.calls
    for run_id in runs:
        mint_to_end(context, clock, run_id)
    assert client.calls - before <= 2 * calls_for(MANY)
    whose = [chunk.run_id for chunk in chunk_rows(ledger)]
    assert all(one != other for one, other in pairwise(whose))
    assert {chunk.size for chunk in chunk_rows(ledger)} == {CHUNK, 100}
    for run_id in runs:
        assert count_states(ledger, run_id) == {CodeState.LIVE: MANY}
    check_store_agrees(context)


def test_coupons_that_we_made_are_not_read_again(ledger: Engine, client: Client, sandbox: Sandbox) -> None:
    assert sandbox
    context, clock = mint_context(ledger, client)
    before = clock.now()
    run_id = begin_run(ledger, context, people=MANY)
    sync(MirrorSession(engine=ledger, client=client, store_id=1, clock=clock, now=clock.now()), COUPONS)
    mint_to_end(context, clock, run_id)
    calls = client.calls
    sync(MirrorSession(engine=ledger, client=client, store_id=1, clock=clock, now=clock.now()), COUPONS)
    recent = RecentComparison(context, before)
    wait_for(lambda: recent.step(clock.now()))
    assert client.calls - calls <= 6  # each counts; what was deleted and what was edited is asked for
    gone, other, *_ = code_rows(ledger)
    client.coupons.delete(gone.coupon_id)
    client.coupons.update(other.coupon_id, {"name": "By hand"})
    recent = RecentComparison(context, before)
    wait_for(lambda: recent.step(clock.now()))
    assert recent.comparison.missing == [gone.id]
    assert count_states(ledger) == {CodeState.LIVE: MANY - 1, CodeState.REVOKED: 1}
    found = reconcile(context)
    assert (found.live_in_ledger, found.live_in_store, found.agrees) == (MANY - 1, MANY - 1, True)


def test_edits_by_others_while_we_made_many_coupons_are_found_within_the_hour(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    context, clock = mint_context(ledger, client)
    before = clock.now() - timedelta(minutes=10)
    mint_to_end(context, clock, begin_run(ledger, context, people=MANY))
    ago(ledger, sandbox, minutes=5)
    dearer, off, *_ = code_rows(ledger)
    client.coupons.update(dearer.coupon_id, {"discount": 90})
    client.coupons.update(off.coupon_id, {"status": "PAUSED"})
    assert client.coupons.count(updated_from=before) == MANY, "as many changed as we made"
    calls = client.calls
    recent = RecentComparison(context, before)
    wait_for(lambda: recent.step(clock.now()))
    assert client.calls - calls < MANY / 100, "ours aren't read again"
    assert recent.comparison.drifts == 2
    with ledger.connect() as connection:
        said = {row.code: say_drift(row) for row in list_drifts(connection, 1, states={DriftState.OPEN})}
    assert "→ 90%" in said[dearer.code]
    assert said[off.code] == "status: on → switched off"
    assert count_states(ledger) == {CodeState.LIVE: MANY - 1, CodeState.PAUSED: 1}, "no e-mail shows it"
    again = RecentComparison(context, before)
    wait_for(lambda: again.step(clock.now()))
    assert again.comparison.drifts == 0


def ago(engine: Engine, sandbox: Sandbox, *, minutes: int) -> None:
    """Date everything back by some minutes, in the ledger and in the store."""
    earlier = timedelta(minutes=minutes)
    with writing(engine) as connection:
        for table, names in ((chunks, ("created_at", "changed_at")), (codes, ("reserved_at", "changed_at"))):
            for row in connection.execute(sa.select(table.c.id, *(table.c[one] for one in names))).all():
                values = {one: getattr(row, one) - earlier for one in names}
                connection.execute(sa.update(table).where(table.c.id == row.id).values(values))
    [store] = sandbox.stores
    seconds = earlier.total_seconds()
    store.state.run("update coupons set created = created - ?, updated = updated - ?", (seconds, seconds))


def test_the_ledger_is_never_read_or_written_code_by_code(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    assert sandbox
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=MANY)
    with counting(ledger) as sent:
        mint_to_end(context, clock, run_id)
    # about 100 a chunk, and some more for each question to a slow store; a statement for each code would be MANY at least
    assert len(sent) < MANY / 2
