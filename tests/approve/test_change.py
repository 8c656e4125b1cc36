"""What a change of codes raises is held against the budgets, on both databases."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.send.room import CAMPAIGN, Still, agreed, minted, planned
from tests.shop import ANA, BEN, NOW, run_row
from tillroll.approve.change import ask, preview
from tillroll.approve.decide import Person
from tillroll.approve.drift import fix
from tillroll.approve.halt import halt, halt_campaign, restart, restart_campaign
from tillroll.campaign.states import ChangeKind, ChangeState, CodeState, DriftKind, RunState
from tillroll.errors import Conflict, Refused
from tillroll.ledger.agreements import GOOD_FOR, Agreed, waiting
from tillroll.ledger.changes import Scope, list_changes
from tillroll.ledger.engine import writing
from tillroll.ledger.exposure import held_by_runs
from tillroll.ledger.tables import campaigns, changes, codes, runs
from tillroll.mint.drift.rows import note
from tillroll.plan.make import make_plan
from tillroll.plan.slots import materialise, start_by_hand

HELLO = Scope(store_id=1, campaign="hello")


def capped(worst: str) -> str:
    return CAMPAIGN + f"budget: {{worst_case: {worst}}}\n"


def held(engine: Engine) -> Decimal:
    with engine.connect() as connection:
        return held_by_runs(connection, store_id=1, campaign="hello", now=NOW).live


def paused(engine: Engine) -> None:
    """The store was told: what is open is done."""
    with writing(engine) as connection:
        connection.execute(sa.update(changes).values(state=ChangeState.DONE))
        live = codes.c.state == CodeState.LIVE
        connection.execute(sa.update(codes).where(live).values(state=CodeState.PAUSED))


def a_run(engine: Engine, text: str = CAMPAIGN) -> Decimal:
    """A run whose codes are live; what it may cost."""
    planned(engine, text)
    assert agreed(engine, 1) is RunState.MINTING
    minted(engine, 1, Still())
    return held(engine)


def test_a_halted_run_holds_money_until_its_codes_are_paused(ledger: Engine) -> None:
    worst = a_run(ledger)
    assert worst > 0
    halt(ledger, run_id=1, person=ANA, note="", now=NOW)
    assert held(ledger) == worst
    paused(ledger)
    assert held(ledger) == 0


def test_what_would_pass_the_budget_can_not_go_on(ledger: Engine) -> None:
    worst = a_run(ledger)
    halt(ledger, run_id=1, person=ANA, note="", now=NOW)
    paused(ledger)
    second = start_by_hand(ledger, store_id=1, name="hello", person="ana", now=NOW, key="second")
    make_plan(ledger, run_id=second, now=NOW, per_minute=600)
    agreed(ledger, second)
    assert held(ledger) == worst
    with ledger.connect() as connection:
        found = preview(connection, Scope(store_id=1, campaign="hello", run_id=1), ChangeKind.RESUME, now=NOW)
    assert found.raises == worst
    assert restart(ledger, run_id=1, person=ANA, note="", now=NOW) is RunState.MINTING
    assert held(ledger) == 2 * worst


@pytest.mark.parametrize("what", ["restart", "resume"])
def test_over_the_campaigns_budget_it_is_refused(ledger: Engine, what: str) -> None:
    text = capped("700")
    worst = a_run(ledger, text)
    assert 350 < worst <= 700, worst
    halt(ledger, run_id=1, person=ANA, note="", now=NOW)
    paused(ledger)
    second = start_by_hand(ledger, store_id=1, name="hello", person="ana", now=NOW, key="second")
    make_plan(ledger, run_id=second, now=NOW, per_minute=600)
    agreed(ledger, second)
    minted(ledger, second, Still())
    one = Scope(store_id=1, campaign="hello", run_id=1)

    def go_on() -> None:
        if what == "restart":
            restart(ledger, run_id=1, person=ANA, note="", now=NOW)
        ask(ledger, scope=one, kind=ChangeKind.RESUME, person=ANA, note="", now=NOW)

    with pytest.raises(Refused, match="passes the campaign's budget of 700"):
        go_on()
    assert run_row(ledger, 1).state == RunState.HALTED


def test_extending_what_had_ended_counts_again_and_is_watched_again(ledger: Engine) -> None:
    worst = a_run(ledger)
    ends = run_row(ledger, 1).valid_until
    later = ends + timedelta(days=3)
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).values(state=RunState.DONE))
    assert held(ledger) == 0
    until = later + timedelta(days=30)
    with ledger.connect() as connection:
        found = preview(connection, HELLO, ChangeKind.EXTEND, now=later, valid_until=until)
    assert (found.codes, found.raises) == (8, worst)
    ask(ledger, scope=HELLO, kind=ChangeKind.EXTEND, person=ANA, note="", now=later, valid_until=until)
    run = run_row(ledger, 1)
    assert (run.state, run.extended_until, run.valid_until) == (RunState.TRACKING, until, ends)
    with pytest.raises(Refused, match="in the future"):
        ask(ledger, scope=HELLO, kind=ChangeKind.EXTEND, person=ANA, note="", now=later, valid_until=ends)


def test_a_halted_campaign_makes_no_runs_and_lets_its_times_pass(ledger: Engine) -> None:
    text = CAMPAIGN.replace(
        "when: {manual: true}", 'when: {cron: "0 * * * *", if_late: catch_up, within: 30d}'
    )
    assert "cron" in text
    planned(ledger, text)
    halt_campaign(ledger, store_id=1, campaign="hello", person=ANA, note="", now=NOW)
    later = NOW + timedelta(hours=3)
    assert materialise(ledger, store_id=1, now=later) == 0
    with pytest.raises(Refused, match="is halted"):
        start_by_hand(ledger, store_id=1, name="hello", person="ana", now=later)
    assert restart_campaign(ledger, store_id=1, campaign="hello", person=ANA, note="", now=later) == [1]
    assert run_row(ledger, 1).state == RunState.PLANNING
    assert materialise(ledger, store_id=1, now=later) == 0
    assert materialise(ledger, store_id=1, now=later + timedelta(hours=1)) == 1
    with pytest.raises(Conflict, match="isn't halted"):
        restart_campaign(ledger, store_id=1, campaign="hello", person=ANA, note="", now=later)
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(campaigns.c.halted_by)) == ""
        assert list_changes(connection, 1) == []


def test_a_run_that_makes_codes_is_halted_not_paused(ledger: Engine) -> None:
    planned(ledger)
    agreed(ledger, 1)
    with pytest.raises(Refused, match="run 1 still makes codes"):
        ask(ledger, scope=HELLO, kind=ChangeKind.PAUSE, person=ANA, note="", now=NOW)
    halt(ledger, run_id=1, person=ANA, note="", now=NOW)
    with pytest.raises(Conflict, match="halted already"):
        halt(ledger, run_id=1, person=ANA, note="", now=NOW)


def a_run_of_two(engine: Engine) -> None:
    """A run that two people approved; its codes are live."""
    planned(engine, CAMPAIGN + "approval: {by: 2}\n")
    assert agreed(engine, 1, person=BEN) is RunState.WAITING
    assert agreed(engine, 1) is RunState.MINTING
    minted(engine, 1, Still())


def two_approvers(engine: Engine, what: str) -> Agreed | int | RunState | list[int]:
    """Ana's and Ben's words, each of which is asked for in its turn."""
    one = Scope(store_id=1, campaign="hello", run_id=1)
    until = NOW + timedelta(days=60)

    def say(person: Person) -> Agreed | int | RunState | list[int]:
        word = {"person": person, "note": "", "now": NOW}
        match what:
            case "restart":
                return restart(engine, run_id=1, **word)
            case "restart campaign":
                return restart_campaign(engine, store_id=1, campaign="hello", **word)
            case "resume":
                return ask(engine, scope=one, kind=ChangeKind.RESUME, **word)
            case _:
                return ask(engine, scope=one, kind=ChangeKind.EXTEND, valid_until=until, **word)

    first = say(ANA)
    assert isinstance(first, Agreed)
    assert (first.by, first.needed, first.lacking) == ((ANA.email,), 2, 1)
    with engine.connect() as connection:
        assert waiting(connection, 1, NOW) == [first]
        assert waiting(connection, 1, NOW + GOOD_FOR) == []
        assert list_changes(connection, 1, only_open=True) == []
    with pytest.raises(Refused, match="agreed already"):
        say(ANA)
    return say(BEN)


@pytest.mark.parametrize(
    ("what", "then"),
    [("restart", RunState.MINTING), ("restart campaign", [1]), ("resume", 2), ("extend", 2)],
)
def test_what_two_people_approved_takes_two_to_work_again(ledger: Engine, what: str, then: object) -> None:
    a_run_of_two(ledger)
    if what == "restart campaign":
        halt_campaign(ledger, store_id=1, campaign="hello", person=ANA, note="", now=NOW)
    elif what == "restart":
        halt(ledger, run_id=1, person=ANA, note="", now=NOW)
    else:
        ask(ledger, scope=HELLO, kind=ChangeKind.PAUSE, person=ANA, note="", now=NOW)
    paused(ledger)
    assert two_approvers(ledger, what) == then
    with ledger.connect() as connection:
        assert waiting(connection, 1, NOW) == []  # used up
        assert list_changes(connection, 1, only_open=True)


@pytest.mark.parametrize(
    ("kind", "differs", "people"),
    [
        (DriftKind.DELETED, {}, 2),
        (DriftKind.CHANGED, {"field": "status", "raw": "PAUSED"}, 2),
        (DriftKind.CHANGED, {"field": "ends", "raw": "2026-11-24T09:00:00+00:00"}, 2),
        (DriftKind.CHANGED, {"field": "name", "raw": "Mine"}, 1),
    ],
)
def test_a_coupon_that_is_off_or_gone_is_put_right_by_as_many_as_approved_it(
    ledger: Engine, kind: DriftKind, differs: dict[str, str], people: int
) -> None:
    a_run_of_two(ledger)
    with writing(ledger) as connection:
        code = connection.execute(sa.select(codes)).first()
        assert code is not None
        found = [{"ledger": "", "store": "", **differs}] if differs else []
        note(
            connection,
            store_id=1,
            kind=kind,
            code=code.code,
            code_id=code.id,
            coupon_id=code.coupon_id,
            differences=found,
            now=NOW,
        )
    said = [fix(ledger, store_id=1, ids=[1], person=one, note="", now=NOW) for one in (ANA, BEN)[:people]]
    assert said[-1] == [1]
    if people > 1:
        assert isinstance(said[0], Agreed)
        assert "put coupons right" in str(said[0])


def test_a_halt_in_between_makes_an_agreement_void(ledger: Engine) -> None:
    a_run_of_two(ledger)
    for minutes, person in ((0, ANA), (5, BEN)):
        now = NOW + timedelta(minutes=minutes)
        ask(ledger, scope=HELLO, kind=ChangeKind.PAUSE, person=ANA, note="", now=now)
        paused(ledger)
        waits = ask(ledger, scope=HELLO, kind=ChangeKind.RESUME, person=person, note="", now=now)
        assert isinstance(waits, Agreed)
        assert waits.by == (person.email,)
        with writing(ledger) as connection:
            connection.execute(sa.update(codes).values(state=CodeState.LIVE))
