from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import (
    ANA,
    NOW,
    add_customers,
    add_store,
    campaign_text,
    lapsed,
    planned_run,
    run_row,
    sample_book,
)
from tillroll.approve.act import approve
from tillroll.campaign.states import RunState
from tillroll.errors import NotFound, Refused
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan, recount_plan, sample_recipients
from tillroll.ledger.tables import audit, campaigns, plans, recipients, revisions, runs, stores
from tillroll.outlook.plan_preview import PreviewRequest, preview_plan
from tillroll.plan.due.slots import create_due_runs, start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book


def test_a_planned_run_waits_with_a_digest_that_matches_the_ledger(ledger: Engine) -> None:
    _, run_id = planned_run(ledger)
    with ledger.connect() as connection:
        plan = load_plan(connection, run_id)
        assert plan is not None
        assert plan.digest == plan.proposal.digest
        assert recount_plan(ledger, run_id).is_unchanged
        assert len(sample_recipients(connection, plan.plan_id)) == min(10, plan.proposal.audience.count)
    assert run_row(ledger, run_id).state == RunState.WAITING
    assert plan.proposal.audience.count + sum(plan.proposal.audience.excluded.values()) == 20


def test_planning_twice_makes_one_plan(ledger: Engine) -> None:
    _, run_id = planned_run(ledger)
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(plans)) == 1


def test_an_interrupted_plan_is_replaced(ledger: Engine) -> None:
    _, run_id = planned_run(ledger)
    with writing(ledger) as connection:  # as if the process had died before the run moved on
        connection.execute(sa.update(runs).values(state=RunState.PLANNING, plan_id=None))
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(plans)) == 1
        count = connection.scalar(sa.select(sa.func.count()).select_from(recipients))
        assert count == connection.scalar(sa.select(plans.c.audience_count))


@pytest.mark.parametrize("column", ["email", "name", "first_name", "language", "country"])
def test_a_changed_recipient_changes_the_digest(ledger: Engine, column: str) -> None:
    _, run_id = planned_run(ledger)
    with writing(ledger) as connection:
        first = connection.scalar(sa.select(sa.func.min(recipients.c.id)))
        connection.execute(
            sa.update(recipients).where(recipients.c.id == first).values({column: "other@example.com"})
        )
    with ledger.connect() as connection:
        plan = load_plan(connection, run_id)
        assert plan is not None
        assert not recount_plan(ledger, run_id).is_unchanged


def test_an_empty_audience_ends_the_run_with_the_reason(ledger: Engine) -> None:
    store_id = add_store(ledger)
    record_book(ledger, store_id=store_id, book=sample_book(), now=NOW)
    run_id = start_by_hand(ledger, store_id=store_id, name="winback", person="ana", now=NOW)
    assert make_plan(ledger, run_id=run_id, now=NOW, per_minute=600) is RunState.DONE
    assert run_row(ledger, run_id).reason == "nobody is in the audience"


def test_a_guardrail_refuses_the_run_and_is_named(ledger: Engine) -> None:
    generous = campaign_text("winback").replace("value: 15", "value: 31")
    _, run_id = planned_run(ledger, book=sample_book(winback=generous))
    assert run_row(ledger, run_id).state == RunState.REFUSED
    assert "exceeds the 30% allowed" in run_row(ledger, run_id).reason


def test_a_preview_writes_nothing(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, *(lapsed(number) for number in range(1, 10)))
    with ledger.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
    proposal = preview_plan(
        PreviewRequest(
            engine=ledger, store=store, revision=sample_book().revisions["winback"], now=NOW, per_minute=600
        )
    ).proposal
    assert proposal.audience.matched == 9
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(runs)) == 0
        assert connection.scalar(sa.select(sa.func.count()).select_from(plans)) == 0


def test_recording_the_same_files_again_adds_no_revision(ledger: Engine) -> None:
    store_id = add_store(ledger)
    for _ in range(3):
        record_book(ledger, store_id=store_id, book=sample_book(), now=NOW)
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(revisions)) == len(
            sample_book().revisions
        )


@pytest.mark.parametrize("approved", [False, True])
def test_an_edited_file_sends_the_run_back_to_planning(ledger: Engine, approved: bool) -> None:
    store_id, run_id = planned_run(ledger)
    if approved:
        with ledger.connect() as connection:
            plan = load_plan(connection, run_id)
        assert plan is not None
        approve(ledger, run_id=run_id, digest=plan.digest, person=ANA, note="", now=NOW)
    edited = campaign_text("winback").replace("value: 15", "value: 14")
    record_book(ledger, store_id=store_id, book=sample_book(winback=edited), now=NOW)
    run = run_row(ledger, run_id)
    why = "its files changed: offer.value: 14, was 15"
    reason = f"its approval is void: {why}" if approved else why
    assert (run.state, run.plan_id, run.reason) == (RunState.PLANNING, None, reason)
    with ledger.connect() as connection:
        last = connection.execute(sa.select(audit).order_by(audit.c.id.desc())).first()
    assert last is not None
    assert (last.action, last.subject) == ("plan.sent_back", f"run {run_id}")


def test_a_broken_file_holds_the_campaign_and_says_why(ledger: Engine) -> None:
    store_id, run_id = planned_run(ledger)
    broken = campaign_text("winback").replace("segment: lapsed-90", "segment: lapsed-9")
    record_book(ledger, store_id=store_id, book=sample_book(winback=broken), now=NOW)
    with ledger.connect() as connection:
        row = connection.execute(sa.select(campaigns).where(campaigns.c.name == "winback")).one()
    assert row.revision_id is None
    assert "lapsed-90" in row.findings[0]
    assert make_plan(ledger, run_id=run_id, now=NOW, per_minute=600) is RunState.PLANNING
    with pytest.raises(Refused, match="faults"):
        start_by_hand(ledger, store_id=store_id, name="winback", person="ana", now=NOW)


def test_a_draft_is_not_run_and_an_unknown_campaign_is_not_found(ledger: Engine) -> None:
    store_id, _ = planned_run(ledger)
    with pytest.raises(Refused, match="draft"):
        start_by_hand(ledger, store_id=store_id, name="vip-thanks", person="ana", now=NOW)
    with pytest.raises(NotFound):
        start_by_hand(ledger, store_id=store_id, name="nothing", person="ana", now=NOW)


def test_a_due_slot_becomes_one_run_however_often_it_is_checked(ledger: Engine) -> None:
    store_id = add_store(ledger)
    record_book(
        ledger, store_id=store_id, book=sample_book(), now=NOW
    )  # Monday, 10:00 in the store's time zone
    later = NOW + timedelta(days=7, seconds=10)
    assert create_due_runs(ledger, store_id=store_id, now=later) == 1
    with writing(ledger) as connection:  # as if another worker had not seen it yet
        connection.execute(sa.update(campaigns).values(considered_until=NOW))
    assert create_due_runs(ledger, store_id=store_id, now=later) == 0
    with ledger.connect() as connection:
        run = connection.execute(sa.select(runs)).one()
    assert (run.campaign, run.slot_key) == ("welcome", "2026-11-30T10:00")


def test_a_slot_missed_by_too_much_is_skipped_with_the_reason(ledger: Engine) -> None:
    store_id = add_store(ledger)
    record_book(ledger, store_id=store_id, book=sample_book(), now=NOW)
    assert create_due_runs(ledger, store_id=store_id, now=NOW + timedelta(days=7, hours=7)) == 0
    with ledger.connect() as connection:
        run = connection.execute(sa.select(runs)).one()
    assert (run.state, run.reason) == (RunState.SKIPPED, "missed by more than 6 hours")
