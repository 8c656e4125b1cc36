"""Changes to codes that raise the exposure are checked against the budgets, on both databases."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import CAMPAIGN, agreed, minted, planned
from tests.shop import ANA, BEN, NOW, run_row
from tillroll.approve.change import preview_change, request_change
from tillroll.approve.decide import Person
from tillroll.approve.drift import fix_drifts
from tillroll.approve.halt import halt, halt_campaign, restart, restart_campaign
from tillroll.campaign.states import ChangeKind, ChangeState, CodeState, DriftKind, RunState
from tillroll.errors import Conflict, Refused
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.agreements import AGREEMENT_LIFETIME, PendingAgreement, pending_agreements
from tillroll.ledger.queries.changes import Scope, list_changes
from tillroll.ledger.queries.exposure import held_by_runs
from tillroll.ledger.tables import campaigns, changes, codes, runs
from tillroll.mint.reconcile.drift_rows import record_drift
from tillroll.plan.due.slots import create_due_runs, start_by_hand
from tillroll.plan.make import make_plan

HELLO = Scope(store_id=1, campaign="hello")


def capped(worst: str) -> str:
    return CAMPAIGN + f"budget: {{worst_case: {worst}}}\n"


def held(engine: Engine) -> Decimal:
    with engine.connect() as connection:
        return held_by_runs(connection, store_id=1, campaign="hello", now=NOW).live


def paused(engine: Engine) -> None:
    """Mark all open changes as done in the store."""
    with writing(engine) as connection:
        connection.execute(sa.update(changes).values(state=ChangeState.DONE))
        live = codes.c.state == CodeState.LIVE
        connection.execute(sa.update(codes).where(live).values(state=CodeState.PAUSED))


def a_run(engine: Engine, text: str = CAMPAIGN) -> Decimal:
    """Return a run whose codes are live, and its exposure."""
    planned(engine, text)
    assert agreed(engine, 1) is RunState.MINTING
    minted(engine, 1, FakeClock())
    return held(engine)


def test_a_halted_run_counts_as_exposure_until_its_codes_are_paused(ledger: Engine) -> None:
    worst = a_run(ledger)
    assert worst > 0
    halt(ledger, run_id=1, person=ANA, note="", now=NOW)
    assert held(ledger) == worst
    paused(ledger)
    assert held(ledger) == 0


def test_a_run_or_change_that_would_exceed_the_budget_is_refused(ledger: Engine) -> None:
    worst = a_run(ledger)
    halt(ledger, run_id=1, person=ANA, note="", now=NOW)
    paused(ledger)
    second = start_by_hand(ledger, store_id=1, name="hello", person="ana", now=NOW, key="second")
    make_plan(ledger, run_id=second, now=NOW, per_minute=600)
    agreed(ledger, second)
    assert held(ledger) == worst
    with ledger.connect() as connection:
        found = preview_change(
            connection, Scope(store_id=1, campaign="hello", run_id=1), ChangeKind.RESUME, now=NOW
        )
    assert found.raises == worst
    assert restart(ledger, run_id=1, person=ANA, note="", now=NOW) is RunState.MINTING
    assert held(ledger) == 2 * worst


@pytest.mark.parametrize("what", ["restart", "resume"])
def test_a_change_that_would_exceed_the_campaigns_budget_is_refused(ledger: Engine, what: str) -> None:
    text = capped("700")
    worst = a_run(ledger, text)
    assert 350 < worst <= 700, worst
    halt(ledger, run_id=1, person=ANA, note="", now=NOW)
    paused(ledger)
    second = start_by_hand(ledger, store_id=1, name="hello", person="ana", now=NOW, key="second")
    make_plan(ledger, run_id=second, now=NOW, per_minute=600)
    agreed(ledger, second)
    minted(ledger, second, FakeClock())
    one = Scope(store_id=1, campaign="hello", run_id=1)

    def go_on() -> None:
        if what == "restart":
            restart(ledger, run_id=1, person=ANA, note="", now=NOW)
        request_change(ledger, scope=one, kind=ChangeKind.RESUME, person=ANA, note="", now=NOW)

    with pytest.raises(Refused, match="exceeds the campaign's budget of 700"):
        go_on()
    assert run_row(ledger, 1).state == RunState.HALTED


def test_a_run_that_ended_counts_and_is_tracked_again_when_it_is_extended(ledger: Engine) -> None:
    worst = a_run(ledger)
    ends = run_row(ledger, 1).valid_until
    later = ends + timedelta(days=3)
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).values(state=RunState.DONE))
    assert held(ledger) == 0
    until = later + timedelta(days=30)
    with ledger.connect() as connection:
        found = preview_change(connection, HELLO, ChangeKind.EXTEND, now=later, valid_until=until)
    assert (found.codes, found.raises) == (8, worst)
    request_change(
        ledger, scope=HELLO, kind=ChangeKind.EXTEND, person=ANA, note="", now=later, valid_until=until
    )
    run = run_row(ledger, 1)
    assert (run.state, run.extended_until, run.valid_until) == (RunState.TRACKING, until, ends)
    with pytest.raises(Refused, match="in the future"):
        request_change(
            ledger, scope=HELLO, kind=ChangeKind.EXTEND, person=ANA, note="", now=later, valid_until=ends
        )


def test_a_halted_campaign_makes_no_runs_and_skips_its_slots(ledger: Engine) -> None:
    text = CAMPAIGN.replace(
        "when: {manual: true}", 'when: {cron: "0 * * * *", if_late: catch_up, within: 30d}'
    )
    assert "cron" in text
    planned(ledger, text)
    halt_campaign(ledger, store_id=1, campaign="hello", person=ANA, note="", now=NOW)
    later = NOW + timedelta(hours=3)
    assert create_due_runs(ledger, store_id=1, now=later) == 0
    with pytest.raises(Refused, match="is halted"):
        start_by_hand(ledger, store_id=1, name="hello", person="ana", now=later)
    assert restart_campaign(ledger, store_id=1, campaign="hello", person=ANA, note="", now=later) == [1]
    assert run_row(ledger, 1).state == RunState.PLANNING
    assert create_due_runs(ledger, store_id=1, now=later) == 0
    assert create_due_runs(ledger, store_id=1, now=later + timedelta(hours=1)) == 1
    with pytest.raises(Conflict, match="isn't halted"):
        restart_campaign(ledger, store_id=1, campaign="hello", person=ANA, note="", now=later)
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(campaigns.c.halted_by)) == ""
        assert list_changes(connection, 1) == []


def test_a_run_whose_codes_are_being_made_is_halted_not_paused(ledger: Engine) -> None:
    planned(ledger)
    agreed(ledger, 1)
    with pytest.raises(Refused, match="run 1 still makes codes"):
        request_change(ledger, scope=HELLO, kind=ChangeKind.PAUSE, person=ANA, note="", now=NOW)
    halt(ledger, run_id=1, person=ANA, note="", now=NOW)
    with pytest.raises(Conflict, match="halted already"):
        halt(ledger, run_id=1, person=ANA, note="", now=NOW)


def a_run_of_two(engine: Engine) -> None:
    """Return a run that two people approved and whose codes are live."""
    planned(engine, CAMPAIGN + "approval: {by: 2}\n")
    assert agreed(engine, 1, person=BEN) is RunState.WAITING
    assert agreed(engine, 1) is RunState.MINTING
    minted(engine, 1, FakeClock())


def two_approvers(engine: Engine, what: str) -> PendingAgreement | int | RunState | list[int]:
    """Let Ana and then Ben request the same."""
    one = Scope(store_id=1, campaign="hello", run_id=1)
    until = NOW + timedelta(days=60)

    def say(person: Person) -> PendingAgreement | int | RunState | list[int]:
        word = {"person": person, "note": "", "now": NOW}
        match what:
            case "restart":
                return restart(engine, run_id=1, **word)
            case "restart campaign":
                return restart_campaign(engine, store_id=1, campaign="hello", **word)
            case "resume":
                return request_change(engine, scope=one, kind=ChangeKind.RESUME, **word)
            case _:
                return request_change(engine, scope=one, kind=ChangeKind.EXTEND, valid_until=until, **word)

    first = say(ANA)
    assert isinstance(first, PendingAgreement)
    assert (first.by, first.needed, first.lacking) == ((ANA.email,), 2, 1)
    with engine.connect() as connection:
        assert pending_agreements(connection, 1, NOW) == [first]
        assert pending_agreements(connection, 1, NOW + AGREEMENT_LIFETIME) == []
        assert list_changes(connection, 1, only_open=True) == []
    with pytest.raises(Refused, match="agreed already"):
        say(ANA)
    return say(BEN)


@pytest.mark.parametrize(
    ("what", "then"),
    [("restart", RunState.MINTING), ("restart campaign", [1]), ("resume", 2), ("extend", 2)],
)
def test_a_run_that_two_people_approved_takes_two_to_resume_extend_or_restart(
    ledger: Engine, what: str, then: object
) -> None:
    a_run_of_two(ledger)
    if what == "restart campaign":
        halt_campaign(ledger, store_id=1, campaign="hello", person=ANA, note="", now=NOW)
    elif what == "restart":
        halt(ledger, run_id=1, person=ANA, note="", now=NOW)
    else:
        request_change(ledger, scope=HELLO, kind=ChangeKind.PAUSE, person=ANA, note="", now=NOW)
    paused(ledger)
    assert two_approvers(ledger, what) == then
    with ledger.connect() as connection:
        assert pending_agreements(connection, 1, NOW) == []  # used up
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
def test_fixing_a_coupon_that_is_off_or_missing_takes_as_many_people_as_its_approval(
    ledger: Engine, kind: DriftKind, differs: dict[str, str], people: int
) -> None:
    a_run_of_two(ledger)
    with writing(ledger) as connection:
        code = connection.execute(sa.select(codes)).first()
        assert code is not None
        found = [{"ledger": "", "store": "", **differs}] if differs else []
        record_drift(
            connection,
            store_id=1,
            kind=kind,
            code=code.code,
            code_id=code.id,
            coupon_id=code.coupon_id,
            differences=found,
            now=NOW,
        )
    said = [
        fix_drifts(ledger, store_id=1, ids=[1], person=one, note="", now=NOW) for one in (ANA, BEN)[:people]
    ]
    assert said[-1] == [1]
    if people > 1:
        assert isinstance(said[0], PendingAgreement)
        assert "fix coupons" in str(said[0])


def test_a_halt_in_between_makes_the_first_persons_request_void(ledger: Engine) -> None:
    a_run_of_two(ledger)
    for minutes, person in ((0, ANA), (5, BEN)):
        now = NOW + timedelta(minutes=minutes)
        request_change(ledger, scope=HELLO, kind=ChangeKind.PAUSE, person=ANA, note="", now=now)
        paused(ledger)
        waits = request_change(ledger, scope=HELLO, kind=ChangeKind.RESUME, person=person, note="", now=now)
        assert isinstance(waits, PendingAgreement)
        assert waits.by == (person.email,)
        with writing(ledger) as connection:
            connection.execute(sa.update(codes).values(state=CodeState.LIVE))
