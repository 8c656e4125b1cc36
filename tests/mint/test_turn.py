"""All runs of a store share its turns: none is stuck behind another, and few requests are made."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.mint.room import a_turn, agrees, begun, chunk_rows, code_rows, mint_of, minted, soon, states
from tests.shop import counting, run_row
from tests.store import turn
from tillroll.campaign.figures.effort import CHUNK, calls_for
from tillroll.campaign.states import CodeState, DriftState, RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.drifts import list_drifts, say_drift
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import chunks, codes
from tillroll.mint.forecast import LEAST_AHEAD
from tillroll.mint.recent import Recent
from tillroll.mint.reconcile import reconcile
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
    assert client.calls - calls <= 6  # each counts; what was deleted and what was edited is asked for
    gone, other, *_ = code_rows(ledger)
    client.coupons.delete(gone.coupon_id)
    client.coupons.update(other.coupon_id, {"name": "By hand"})
    recent = Recent(mint, before)
    soon(lambda: recent.step(clock.now()))
    assert recent.comparison.missing == [gone.id]
    assert states(ledger) == {CodeState.LIVE: MANY - 1, CodeState.REVOKED: 1}
    found = reconcile(mint)
    assert (found.live_in_ledger, found.live_in_store, found.agrees) == (MANY - 1, MANY - 1, True)


def test_what_others_edited_while_we_made_many_is_found_within_the_hour(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    mint, clock = mint_of(ledger, client)
    before = clock.now() - timedelta(minutes=10)
    minted(mint, clock, begun(ledger, mint, people=MANY))
    ago(ledger, sandbox, minutes=5)
    dearer, off, *_ = code_rows(ledger)
    client.coupons.update(dearer.coupon_id, {"discount": 90})
    client.coupons.update(off.coupon_id, {"status": "PAUSED"})
    assert client.coupons.count(updated_from=before) == MANY, "as many changed as we made"
    calls = client.calls
    recent = Recent(mint, before)
    soon(lambda: recent.step(clock.now()))
    assert client.calls - calls < MANY / 100, "ours aren't read again"
    assert recent.comparison.drifts == 2
    with ledger.connect() as connection:
        said = {row.code: say_drift(row) for row in list_drifts(connection, 1, states={DriftState.OPEN})}
    assert "→ 90 %" in said[dearer.code]
    assert said[off.code] == "status: on → switched off"
    assert states(ledger) == {CodeState.LIVE: MANY - 1, CodeState.PAUSED: 1}, "no e-mail shows it"
    again = Recent(mint, before)
    soon(lambda: again.step(clock.now()))
    assert again.comparison.drifts == 0


def ago(engine: Engine, sandbox: Sandbox, *, minutes: int) -> None:
    """What was made was made so long ago, in the ledger and in the store."""
    earlier = timedelta(minutes=minutes)
    with writing(engine) as connection:
        for table, names in ((chunks, ("created_at", "changed_at")), (codes, ("reserved_at", "changed_at"))):
            for row in connection.execute(sa.select(table.c.id, *(table.c[one] for one in names))).all():
                values = {one: getattr(row, one) - earlier for one in names}
                connection.execute(sa.update(table).where(table.c.id == row.id).values(values))
    [store] = sandbox.stores
    seconds = earlier.total_seconds()
    store.state.run("update coupons set created = created - ?, updated = updated - ?", (seconds, seconds))


def test_nothing_is_asked_of_the_ledger_or_written_code_by_code(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    assert sandbox
    mint, clock = mint_of(ledger, client)
    run_id = begun(ledger, mint, people=MANY)
    with counting(ledger) as sent:
        minted(mint, clock, run_id)
    assert len(sent) / len(chunk_rows(ledger)) < 80
