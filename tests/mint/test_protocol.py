"""What can go wrong between the ledger and the store: in the end each code is live once, or the ledger says why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.contract.test_client import coupon
from tests.mint.room import (
    a_turn,
    agrees,
    begun,
    chunk_rows,
    code_rows,
    halt_quietly,
    mint_of,
    minted,
    soon,
    states,
    turns,
)
from tests.mint.test_goods import agreed
from tests.plan.shelf import POT, run_for
from tests.shop import run_row
from tests.store import lay_faults, turn
from tillroll.campaign.states import ChunkState, CodeState, RunState
from tillroll.ecwid.client import Client
from tillroll.errors import NeedsPerson, OutcomeUnknown
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes
from tillroll.mint.begin import begin
from tillroll.mint.coupon import coupon_name
from tillroll.mint.decide import MOST_ATTEMPTS
from tillroll.mint.push import intend
from tillroll.mint.reserve import reserve
from tillroll.sandbox.serve import Sandbox

PEOPLE = 12


def test_a_batch_that_was_cancelled_is_made_anew(ledger: Engine, client: Client, sandbox: Sandbox) -> None:
    mint, clock = mint_of(ledger, client)
    run_id = begun(ledger, mint, people=PEOPLE)
    lay_faults(sandbox, stalled_batches={"seconds": 3_600.0, "times": 1})
    a_turn(mint)
    assert client.batches.cancel_group(f"run-{run_id}") == 1
    minted(mint, clock, run_id)
    assert {row.attempts for row in code_rows(ledger)} == {2}
    agrees(mint)


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("status", [404, 400])
def test_a_ticket_that_the_store_forgot_is_looked_up_code_by_code(
    ledger: Engine, client: Client, sandbox: Sandbox, executed: bool, status: int
) -> None:
    turn(sandbox, unknown_ticket=status)
    mint, clock = mint_of(ledger, client)
    run_id = begun(ledger, mint, people=PEOPLE)
    if not executed:
        lay_faults(sandbox, stalled_batches={"seconds": 3_600.0, "times": 1})
    a_turn(mint)
    [chunk] = chunk_rows(ledger)
    soon(lambda: not executed or client.batches.status(chunk.ticket).finished)
    assert client.batches.delete(chunk.ticket)
    minted(mint, clock, run_id)
    assert chunk_rows(ledger)[0].state == ChunkState.LOST
    assert len(chunk_rows(ledger)) == (1 if executed else 2)
    agrees(mint)


def test_a_ticket_that_stalls_past_its_key_is_given_up_and_what_it_makes_later_is_ours(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    mint, clock = mint_of(ledger, client)
    run_id = begun(ledger, mint, people=PEOPLE)
    lay_faults(sandbox, stalled_batches={"seconds": 1.5, "times": 1})
    a_turn(mint)
    clock.by += timedelta(minutes=56)
    turns(mint, clock, lambda: chunk_rows(ledger)[0].state == ChunkState.LOST)
    minted(mint, clock, run_id)
    assert states(ledger) == {CodeState.LIVE: PEOPLE}
    agrees(mint)


def test_inner_trouble_of_the_store_is_tried_again_but_not_for_ever(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    mint, clock = mint_of(ledger, client)
    run_id = begun(ledger, mint, people=PEOPLE)
    turn(
        sandbox, inner_retry_seconds=0.0, inner_failures=5 * PEOPLE + 7
    )  # a batch in vain, and some of the next
    minted(mint, clock, run_id)
    assert states(ledger) == {CodeState.LIVE: PEOPLE}
    assert max(row.attempts for row in code_rows(ledger)) > 1
    agrees(mint)
    other = begun(ledger, mint, people=PEOPLE, name="other")
    turn(sandbox, inner_failures=10_000)
    minted(mint, clock, other)
    assert states(ledger, other) == {CodeState.FAILED: PEOPLE}
    assert {row.attempts for row in code_rows(ledger) if row.run_id == other} == {MOST_ATTEMPTS}
    assert run_row(ledger, other).reason == f"{PEOPLE} codes were refused by the store"


def test_inner_requests_that_the_allowance_stops_are_made_anew(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    mint, clock = mint_of(ledger, client)
    run_id = begun(ledger, mint, people=PEOPLE)
    turn(sandbox, count_inner_requests=True, requests_per_minute=6)
    a_turn(mint)
    soon(lambda: sandbox.store.counters["batch_inner"] == PEOPLE)
    turn(sandbox, requests_per_minute=1_000_000)
    turns(mint, clock, lambda: CodeState.LIVE in states(ledger))
    assert 0 < states(ledger)[CodeState.LIVE] < PEOPLE
    minted(mint, clock, run_id)
    agrees(mint)


def test_a_code_that_the_store_refuses_for_good_says_why_and_the_others_go_on(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    assert sandbox
    mint, clock = mint_of(ledger, client)
    run_id = begun(ledger, mint, people=PEOPLE)
    reserve(ledger, run=run_row(ledger, run_id), now=clock.now())
    bad = code_rows(ledger)[3].id
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).where(codes.c.id == bad).values(value=Decimal(-5)))
    minted(mint, clock, run_id)
    assert states(ledger) == {CodeState.LIVE: PEOPLE - 1, CodeState.FAILED: 1}
    [refused] = [row for row in code_rows(ledger) if row.state == CodeState.FAILED]
    assert (refused.id, refused.attempts) == (bad, 1)
    assert "discount" in refused.reason
    agrees(mint)


def test_an_answer_lost_to_a_store_that_forgets_keys_makes_no_second_code(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    turn(sandbox, dedup_seconds=0.0, drop_answers=1)
    mint, clock = mint_of(ledger, client)
    run_id = begun(ledger, mint, people=PEOPLE)
    with pytest.raises(OutcomeUnknown):
        a_turn(mint)
    minted(mint, clock, run_id)  # every code of the second batch was there already, and was ours
    assert states(ledger) == {CodeState.LIVE: PEOPLE}
    assert [chunk.state for chunk in chunk_rows(ledger)] == [ChunkState.LOST]
    agrees(mint)


@pytest.mark.parametrize("arrived", [True, False])
def test_a_key_that_is_too_old_is_never_posted_again(
    ledger: Engine, client: Client, sandbox: Sandbox, arrived: bool
) -> None:
    mint, clock = mint_of(ledger, client)
    run_id = begun(ledger, mint, people=PEOPLE)
    if arrived:
        turn(sandbox, drop_answers=1)
        with pytest.raises(OutcomeUnknown):
            a_turn(mint)
    else:
        reserve(ledger, run=run_row(ledger, run_id), now=clock.now())
        assert intend(mint, run_id) is not None
    key = chunk_rows(ledger)[0].deduplication_key
    clock.by += timedelta(hours=1)
    minted(mint, clock, run_id)
    first, *later = chunk_rows(ledger)
    assert (first.deduplication_key, first.state, first.ticket) == (key, ChunkState.LOST, "")
    assert len(later) == (0 if arrived else 1)
    agrees(mint)


def test_somebodys_code_is_replaced_whether_it_is_alone_or_in_a_batch(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    assert sandbox
    mint, clock = mint_of(ledger, client)
    many = begun(ledger, mint, people=PEOPLE)
    one = begun(ledger, mint, people=PEOPLE, name="few")
    for run_id in (many, one):
        reserve(ledger, run=run_row(ledger, run_id), now=clock.now())
    theirs = [next(row for row in code_rows(ledger) if row.run_id == run_id) for run_id in (many, one)]
    client.coupons.create(coupon(theirs[0].code))
    odd = replace(coupon(theirs[1].code, name=coupon_name("Hello", one)), discount=Decimal(90))
    client.coupons.create(odd)  # under our name, and not what we asked for
    for run_id in (many, one):
        minted(mint, clock, run_id)
    assert states(ledger, many) == {CodeState.LIVE: PEOPLE, CodeState.CLASHED: 1}
    assert states(ledger, one) == {CodeState.LIVE: 1, CodeState.CLASHED: 1}
    standing = [row for row in code_rows(ledger) if row.state == CodeState.LIVE]
    assert len({row.recipient_id for row in standing}) == PEOPLE + 1


@pytest.mark.parametrize(
    ("wrong", "right"),
    [({"token_revoked": True}, {"token_revoked": False}), ({"plan": "free"}, {"plan": "venture"})],
)
def test_when_the_store_shuts_us_out_half_way_the_codes_wait_and_go_on_where_they_stood(
    ledger: Engine, client: Client, sandbox: Sandbox, wrong: dict[str, object], right: dict[str, object]
) -> None:
    mint, clock = mint_of(ledger, client)
    run_id = begun(ledger, mint, people=PEOPLE)
    lay_faults(sandbox, stalled_batches={"seconds": 1.5, "times": 1})
    a_turn(mint)  # handed over, not begun
    turn(sandbox, **wrong)
    soon(lambda: sandbox.store.counters["batch_inner"] == PEOPLE)
    turn(sandbox, **right)
    with pytest.raises(NeedsPerson, match="makes no coupons for us"):
        turns(mint, clock, lambda: False)
    assert states(ledger) == {CodeState.RESERVED: PEOPLE}
    minted(mint, clock, run_id)
    agrees(mint)


def test_a_halted_run_learns_what_became_of_its_chunks_and_gets_nothing_new(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    mint, clock = mint_of(ledger, client)
    run_id = begun(ledger, mint, people=PEOPLE)
    other = begun(ledger, mint, people=PEOPLE, name="other")
    turn(sandbox, drop_answers=1)
    with pytest.raises(OutcomeUnknown):
        a_turn(mint)  # the first one's chunk arrived, and nobody knows
    reserve(ledger, run=run_row(ledger, other), now=clock.now())
    for halted in (run_id, other):
        halt_quietly(ledger, halted)
    turns(mint, clock, lambda: a_turn(mint).next_at is None)
    assert states(ledger, run_id) == {CodeState.LIVE: PEOPLE}
    assert states(ledger, other) == {CodeState.RESERVED: PEOPLE}
    assert run_row(ledger, run_id).state == RunState.HALTED
    agrees(mint)


def test_a_code_that_the_store_says_it_has_and_never_shows_is_replaced_in_the_end(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    assert sandbox
    mint, clock = mint_of(ledger, client)
    run_id = begun(ledger, mint, people=PEOPLE)
    reserve(ledger, run=run_row(ledger, run_id), now=clock.now())
    chunk = intend(mint, run_id)
    assert chunk is not None
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).values(attempts=MOST_ATTEMPTS))
    clock.by += timedelta(hours=1)  # and so it is looked up, and nothing is found
    minted(mint, clock, run_id)
    assert states(ledger) == {CodeState.CLASHED: PEOPLE, CodeState.LIVE: PEOPLE}
    agrees(mint)


def test_coupons_that_the_store_made_wider_than_approved_are_told_to_nobody(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    client.connection.write("DELETE", f"/products/{POT}")
    assert sandbox  # what it doesn't have it drops from a coupon's limits, without a word
    mint, clock = mint_of(ledger, client)
    run_id = agreed(ledger, run_for(ledger, "{products: [TEA-01, POT-01]}")[1])
    assert begin(ledger, run_id=run_id, now=clock.now()) is RunState.MINTING
    turns(mint, clock, lambda: run_row(ledger, run_id).reason != "")
    run = run_row(ledger, run_id)
    assert run.state == RunState.MINTING
    assert run.reason.startswith("The store made coupons that are on other goods")
    assert run.not_before > clock.now()
