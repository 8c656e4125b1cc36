"""A large plan is made in steps and equals one made at once, even if other processes work on it or a process dies."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.journeys.steps import NO_LIMITS, book_of
from tests.shop import ANA, NOW, add_customers, add_store, lapsed, run_row
from tillroll.approve.act import approve
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import Recount, load_plan, recount_plan
from tillroll.ledger.tables import plans, recipients, runs, stores
from tillroll.mint.issue.begin import begin
from tillroll.outlook.plan_preview import PreviewRequest, preview_plan
from tillroll.plan.audience.query import AudienceRequest
from tillroll.plan.audience.reader import PIECE
from tillroll.plan.audience.select import Selection, select_recipients
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.freeze import split_key
from tillroll.plan.make import Planning, make_plan
from tillroll.plan.record.revisions import active_campaigns, record_book

PEOPLE = PIECE + 1_300
LARGE = """title: Large
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90, exclude: [staff], holdout: 10%, limit: 5400}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: Hello}
variants:
  - {name: ten, weight: 1}
  - {name: twenty, weight: 2, offer: {value: 20}}
"""
DUE = """title: Due
owner: ana@shop.example
status: active
when: {cron: "0 10 * * *"}
who: {segment: lapsed-90, %s}
offer: %s
message: {template: winback, subject: Hello}
"""
PLAIN = "{kind: percent, value: 10, valid: {for: 14d}}"
OWN = "{kind: amount, value: {table: {by: spent, rows: [{from: 100, value: 2}, {from: 130, value: 7}]}}, valid: {for: 14d}}"
RAILS = NO_LIMITS + "codes_per_run: 100000\nmessages_per_person_per_week: 2\n"


@pytest.fixture
def run_id(ledger: Engine) -> int:
    """A run by hand over some thousand customers with every reason for exclusion; other campaigns are due within the week."""
    store_id = add_store(ledger)
    left_out = [{"accepts_marketing": False}, {"email": "nobody"}, {"group_name": "Staff"}, {"orders": 1}]
    rows = [lapsed(number, spent=90 + number % 60) for number in range(1, PEOPLE)]
    for number, values in enumerate(left_out * 50, start=100):
        rows[number] |= values
    add_customers(ledger, store_id, *rows)
    files = {"large": LARGE, "due": DUE % ("limit: 400", PLAIN), "other": DUE % ("holdout: 20%", PLAIN)}
    files |= {"whole": DUE % ("exclude: [staff]", PLAIN), "own": DUE % ("limit: 3000", OWN)}
    record_book(ledger, store_id=store_id, book=book_of(RAILS, **files), now=NOW)
    return start_by_hand(ledger, store_id=store_id, name="large", person="ana", now=NOW)


def planning(engine: Engine, run_id: int) -> Planning:
    return Planning(engine, run_id=run_id, now=NOW, per_minute=600)


def at_once() -> bool:
    return True


def step_to_the_end(attempt: Planning) -> int:
    """Take all steps of a planning attempt and return their number."""
    steps = 1
    while attempt.step(at_once) is None:
        steps += 1
    return steps


def plan_of(engine: Engine, run_id: int) -> StoredPlan:
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
        assert plan is not None
        assert recount_plan(engine, run_id).is_unchanged
        assert connection.scalars(sa.select(plans.c.id)).all() == [plan.plan_id]
        count = connection.scalar(sa.select(sa.func.count()).select_from(recipients))
        assert count == plan.proposal.audience.count
    return plan


def test_a_plan_made_in_steps_equals_a_preview_made_at_once(ledger: Engine, run_id: int) -> None:
    with ledger.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
        revisions = {campaign.name: campaign.revision for campaign in active_campaigns(connection, store.id)}
    ahead = preview_plan(
        PreviewRequest(engine=ledger, store=store, revision=revisions["large"], now=NOW, per_minute=600)
    ).proposal
    assert step_to_the_end(planning(ledger, run_id)) > 5
    assert run_row(ledger, run_id).state == RunState.WAITING
    plan = plan_of(ledger, run_id).proposal
    assert plan.audience == ahead.audience
    assert len(plan.audience.excluded) == 4
    assert (plan.arms, plan.exposure, plan.crossings) == (ahead.arms, ahead.exposure, ahead.crossings)
    assert {overlap.campaign: overlap.people for overlap in plan.crossings} == count_overlaps_separately(
        ledger
    )


def count_overlaps_separately(engine: Engine) -> dict[str, int]:
    """Count the recipients whom each upcoming campaign would reach, planned separately."""
    with engine.connect() as connection:
        recipient_ids = set(connection.scalars(sa.select(recipients.c.customer_id)))
        common = {}
        for campaign in active_campaigns(connection, 1):
            request = AudienceRequest(store_id=1, revision=campaign.revision, key=split_key(1003), now=NOW)
            selected = {row["customer_id"] for row in select_recipients(connection, request, Selection())}
            common[campaign.name] = len(recipient_ids & selected)
    del common["large"]
    return common


def test_the_first_finished_plan_is_kept_and_other_processes_stop(ledger: Engine, run_id: int) -> None:
    first, second, late = (planning(ledger, run_id) for _ in range(3))
    for attempt in (first, second, late, first, second):
        assert attempt.step(at_once) is None
    step_to_the_end(second)
    stored = plan_of(ledger, run_id)
    assert [attempt.step(at_once) for attempt in (first, late)] == [RunState.WAITING] * 2
    assert plan_of(ledger, run_id) == stored


def test_a_process_that_dies_leaves_no_plan_and_the_next_process_starts_again(
    ledger: Engine, run_id: int
) -> None:
    for steps in (1, 2, 3):
        died = planning(ledger, run_id)
        for _ in range(steps):
            died.step(at_once)
        assert run_row(ledger, run_id).plan_id is None
    assert make_plan(ledger, run_id=run_id, now=NOW, per_minute=600) is RunState.WAITING
    plan_of(ledger, run_id)


def test_a_planning_attempt_stops_when_the_run_was_changed_meanwhile(ledger: Engine, run_id: int) -> None:
    old = planning(ledger, run_id)
    for _ in range(3):
        old.step(at_once)
    with writing(ledger) as connection:  # as if another process had planned it and it was sent back
        connection.execute(sa.update(runs).values(changed_at=NOW + timedelta(minutes=1)))
    assert old.step(at_once) is RunState.PLANNING
    assert run_row(ledger, run_id).plan_id is None


def approved(engine: Engine, run_id: int) -> StoredPlan:
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    plan = plan_of(engine, run_id)
    approve(engine, run_id=run_id, digest=plan.digest, person=ANA, note="", now=NOW)
    return plan


@pytest.mark.parametrize("change", ["none", "last", "one less", "one more"])
def test_a_recount_in_steps_detects_changed_recipients(ledger: Engine, run_id: int, change: str) -> None:
    plan = approved(ledger, run_id)
    recount = Recount(ledger, run_id)
    assert not recount.step(at_once)
    of_plan = recipients.c.plan_id == plan.plan_id
    first, last = sa.func.min(recipients.c.id), sa.func.max(recipients.c.id)
    with writing(ledger) as connection:
        ids = {"last": connection.scalar(sa.select(last)), "one less": connection.scalar(sa.select(first))}
        where = (of_plan, recipients.c.id == ids.get(change))
        if change == "last":
            connection.execute(sa.update(recipients).where(*where).values(email="other@example.com"))
        if change == "one less":  # a recipient that was counted already
            connection.execute(sa.delete(recipients).where(*where))
        if change == "one more":
            row = {"plan_id": plan.plan_id, "customer_id": 0, "email": "more@example.com"}
            connection.execute(sa.insert(recipients).values(row))
    assert recount.step(at_once)
    expected = RunState.MINTING if change == "none" else RunState.PLANNING
    assert begin(ledger, run_id=run_id, now=NOW, recount=recount) is expected


def test_a_recount_applies_only_to_the_current_plan(ledger: Engine, run_id: int) -> None:
    approved(ledger, run_id)
    recount = Recount(ledger, run_id)
    recount.step(at_once)
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).values(plan_id=None))
    assert begin(ledger, run_id=run_id, now=NOW, recount=recount) is RunState.APPROVED
