"""Each code of a pool gets one recipient, even if processes die or people take codes at the same time."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.journeys.steps import book_of
from tests.send.room import agreed, minted
from tests.shop import ANA, BEN, NOW, add_customers, add_store, lapsed, run_row
from tillroll.approve.change import preview_change
from tillroll.approve.halt import halt
from tillroll.approve.recycle import recycle
from tillroll.campaign.states import ChangeKind, ChangeState, CodeState, RunState
from tillroll.errors import NotFound, Refused
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.agreements import PendingAgreement
from tillroll.ledger.queries.changes import Scope, list_changes
from tillroll.ledger.tables import audit, changes, codes, plans, recipients, runs
from tillroll.mint.pools.hand_out import hand_out, take_by_hand
from tillroll.plan.due.pool import fill_pools
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

THANKS = """title: Thank you
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90}
offer: {kind: percent, value: 10, valid: {for: 60d}}
codes: {pool: {size: 30, low_water: 5}}
message: {template: winback, subject: Thank you}
"""


@pytest.fixture
def begun(ledger: Engine) -> tuple[int, int]:
    """Return a full pool's run, and a run for eight people that has begun to mint."""
    store_id = add_store(ledger)
    add_customers(ledger, store_id, *(lapsed(number) for number in range(1, 9)))
    record_book(ledger, store_id=store_id, book=book_of(thanks=THANKS), now=NOW)
    fill_pools(ledger, store_id=store_id, now=NOW)
    make_plan(ledger, run_id=1, now=NOW, per_minute=600)
    agreed(ledger, 1)
    minted(ledger, 1, FakeClock())
    run_id = start_by_hand(ledger, store_id=store_id, name="thanks", person="ana", now=NOW)
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    assert agreed(ledger, run_id) is RunState.MINTING
    return 1, run_id


def take(engine: Engine, count: int, **changed: Any) -> list[dict[str, Any]]:
    asked = {"store_id": 1, "campaign": "thanks", "person": "ana", "whom": "", "now": NOW, **changed}
    return take_by_hand(engine, count=count, **asked)


def owned(engine: Engine) -> dict[int, int]:
    """Return the recipient of each code."""
    with engine.connect() as connection:
        rows = connection.execute(sa.select(codes).where(codes.c.recipient_id.is_not(None)))
        return {row.recipient_id: row.id for row in rows}


def test_everybody_gets_one_code_even_if_repeated(ledger: Engine, begun: tuple[int, int]) -> None:
    run = run_row(ledger, begun[1])
    assert hand_out(ledger, run=run, now=NOW)
    first = owned(ledger)
    assert len(first) == len(set(first.values())) == 8
    assert hand_out(ledger, run=run, now=NOW)
    assert owned(ledger) == first


def test_after_an_interruption_the_recipients_without_a_code_come_next(
    ledger: Engine, begun: tuple[int, int]
) -> None:
    run = run_row(ledger, begun[1])
    with writing(ledger) as connection:  # three had theirs when the process died
        people = connection.scalars(sa.select(recipients.c.id).order_by(recipients.c.id).limit(3)).all()
        pool = connection.scalars(sa.select(codes.c.id).order_by(codes.c.id).limit(3)).all()
        for one, code_id in zip(people, pool, strict=True):
            values = {"recipient_id": one, "handed_at": NOW}
            connection.execute(sa.update(codes).where(codes.c.id == code_id).values(values))
    before = owned(ledger)
    assert hand_out(ledger, run=run, now=NOW)
    after = owned(ledger)
    assert len(after) == len(set(after.values())) == 8
    assert before.items() <= after.items()


def test_if_the_pool_has_too_few_codes_the_other_recipients_wait(
    ledger: Engine, begun: tuple[int, int]
) -> None:
    take(ledger, 25)
    run = run_row(ledger, begun[1])
    assert not hand_out(ledger, run=run, now=NOW)
    assert len(owned(ledger)) == 5
    minted(ledger, begun[1], FakeClock())
    waiting = run_row(ledger, begun[1])
    assert (waiting.state, waiting.reason) == (
        RunState.MINTING,
        "its pool has too few codes; it waits for more",
    )


