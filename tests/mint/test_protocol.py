"""Faults between ledger and store: in the end each code is live once, or the ledger says why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import cycle

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.contract.samples import coupon
from tests.mint.approved import approve_run
from tests.mint.room import (
    begin_run,
    check_store_agrees,
    chunk_rows,
    code_rows,
    count_states,
    mark_halted,
    mint_context,
    mint_to_end,
    take_turn,
    take_turns,
    wait_for,
)
from tests.plan.shelf import POT, run_for
from tests.shop import run_row
from tests.store import lay_faults, turn
from tillroll.campaign.states import ChunkState, CodeState, RunState
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.batches import Batches, BatchStatus
from tillroll.errors import NeedsPerson, OutcomeUnknown
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes
from tillroll.mint.coupon import coupon_name
from tillroll.mint.decide import CODE_RETRIES
from tillroll.mint.issue.begin import begin
from tillroll.mint.issue.push import intend
from tillroll.mint.issue.reserve import reserve
from tillroll.sandbox.serve import Sandbox

PEOPLE = 12


def test_codes_of_a_cancelled_batch_are_posted_again(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=PEOPLE)
    lay_faults(sandbox, stalled_batches={"seconds": 3_600.0, "times": 1})
    take_turn(context)
    assert client.batches.cancel_group(f"run-{run_id}") == 1
    mint_to_end(context, clock, run_id)
    assert {row.attempts for row in code_rows(ledger)} == {2}
    check_store_agrees(context)


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("status", [404, 400])
def test_if_the_store_forgot_the_ticket_each_code_is_looked_up(
    ledger: Engine, client: Client, sandbox: Sandbox, executed: bool, status: int
) -> None:
    turn(sandbox, unknown_ticket=status)
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=PEOPLE)
    if not executed:
        lay_faults(sandbox, stalled_batches={"seconds": 3_600.0, "times": 1})
    take_turn(context, seconds=0)  # it posts and asks nothing yet, however slow the machine is
    [chunk] = chunk_rows(ledger)
    wait_for(lambda: not executed or client.batches.status(chunk.ticket).finished)
    assert client.batches.delete(chunk.ticket)
    mint_to_end(context, clock, run_id)
    assert chunk_rows(ledger)[0].state == ChunkState.LOST
    assert len(chunk_rows(ledger)) == (1 if executed else 2)
    check_store_agrees(context)


class Forgetful(Batches):
    """Batches whose answers of success name no id that could be one."""

    def status(self, ticket: str) -> BatchStatus:
        status = super().status(ticket)
        answers = tuple(replace(answer, body={"id": odd}) for answer, odd in zip(status.answers, cycle(ODD)))
        return replace(status, answers=answers)


ODD = (None, "soon", {}, [1], 10**30)


def test_codes_whose_answers_name_no_coupon_are_looked_up(ledger: Engine, client: Client) -> None:
    client.batches = Forgetful(client.connection)
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=PEOPLE)
    mint_to_end(context, clock, run_id)
    assert [chunk.state for chunk in chunk_rows(ledger)] == [ChunkState.LOST]
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).where(codes.c.coupon_id.is_(None))) == 0
    check_store_agrees(context)


def test_a_batch_that_stalls_past_its_key_is_given_up_and_its_later_coupons_are_ours(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=PEOPLE)
    lay_faults(sandbox, stalled_batches={"seconds": 1.5, "times": 1})
    take_turn(context)
    clock.moved += timedelta(minutes=56)
    take_turns(context, clock, lambda: chunk_rows(ledger)[0].state == ChunkState.LOST)
    mint_to_end(context, clock, run_id)
    assert count_states(ledger) == {CodeState.LIVE: PEOPLE}
    check_store_agrees(context)


def test_faults_of_inner_calls_are_retried_but_not_forever(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=PEOPLE)
    turn(
        sandbox, inner_retry_seconds=0.0, inner_failures=5 * PEOPLE + 7
    )  # a batch in vain, and some of the next
    mint_to_end(context, clock, run_id)
    assert count_states(ledger) == {CodeState.LIVE: PEOPLE}
    assert max(row.attempts for row in code_rows(ledger)) > 1
    check_store_agrees(context)
    other = begin_run(ledger, context, people=PEOPLE, name="other")
    turn(sandbox, inner_failures=10_000)
    mint_to_end(context, clock, other)
    assert count_states(ledger, other) == {CodeState.FAILED: PEOPLE}
    assert {row.attempts for row in code_rows(ledger) if row.run_id == other} == {CODE_RETRIES.attempts}
    assert run_row(ledger, other).reason == f"{PEOPLE} codes were refused by the store"


def test_inner_calls_that_hit_the_rate_limit_are_posted_again(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=PEOPLE)
    turn(sandbox, count_inner_requests=True, requests_per_minute=6)
    take_turn(context)
    wait_for(lambda: sandbox.store.counters["batch_inner"] == PEOPLE)
    turn(sandbox, requests_per_minute=1_000_000)
    take_turns(context, clock, lambda: CodeState.LIVE in count_states(ledger))
    assert 0 < count_states(ledger)[CodeState.LIVE] < PEOPLE
    mint_to_end(context, clock, run_id)
    check_store_agrees(context)


def test_a_code_that_the_store_refuses_for_good_says_why_and_the_others_continue(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    assert sandbox
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=PEOPLE)
    reserve(ledger, run=run_row(ledger, run_id), now=clock.now())
    bad = code_rows(ledger)[3].id
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).where(codes.c.id == bad).values(value=Decimal(-5)))
    mint_to_end(context, clock, run_id)
    assert count_states(ledger) == {CodeState.LIVE: PEOPLE - 1, CodeState.FAILED: 1}
    [refused] = [row for row in code_rows(ledger) if row.state == CodeState.FAILED]
    assert (refused.id, refused.attempts) == (bad, 1)
    assert "discount" in refused.reason
    check_store_agrees(context)


def test_a_lost_answer_creates_no_second_code_even_if_the_store_forgets_keys(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    turn(sandbox, dedup_seconds=0.0, drop_answers=1)
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=PEOPLE)
    with pytest.raises(OutcomeUnknown):
        take_turn(context)
    mint_to_end(context, clock, run_id)  # every code of the second batch was there already, and was ours
    assert count_states(ledger) == {CodeState.LIVE: PEOPLE}
    assert [chunk.state for chunk in chunk_rows(ledger)] == [ChunkState.LOST]
    check_store_agrees(context)


@pytest.mark.parametrize("arrived", [True, False])
def test_a_key_that_is_too_old_is_never_posted_again(
    ledger: Engine, client: Client, sandbox: Sandbox, arrived: bool
) -> None:
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=PEOPLE)
    if arrived:
        turn(sandbox, drop_answers=1)
        with pytest.raises(OutcomeUnknown):
            take_turn(context)
    else:
        reserve(ledger, run=run_row(ledger, run_id), now=clock.now())
        assert intend(context, run_id) is not None
    key = chunk_rows(ledger)[0].deduplication_key
    clock.moved += timedelta(hours=1)
    mint_to_end(context, clock, run_id)
    first, *later = chunk_rows(ledger)
    assert (first.deduplication_key, first.state, first.ticket) == (key, ChunkState.LOST, "")
    assert len(later) == (0 if arrived else 1)
    check_store_agrees(context)


def test_a_clashed_code_is_replaced_whether_it_was_posted_alone_or_in_a_batch(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    assert sandbox
    context, clock = mint_context(ledger, client)
    many = begin_run(ledger, context, people=PEOPLE)
    one = begin_run(ledger, context, people=PEOPLE, name="few")
    for run_id in (many, one):
        reserve(ledger, run=run_row(ledger, run_id), now=clock.now())
    theirs = [next(row for row in code_rows(ledger) if row.run_id == run_id) for run_id in (many, one)]
    client.coupons.create(coupon(theirs[0].code))
    odd = replace(coupon(theirs[1].code, name=coupon_name("Hello", one)), discount=Decimal(90))
    client.coupons.create(odd)  # under our name, and not what we asked for
    for run_id in (many, one):
        mint_to_end(context, clock, run_id)
    assert count_states(ledger, many) == {CodeState.LIVE: PEOPLE, CodeState.CLASHED: 1}
    assert count_states(ledger, one) == {CodeState.LIVE: 1, CodeState.CLASHED: 1}
    standing = [row for row in code_rows(ledger) if row.state == CodeState.LIVE]
    assert len({row.recipient_id for row in standing}) == PEOPLE + 1


@pytest.mark.parametrize(
    ("wrong", "right"),
    [({"token_revoked": True}, {"token_revoked": False}), ({"plan": "free"}, {"plan": "venture"})],
)
def test_if_the_store_disconnects_us_midway_the_codes_wait_and_continue_later(
    ledger: Engine, client: Client, sandbox: Sandbox, wrong: dict[str, object], right: dict[str, object]
) -> None:
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=PEOPLE)
    lay_faults(sandbox, stalled_batches={"seconds": 1.5, "times": 1})
    take_turn(context)  # handed over, not begun
    turn(sandbox, **wrong)
    wait_for(lambda: sandbox.store.counters["batch_inner"] == PEOPLE)
    turn(sandbox, **right)
    with pytest.raises(NeedsPerson, match="refuses to create coupons"):
        take_turns(context, clock, lambda: False)
    assert count_states(ledger) == {CodeState.RESERVED: PEOPLE}
    mint_to_end(context, clock, run_id)
    check_store_agrees(context)


def test_a_halted_run_records_the_results_of_its_chunks_and_gets_no_new_codes(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=PEOPLE)
    other = begin_run(ledger, context, people=PEOPLE, name="other")
    turn(sandbox, drop_answers=1)
    with pytest.raises(OutcomeUnknown):
        take_turn(context)  # the first one's chunk arrived, and nobody knows
    reserve(ledger, run=run_row(ledger, other), now=clock.now())
    for halted in (run_id, other):
        mark_halted(ledger, halted)
    take_turns(context, clock, lambda: take_turn(context).next_at is None)
    assert count_states(ledger, run_id) == {CodeState.LIVE: PEOPLE}
    assert count_states(ledger, other) == {CodeState.RESERVED: PEOPLE}
    assert run_row(ledger, run_id).state == RunState.HALTED
    check_store_agrees(context)


def test_a_code_that_the_store_claims_to_have_but_never_shows_is_replaced(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    assert sandbox
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=PEOPLE)
    reserve(ledger, run=run_row(ledger, run_id), now=clock.now())
    chunk = intend(context, run_id)
    assert chunk is not None
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).values(attempts=CODE_RETRIES.attempts))
    clock.moved += timedelta(hours=1)  # and so it is looked up, and nothing is found
    mint_to_end(context, clock, run_id)
    assert count_states(ledger) == {CodeState.CLASHED: PEOPLE, CodeState.LIVE: PEOPLE}
    check_store_agrees(context)


def test_coupons_without_the_approved_limits_are_not_sent(
    ledger: Engine, client: Client, sandbox: Sandbox
) -> None:
    client.connection.write("DELETE", f"/products/{POT}")
    assert sandbox  # what it doesn't have it drops from a coupon's limits, without a word
    context, clock = mint_context(ledger, client)
    run_id = approve_run(ledger, run_for(ledger, "{products: [TEA-01, POT-01]}")[1])
    assert begin(ledger, run_id=run_id, now=clock.now()) is RunState.MINTING
    take_turns(context, clock, lambda: run_row(ledger, run_id).reason != "")
    run = run_row(ledger, run_id)
    assert run.state == RunState.MINTING
    assert run.reason.startswith("The store limited the coupons to other goods")
    assert run.not_before > clock.now()
