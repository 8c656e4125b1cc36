"""A plan names the other campaigns that reach its people: in the same week, or with codes that still work."""

from __future__ import annotations

from array import array
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.journeys.steps import book_of
from tests.shop import ANA, NOW, add_customers, add_store, lapsed
from tests.web.site import put_under_way
from tillroll.campaign.frozen.crossing import Crossing, Standing
from tillroll.campaign.frozen.parts import CategoryOn, Goods, ProductOn
from tillroll.campaign.frozen.proposal import Proposal
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.plans import load_plan
from tillroll.ledger.tables import codes, product_categories, redemptions, runs, stores
from tillroll.plan.crossing.crossings import in_both
from tillroll.plan.crossing.same_goods import products_on, share_products
from tillroll.plan.crossing.same_week import SameWeek
from tillroll.plan.make import make_plan
from tillroll.plan.outlook import preview
from tillroll.plan.record import record_book
from tillroll.plan.slots import start_by_hand
from tillroll.plan.subject import Subject

HELLO = """title: Hello
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: Hello}
"""
AGAIN = HELLO.replace("title: Hello", "title: Again").replace("value: 10", "value: 12")
WEEKLY = AGAIN.replace("when: {manual: true}", 'when: {cron: "0 9 * * FRI"}')
FEW = HELLO.replace("who: {segment: lapsed-90}", "who: {segment: lapsed-90, limit: 3}")
PEOPLE = 8


def shop(engine: Engine, **campaigns: str) -> int:
    store_id = add_store(engine)
    add_customers(engine, store_id, *(lapsed(number) for number in range(1, PEOPLE + 1)))
    record_book(engine, store_id=store_id, book=book_of(**campaigns), now=NOW)
    return store_id


def run_of(engine: Engine, store_id: int, name: str, *, days: float = 0) -> int:
    now = NOW + timedelta(days=days)
    run_id = start_by_hand(engine, store_id=store_id, name=name, person=ANA.email, now=now)
    make_plan(engine, run_id=run_id, now=now, per_minute=600)
    return run_id


def proposal_of(engine: Engine, run_id: int) -> Proposal:
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    return plan.proposal


def met(engine: Engine, run_id: int) -> list[tuple[str, str, int]]:
    return [(one.campaign, one.standing.value, one.people) for one in proposal_of(engine, run_id).crossings]


@pytest.mark.parametrize(
    ("state", "standing"),
    [
        (RunState.WAITING, Standing.WAITING),
        (RunState.APPROVED, Standing.APPROVED),
        (RunState.SENDING, Standing.SENT),
        (RunState.DONE, Standing.SENT),
    ],
)
def test_people_of_another_run_in_the_same_week_are_counted(
    ledger: Engine, state: RunState, standing: Standing
) -> None:
    store_id = shop(ledger, hello=HELLO, few=FEW)
    first = run_of(ledger, store_id, "few", days=-6.9)
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == first).values(state=state))
    (found,) = proposal_of(ledger, run_of(ledger, store_id, "hello")).crossings
    assert (found.campaign, found.standing, found.people, found.run_id) == ("few", standing, 3, first)
    assert found.offer.startswith("10 % off")
    assert found.same_goods


@pytest.mark.parametrize("state", [RunState.REJECTED, RunState.REFUSED, RunState.EXPIRED, RunState.SKIPPED])
def test_runs_that_reach_nobody_and_those_of_other_weeks_are_not(ledger: Engine, state: RunState) -> None:
    store_id = shop(ledger, hello=HELLO, few=FEW)
    run_of(ledger, store_id, "few", days=-8)
    ended = run_of(ledger, store_id, "few")
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == ended).values(state=state))
    assert met(ledger, run_of(ledger, store_id, "hello")) == []


def test_who_was_kept_from_another_e_mail_did_not_get_it_and_a_halt_counts_what_had_left(
    ledger: Engine,
) -> None:
    store_id = shop(ledger, hello=HELLO, few=FEW)
    first = run_of(ledger, store_id, "few")
    states = [("sent", ""), ("held", "consent withdrawn"), ("ready", "")]
    put_under_way(ledger, first, RunState.SENDING, live=0, message_states=states)
    assert met(ledger, run_of(ledger, store_id, "hello")) == [("few", "sent", 2)]
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == first).values(state=RunState.HALTED))
    assert ("few", "sent", 1) in met(ledger, run_of(ledger, store_id, "hello", days=0.1))


