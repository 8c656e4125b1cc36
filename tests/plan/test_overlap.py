"""A plan names the other campaigns that reach its recipients in the same week or with codes that are still valid."""

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
from tests.shop import ANA, NOW, add_customers, add_store, lapsed, run_row
from tests.web.site import put_under_way
from tillroll.campaign.frozen.overlap import Overlap, OverlapStage
from tillroll.campaign.frozen.parts import Goods, OfferCategory, OfferProduct
from tillroll.campaign.frozen.proposal import Proposal
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import codes, product_categories, redemptions, runs, stores
from tillroll.outlook.plan_preview import PreviewRequest, preview_plan
from tillroll.plan.audience.subject import Subject
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.goods.same_goods import products_on, share_products
from tillroll.plan.make import make_plan
from tillroll.plan.overlap.overlaps import count_common
from tillroll.plan.overlap.same_week import WeekContacts
from tillroll.plan.record.revisions import record_book

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


def overlaps_of(engine: Engine, run_id: int) -> list[tuple[str, str, int]]:
    return [
        (overlap.campaign, overlap.standing.value, overlap.people)
        for overlap in proposal_of(engine, run_id).crossings
    ]


@pytest.mark.parametrize(
    ("state", "standing"),
    [
        (RunState.WAITING, OverlapStage.WAITING),
        (RunState.APPROVED, OverlapStage.APPROVED),
        (RunState.SENDING, OverlapStage.SENT),
        (RunState.DONE, OverlapStage.SENT),
    ],
)
def test_people_of_another_run_in_the_same_week_are_counted(
    ledger: Engine, state: RunState, standing: OverlapStage
) -> None:
    store_id = shop(ledger, hello=HELLO, few=FEW)
    first = run_of(ledger, store_id, "few", days=-6.9)
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == first).values(state=state))
    (overlap,) = proposal_of(ledger, run_of(ledger, store_id, "hello")).crossings
    assert (overlap.campaign, overlap.standing, overlap.people, overlap.run_id) == ("few", standing, 3, first)
    assert overlap.offer.startswith("10% off")
    assert overlap.same_goods


@pytest.mark.parametrize("state", [RunState.REJECTED, RunState.REFUSED, RunState.EXPIRED, RunState.SKIPPED])
def test_runs_without_recipients_and_runs_of_other_weeks_are_not_counted(
    ledger: Engine, state: RunState
) -> None:
    store_id = shop(ledger, hello=HELLO, few=FEW)
    run_of(ledger, store_id, "few", days=-8)
    ended = run_of(ledger, store_id, "few")
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == ended).values(state=state))
    assert overlaps_of(ledger, run_of(ledger, store_id, "hello")) == []


def test_held_messages_are_not_counted_and_a_halted_run_counts_sent_messages_only(
    ledger: Engine,
) -> None:
    store_id = shop(ledger, hello=HELLO, few=FEW)
    first = run_of(ledger, store_id, "few")
    states = [("sent", ""), ("held", "consent withdrawn"), ("ready", "")]
    put_under_way(ledger, first, RunState.SENDING, live=0, message_states=states)
    assert overlaps_of(ledger, run_of(ledger, store_id, "hello")) == [("few", "sent", 2)]
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == first).values(state=RunState.HALTED))
    assert ("few", "sent", 1) in overlaps_of(ledger, run_of(ledger, store_id, "hello", days=0.1))


@pytest.mark.parametrize("people", [8, 60], ids=["read whole", "asked for"])
def test_overlaps_are_the_same_for_large_runs_small_runs_and_a_single_customer(
    ledger: Engine, people: int
) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, *(lapsed(number) for number in range(1, people + 1)))
    book = book_of(hello=HELLO, again=AGAIN, few=FEW)
    record_book(ledger, store_id=store_id, book=book, now=NOW)
    runs_of = {name: run_of(ledger, store_id, name) for name in ("again", "few")}
    assert overlaps_of(ledger, run_of(ledger, store_id, "hello")) == [
        ("again", "waiting", people),
        ("few", "waiting", 3),
    ]
    with ledger.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
        plain = {"run_id": 0, "slot_key": "", "slot_at": NOW, "store": store, "revision_id": 0}
        subject = Subject(**plain, revision=book.revisions["hello"])
        alone = WeekContacts(subject=replace(subject, only=2))
        contacts = {(contact.campaign, contact.run_id) for contact in alone.of(connection, [2])}
        assert contacts == set(runs_of.items())


def test_valid_codes_are_reported_until_they_are_used(ledger: Engine) -> None:
    store_id = shop(ledger, hello=HELLO, few=FEW)
    first = run_of(ledger, store_id, "few", days=-9)
    put_under_way(ledger, first, RunState.TRACKING, live=3, message_states=[("sent", "")] * 3)
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).values(valid_from=NOW - timedelta(days=9)))
    assert overlaps_of(ledger, run_of(ledger, store_id, "hello")) == [("few", "holds", 3)]
    with writing(ledger) as connection:
        code = connection.scalars(sa.select(codes.c.id).limit(1)).one()
        order = {"order_id": "A1", "order_total": 70, "discount": 14, "payment_status": "PAID", "at": NOW}
        connection.execute(
            sa.insert(redemptions).values(store_id=store_id, run_id=first, code_id=code, **order)
        )
    later = run_of(ledger, store_id, "hello", days=0.1)
    assert ("few", "holds", 2) in overlaps_of(ledger, later)
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).values(valid_until=NOW))
    assert ("few", "holds", 2) not in overlaps_of(ledger, run_of(ledger, store_id, "hello", days=0.2))


