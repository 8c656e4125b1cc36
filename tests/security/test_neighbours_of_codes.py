"""One code fails while it is posted or looked up: the other codes of its chunk are made, and it is made once it is mended."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.mint.room import (
    begin_run,
    check_store_agrees,
    code_rows,
    count_states,
    mint_context,
    mint_to_end,
    take_turns,
)
from tests.shop import ANA, run_row
from tillroll.approve.faults import try_again
from tillroll.campaign.figures.effort import FEW
from tillroll.campaign.states import CodeState, FaultState, ItemKind
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.rows import list_faults
from tillroll.ledger.records import ItemFault
from tillroll.ledger.tables import codes
from tillroll.mint.context import MintContext
from tillroll.mint.coupon import load_pattern
from tillroll.mint.issue.lookup import give_up, oldest_lost
from tillroll.mint.issue.push import intend, open_codes
from tillroll.mint.issue.reserve import reserve

VICTIM = 2  # the number of a code's row


def set_arm(engine: Engine, arm: str) -> None:
    """Give a code an arm; if its campaign has none of that name, its request can't be made."""
    with writing(engine) as connection:
        connection.execute(sa.update(codes).where(codes.c.id == VICTIM).values(arm=arm))


def faults_of(context: MintContext) -> list[ItemFault]:
    with reading(context.engine) as connection:
        return list_faults(connection, 1, now=context.clock.now())


def mint_until_aside(context: MintContext, clock: FakeClock, *, others: int) -> None:
    """Take turns until the one code is set aside and all others are live."""

    def is_aside() -> bool:
        clock.moved += timedelta(
            seconds=10
        )  # the pauses after a fault are longer than those between two turns
        states = [fault.state for fault in faults_of(context)]
        return states == [FaultState.SET_ASIDE] and count_states(context.engine)[CodeState.LIVE] == others

    take_turns(context, clock, is_aside)


@pytest.mark.parametrize("people", [FEW - 1, FEW + 20], ids=["one by one", "in a batch"])
def test_one_code_of_a_chunk_cant_be_posted(ledger: Engine, client: Client, people: int) -> None:
    context, clock = mint_context(ledger, client)
    run_id = begin_run(ledger, context, people=people)
    reserve(ledger, run=run_row(ledger, run_id), now=clock.now())
    set_arm(ledger, "gone")
    mint_until_aside(context, clock, others=people - 1)
    check_set_aside_and_mended(context, run_id)
    mint_to_end(context, clock, run_id)
    assert count_states(ledger) == {CodeState.LIVE: people}
    check_store_agrees(context)


def check_set_aside_and_mended(context: MintContext, run_id: int) -> None:
    (fault,) = faults_of(context)
    assert (fault.kind, fault.item, fault.run_id) == (ItemKind.CODE, str(VICTIM), run_id)
    (victim,) = [row for row in code_rows(context.engine) if row.id == VICTIM]
    assert victim.state == CodeState.POSTING  # whether the store has it is not known
    set_arm(context.engine, "")
    try_again(context.engine, fault_id=fault.id, person=ANA, now=context.clock.now())


@pytest.mark.parametrize("created", [0, FEW + 20], ids=["the store has none", "the store has all"])
def test_one_code_of_a_lost_chunk_cant_be_looked_up(ledger: Engine, client: Client, created: int) -> None:
    context, clock = mint_context(ledger, client)
    people = FEW + 20
    run_id = begin_run(ledger, context, people=people)
    reserve(ledger, run=run_row(ledger, run_id), now=clock.now())
    chunk = intend(context, run_id)
    assert chunk is not None
    with reading(ledger) as connection:
        pattern, posted = load_pattern(connection, run_row(ledger, run_id)), open_codes(connection, chunk.id)
    for code in posted[:created]:
        client.coupons.create(pattern.request(code))
    give_up(context, chunk)
    set_arm(ledger, "gone")
    mint_until_aside(context, clock, others=people - 1)
    check_set_aside_and_mended(context, run_id)
    mint_to_end(context, clock, run_id)
    assert count_states(ledger) == {CodeState.LIVE: people}
    check_store_agrees(context)
    assert oldest_lost(context) is None
