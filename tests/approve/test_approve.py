from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.flows.events import book_of
from tests.shop import ANA, BEN, EVE, NOW, campaign_text, planned_run, run_row, sample_book
from tillroll.approve.act import approve, reject, settle_waiting_runs
from tillroll.approve.decide import Budgets, BudgetUse, Person, limits_exceeded
from tillroll.approve.halt import halt
from tillroll.campaign.states import RunState
from tillroll.errors import Conflict, NotAllowed, Refused
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import approvals, audit, recipients
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan


def digest_of(engine: Engine, run_id: int) -> str:
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    return plan.digest


def try_approve(engine: Engine, run_id: int, person: Person = ANA, digest: str = "") -> RunState:
    chosen = digest or digest_of(engine, run_id)
    return approve(engine, run_id=run_id, digest=chosen, person=person, note="fine", now=NOW)


def test_an_approver_approves_exactly_the_digest_they_saw(ledger: Engine) -> None:
    _, run_id = planned_run(ledger)
    assert try_approve(ledger, run_id) is RunState.APPROVED
    with ledger.connect() as connection:
        row = connection.execute(sa.select(approvals)).one()
        assert (row.person, row.decision, row.note) == (ANA.email, "approve", "fine")
        assert "plan.approved" in list(connection.scalars(sa.select(audit.c.action)))
        assert first_broken_row(connection) is None


@pytest.mark.parametrize("digest", ["0" * 64, "", "ž" * 64])
def test_another_digest_is_refused(ledger: Engine, digest: str) -> None:
    _, run_id = planned_run(ledger)
    with pytest.raises(Refused, match="has changed since you looked"):
        approve(ledger, run_id=run_id, digest=digest, person=ANA, note="", now=NOW)
    assert run_row(ledger, run_id).state == RunState.WAITING


def test_a_viewer_cannot_approve_reject_or_halt(ledger: Engine) -> None:
    _, run_id = planned_run(ledger)
    with pytest.raises(NotAllowed):
        try_approve(ledger, run_id, EVE)
    with pytest.raises(NotAllowed):
        reject(ledger, run_id=run_id, digest=digest_of(ledger, run_id), person=EVE, note="no", now=NOW)
    with pytest.raises(NotAllowed):
        halt(ledger, run_id=run_id, person=EVE, note="", now=NOW)


def test_an_expired_plan_cannot_be_approved_and_ends_by_itself(ledger: Engine) -> None:
    store_id, run_id = planned_run(ledger)
    late = NOW + timedelta(hours=48)
    with pytest.raises(Refused, match="expired"):
        approve(ledger, run_id=run_id, digest=digest_of(ledger, run_id), person=ANA, note="", now=late)
    settle_waiting_runs(ledger, store_id=store_id, now=late)
    assert run_row(ledger, run_id).state == RunState.EXPIRED


def test_a_quorum_of_two_takes_two_different_people(ledger: Engine) -> None:
    text = campaign_text("winback").replace("approval: {by: 1", "approval: {by: 2")
    _, run_id = planned_run(ledger, book=sample_book(winback=text))
    assert try_approve(ledger, run_id) is RunState.WAITING
    with pytest.raises(Refused, match="already"):
        try_approve(ledger, run_id)
    assert try_approve(ledger, run_id, BEN) is RunState.APPROVED


def test_a_recipient_added_to_the_ledger_by_hand_makes_the_approval_void(ledger: Engine) -> None:
    _, run_id = planned_run(ledger)
    with writing(ledger) as connection:
        plan_id = connection.scalar(sa.select(recipients.c.plan_id).limit(1))
        connection.execute(
            sa.insert(recipients).values(plan_id=plan_id, customer_id=999, email="eve@example.com")
        )
    with pytest.raises(Refused, match="audience in the ledger"):
        try_approve(ledger, run_id)


def test_a_rejected_run_ends_and_keeps_the_reason(ledger: Engine) -> None:
    _, run_id = planned_run(ledger)
    reject(ledger, run_id=run_id, digest=digest_of(ledger, run_id), person=ANA, note="too generous", now=NOW)
    run = run_row(ledger, run_id)
    assert (run.state, run.reason) == (RunState.REJECTED, "too generous")
    with pytest.raises(Refused):
        try_approve(ledger, run_id)