@pytest.mark.parametrize("people", [8, 60], ids=["read whole", "asked for"])
def test_large_and_small_runs_and_one_customer_alone_are_seen_alike(ledger: Engine, people: int) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, *(lapsed(number) for number in range(1, people + 1)))
    book = book_of(hello=HELLO, again=AGAIN, few=FEW)
    record_book(ledger, store_id=store_id, book=book, now=NOW)
    runs_of = {name: run_of(ledger, store_id, name) for name in ("again", "few")}
    assert met(ledger, run_of(ledger, store_id, "hello")) == [
        ("again", "waiting", people),
        ("few", "waiting", 3),
    ]
    with ledger.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
        plain = {"run_id": 0, "slot_key": "", "slot_at": NOW, "store": store, "revision_id": 0}
        subject = Subject(**plain, revision=book.revisions["hello"])
        alone = SameWeek(subject=replace(subject, only=2))
        found = {(one.campaign, one.run_id) for one in alone.of(connection, [2])}
        assert found == set(runs_of.items())


def test_codes_that_still_work_are_told_until_they_are_used(ledger: Engine) -> None:
    store_id = shop(ledger, hello=HELLO, few=FEW)
    first = run_of(ledger, store_id, "few", days=-9)
    put_under_way(ledger, first, RunState.TRACKING, live=3, message_states=[("sent", "")] * 3)
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).values(valid_from=NOW - timedelta(days=9)))
    assert met(ledger, run_of(ledger, store_id, "hello")) == [("few", "holds", 3)]
    with writing(ledger) as connection:
        code = connection.scalars(sa.select(codes.c.id).limit(1)).one()
        order = {"order_id": "A1", "order_total": 70, "discount": 14, "payment_status": "PAID", "at": NOW}
        connection.execute(
            sa.insert(redemptions).values(store_id=store_id, run_id=first, code_id=code, **order)
        )
    later = run_of(ledger, store_id, "hello", days=0.1)
    assert ("few", "holds", 2) in met(ledger, later)
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).values(valid_until=NOW))
    assert ("few", "holds", 2) not in met(ledger, run_of(ledger, store_id, "hello", days=0.2))


def test_a_campaign_that_is_due_within_the_week_is_planned_ahead(ledger: Engine) -> None:
    store_id = shop(ledger, hello=HELLO, weekly=WEEKLY)
    (found,) = proposal_of(ledger, run_of(ledger, store_id, "hello")).crossings
    assert (found.campaign, found.standing, found.people) == ("weekly", Standing.DUE, PEOPLE)
    assert found.at == "2026-11-27T08:00:00+00:00"
    assert found.offer.startswith("12 % off")
    with writing(ledger) as connection:  # its slot has come, and nobody has planned it yet
        row = {
            "store_id": store_id,
            "campaign": "weekly",
            "slot_key": "x",
            "slot_at": NOW,
            "state": "planning",
        }
        connection.execute(sa.insert(runs).values(**row, created_at=NOW, changed_at=NOW))
    (found,) = [one for one in crossings(ledger, store_id, "hello") if one.standing is Standing.DUE]
    assert found.at == NOW.isoformat()


def crossings(engine: Engine, store_id: int, name: str, days: float = 0.1) -> tuple[Crossing, ...]:
    return proposal_of(engine, run_of(engine, store_id, name, days=days)).crossings


def test_a_preview_meets_the_same_and_writes_nothing(ledger: Engine) -> None:
    store_id = shop(ledger, hello=HELLO, weekly=WEEKLY, few=FEW)
    run_of(ledger, store_id, "few")
    with ledger.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
    book = book_of(hello=HELLO)
    seen = preview(ledger, store=store, revision=book.revisions["hello"], now=NOW, per_minute=600)
    assert [(one.campaign, one.people) for one in seen.crossings] == [("weekly", PEOPLE), ("few", 3)]


@pytest.mark.parametrize(("product_id", "same"), [(1, True), (2, False)])
def test_a_product_meets_the_category_that_it_is_in(ledger: Engine, product_id: int, same: bool) -> None:
    store_id = add_store(ledger)
    with writing(ledger) as connection:
        row = {"store_id": store_id, "product_id": 1, "category_id": 7}
        connection.execute(sa.insert(product_categories).values(row))
        shelf = products_on(connection, store_id, Goods(categories=(CategoryOn(category_id=7, path="Tea"),)))
        one = ProductOn(product_id=product_id, sku="S", name="S")
        alone = products_on(connection, store_id, Goods(products=(one,)))
    assert share_products(shelf, alone) is same
    assert share_products(shelf, None), "an offer on everything is on this too"


def test_a_plan_with_crossings_is_read_back_whole_and_they_are_part_of_its_digest(ledger: Engine) -> None:
    store_id = shop(ledger, hello=HELLO, few=FEW)
    run_of(ledger, store_id, "few")
    proposal = proposal_of(ledger, run_of(ledger, store_id, "hello"))
    body = proposal.to_json()
    assert Proposal.from_json(body) == proposal
    assert body.pop("crossings")
    assert Proposal.from_json(body).digest != proposal.digest


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)))
def test_who_is_in_two_audiences_is_counted_as_both_are_read(mine: set[int], theirs: set[int]) -> None:
    assert in_both(array("q", sorted(mine)), iter(sorted(theirs))) == len(mine & theirs)