def test_people_and_runs_that_take_codes_at_once_never_get_the_same(
    ledger: Engine, begun: tuple[int, int]
) -> None:
    def by_hand(_: int) -> list[str]:
        with suppress(Refused):  # another took them at the same moment: none is taken then
            return [one["code"] for one in take(ledger, 4)]
        return []

    with ThreadPoolExecutor(4) as threads:
        run = run_row(ledger, begun[1])
        handing = threads.submit(hand_out, ledger, run=run, now=NOW)
        taken = [code for found in threads.map(by_hand, range(5)) for code in found]
        handing.result()
    hand_out(ledger, run=run, now=NOW)
    with ledger.connect() as connection:
        mine = sa.select(codes.c.code).where(codes.c.id.in_(owned(ledger).values()))
        given = list(connection.scalars(mine))
        handed = connection.scalar(sa.select(sa.func.count()).where(codes.c.handed_at.is_not(None)))
    assert len(given) == 8
    assert len(set(taken)) == len(taken)
    assert not set(taken) & set(given)
    assert handed == len(taken) + len(given)


def test_the_audit_records_what_a_person_takes_without_the_codes(
    ledger: Engine, begun: tuple[int, int]
) -> None:
    [one] = take(ledger, 1, whom="guest@shop.example")
    with ledger.connect() as connection:
        row = connection.execute(sa.select(audit).where(audit.c.action == "codes.handed_out")).one()
        code_id = connection.scalars(sa.select(codes.c.id).where(codes.c.code == one["code"])).one()
    assert json.loads(row.body) == {"codes": [code_id], "to": "guest@shop.example"}
    assert one["valid_until"] == run_row(ledger, begun[0]).valid_until


@pytest.mark.parametrize("why", ["halted", "expires", "revoked"])
def test_some_codes_can_not_be_handed_out(ledger: Engine, begun: tuple[int, int], why: str) -> None:
    now = NOW
    if why == "halted":
        halt(ledger, run_id=begun[0], person=ANA, note="", now=NOW)
    elif why == "expires":
        now = run_row(ledger, begun[0]).valid_until - timedelta(hours=23)
    else:
        with writing(ledger) as connection:
            connection.execute(sa.update(codes).values(state=CodeState.REVOKED))
    with pytest.raises(Refused, match="has 0 codes"):
        take(ledger, 1, now=now)
    assert not hand_out(ledger, run=run_row(ledger, begun[1]), now=now)


def test_asking_for_more_codes_than_there_are_takes_none(ledger: Engine, begun: tuple[int, int]) -> None:
    with pytest.raises(Refused, match="has 30 codes to hand out, not 31"):
        take(ledger, 31)
    assert len(take(ledger, 30)) == 30


def test_codes_can_only_be_taken_from_a_pool(ledger: Engine, begun: tuple[int, int]) -> None:
    assert begun
    with pytest.raises(NotFound, match="no campaign 'nothing' with a pool"):
        take(ledger, 1, campaign="nothing")
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(runs)) == 2


def test_codes_of_a_halted_run_are_paused_and_return_to_the_pool_if_they_reached_nobody(
    ledger: Engine, begun: tuple[int, int]
) -> None:
    assert hand_out(ledger, run=run_row(ledger, begun[1]), now=NOW)
    scope = Scope(store_id=1, campaign="thanks", run_id=begun[1])
    with ledger.connect() as connection:
        assert preview_change(connection, scope, ChangeKind.PAUSE, now=NOW).codes == 8
    halt(ledger, run_id=begun[1], person=ANA, note="", now=NOW)
    with ledger.connect() as connection:
        assert [one.kind for one in list_changes(connection, 1)] == [ChangeKind.PAUSE]
    with pytest.raises(Refused, match="still being paused"):
        recycle(ledger, run_id=begun[1], person=ANA, note="", now=NOW)
    with writing(ledger) as connection:
        connection.execute(sa.update(changes).values(state=ChangeState.DONE))
        given = codes.c.recipient_id.is_not(None)
        connection.execute(sa.update(codes).where(given).values(state=CodeState.PAUSED))
        body = {**connection.execute(sa.select(plans.c.body)).scalars().first(), "approvers": 2}
        connection.execute(sa.update(plans).where(plans.c.run_id == begun[0]).values(body=body))
    waits = recycle(ledger, run_id=begun[1], person=ANA, note="", now=NOW)
    assert isinstance(waits, PendingAgreement)  # the pool took two, and its codes work again now
    assert len(owned(ledger)) == 8
    assert recycle(ledger, run_id=begun[1], person=BEN, note="", now=NOW) == 8
    assert owned(ledger) == {}
    with ledger.connect() as connection:
        resumed = list_changes(connection, 1)[0]
    assert (resumed.kind, resumed.run_id, resumed.total) == (ChangeKind.RESUME, begun[0], 8)
    with writing(ledger) as connection:  # the store has switched them on
        connection.execute(sa.update(codes).values(state=CodeState.LIVE))
    assert len(take(ledger, 30)) == 30