def test_a_run_can_be_halted_once(ledger: Engine) -> None:
    _, run_id = planned_run(ledger)
    halt(ledger, run_id=run_id, person=ANA, note="stop", now=NOW)
    assert run_row(ledger, run_id).state == RunState.HALTED
    with pytest.raises(Conflict):
        halt(ledger, run_id=run_id, person=ANA, note="stop", now=NOW)


@pytest.mark.parametrize(
    ("codes", "worst", "goes"), [(100, 10_000, True), (3, 10_000, False), (100, 1, False)]
)
def test_the_campaigns_own_policy_approves_small_plans(
    ledger: Engine, codes: int, worst: int, goes: bool
) -> None:
    policy = f"approval: {{by: 1, auto_when: {{codes: {codes}, worst_case: {worst}}}, expires: 48h}}"
    text = campaign_text("winback").replace("approval: {by: 1, expires: 48h}", policy)
    store_id, run_id = planned_run(ledger, book=sample_book(winback=text))
    settle_waiting_runs(ledger, store_id=store_id, now=NOW)
    assert (run_row(ledger, run_id).state == RunState.APPROVED) is goes


@pytest.mark.parametrize(
    ("limits", "goes"),
    [
        ("codes: 0", True),
        ("codes: 0, emails: 1000", True),
        ("codes: 0, emails: 1", False),
        ("codes: 1", False),  # who wrote a limit means it, also where there are no codes
        ("codes: 1, emails: 1000", True),
    ],
)
def test_e_mails_without_a_code_have_a_limit_of_their_own_in_the_policy(
    ledger: Engine, limits: str, goes: bool
) -> None:
    text = f"""title: Tell us
owner: ana@shop.example
status: active
when: {{manual: true}}
who: {{segment: lapsed-90}}
message: {{template: note, subject: What do you think?}}
approval: {{auto_when: {{{limits}, worst_case: 0}}}}
"""
    store_id, run_id = planned_run(ledger, book=book_of(winback=text))
    settle_waiting_runs(ledger, store_id=store_id, now=NOW)
    assert (run_row(ledger, run_id).state == RunState.APPROVED) is goes


def two_runs(engine: Engine) -> list[int]:
    """Return two runs of a campaign whose budget is enough for one of them."""
    text = campaign_text("winback").replace("budget: {worst_case: 400000}", "budget: {worst_case: 600}")
    store_id, first = planned_run(engine, book=sample_book(winback=text))
    second = start_by_hand(engine, store_id=store_id, name="winback", person="ana", now=NOW, key="second")
    make_plan(engine, run_id=second, now=NOW, per_minute=600)
    return [first, second]


def test_live_runs_together_never_exceed_the_budget(ledger: Engine) -> None:
    first, second = two_runs(ledger)
    try_approve(ledger, first)
    with pytest.raises(Refused, match="exceeds the campaign's budget"):
        try_approve(ledger, second)


def test_two_approvals_at_once_never_exceed_the_budget_together(ledger: Engine) -> None:
    runs_ = two_runs(ledger)

    def attempt(run_id: int) -> bool:
        try:
            return try_approve(ledger, run_id) is RunState.APPROVED
        except Refused:
            return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, runs_)) == [False, True]


def test_an_unlimited_worst_case_fits_no_budget() -> None:
    none = BudgetUse(used=0, limit=None)
    limits = Budgets(
        campaign=BudgetUse(used=Decimal(0), limit=Decimal(10)), store=none, month=none, codes=none
    )
    assert limits_exceeded(None, 1, limits)
    assert not limits_exceeded(Decimal(10), 1, limits)
    assert limits_exceeded(Decimal("10.01"), 1, limits)


@pytest.mark.parametrize("limited", ["campaign", "store", "month", "codes"])
def test_each_limit_over_all_runs_holds_to_the_last_cent_and_code(limited: str) -> None:
    none, full = BudgetUse(used=0, limit=None), BudgetUse(used=Decimal(90), limit=Decimal(100))
    limits = Budgets(**{**dict.fromkeys(("campaign", "store", "month", "codes"), none), limited: full})
    more = (Decimal("10.00"), 11) if limited == "codes" else (Decimal("10.01"), 10)
    assert limits_exceeded(Decimal("10.00"), 10, limits) == ()
    (why,) = limits_exceeded(*more, limits)
    assert "90" in why
    assert "100" in why