@pytest.mark.parametrize(
    ("rails", "state"), [("", RunState.WAITING), ("holds_code_already: refuse\n", RunState.REFUSED)]
)
def test_a_plan_says_who_holds_an_unused_code_of_the_same_campaign(
    ledger: Engine, rails: str, state: RunState
) -> None:
    store_id = shop(ledger, hello=HELLO)
    record_book(
        ledger, store_id=store_id, book=book_of(f"largest_percent: 30\n{rails}", hello=HELLO), now=NOW
    )
    first = run_of(ledger, store_id, "hello", days=-9)
    assert not [each for each in proposal_of(ledger, first).verdicts if each.rule == "holds_code_already"]
    put_under_way(ledger, first, RunState.TRACKING, live=PEOPLE, message_states=[("sent", "")] * PEOPLE)
    again = run_of(ledger, store_id, "hello")
    (verdict,) = (each for each in proposal_of(ledger, again).verdicts if each.rule == "holds_code_already")
    assert verdict.text.startswith(f"{PEOPLE} of {PEOPLE} hold an unused code of hello that still works")
    assert run_row(ledger, again).state is state


def test_a_campaign_that_is_due_within_the_week_is_counted_in_advance(ledger: Engine) -> None:
    store_id = shop(ledger, hello=HELLO, weekly=WEEKLY)
    (overlap,) = proposal_of(ledger, run_of(ledger, store_id, "hello")).crossings
    assert (overlap.campaign, overlap.standing, overlap.people) == ("weekly", OverlapStage.DUE, PEOPLE)
    assert overlap.at == "2026-11-27T08:00:00+00:00"
    assert overlap.offer.startswith("12% off")
    with writing(ledger) as connection:  # its slot is due, but it is not planned yet
        row = {
            "store_id": store_id,
            "campaign": "weekly",
            "slot_key": "x",
            "slot_at": NOW,
            "state": "planning",
        }
        connection.execute(sa.insert(runs).values(**row, created_at=NOW, changed_at=NOW))
    (overlap,) = [
        crossing for crossing in crossings(ledger, store_id, "hello") if crossing.standing is OverlapStage.DUE
    ]
    assert overlap.at == NOW.isoformat()


def crossings(engine: Engine, store_id: int, name: str, days: float = 0.1) -> tuple[Overlap, ...]:
    return proposal_of(engine, run_of(engine, store_id, name, days=days)).crossings


def test_a_preview_finds_the_same_overlaps(ledger: Engine) -> None:
    store_id = shop(ledger, hello=HELLO, weekly=WEEKLY, few=FEW)
    run_of(ledger, store_id, "few")
    with ledger.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
    book = book_of(hello=HELLO)
    preview = preview_plan(
        PreviewRequest(engine=ledger, store=store, revision=book.revisions["hello"], now=NOW, per_minute=600)
    ).proposal
    assert [(overlap.campaign, overlap.people) for overlap in preview.crossings] == [
        ("weekly", PEOPLE),
        ("few", 3),
    ]


@pytest.mark.parametrize(("product_id", "same"), [(1, True), (2, False)])
def test_a_product_overlaps_with_its_category(ledger: Engine, product_id: int, same: bool) -> None:
    store_id = add_store(ledger)
    with writing(ledger) as connection:
        row = {"store_id": store_id, "product_id": 1, "category_id": 7}
        connection.execute(sa.insert(product_categories).values(row))
        shelf = products_on(
            connection, store_id, Goods(categories=(OfferCategory(category_id=7, path="Tea"),))
        )
        product = OfferProduct(product_id=product_id, sku="S", name="S")
        alone = products_on(connection, store_id, Goods(products=(product,)))
    assert share_products(shelf, alone) is same
    assert share_products(shelf, None), "an offer on everything includes these products"


def test_overlaps_survive_a_round_trip_and_are_part_of_the_digest(ledger: Engine) -> None:
    store_id = shop(ledger, hello=HELLO, few=FEW)
    run_of(ledger, store_id, "few")
    proposal = proposal_of(ledger, run_of(ledger, store_id, "hello"))
    body = proposal.to_json()
    assert Proposal.from_json(body) == proposal
    assert body.pop("crossings")
    assert Proposal.from_json(body).digest != proposal.digest


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)))
def test_customers_in_both_audiences_are_counted_in_one_pass(first: set[int], second: set[int]) -> None:
    assert count_common(array("q", sorted(first)), iter(sorted(second))) == len(first & second)
