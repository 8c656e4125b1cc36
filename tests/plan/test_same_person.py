"""A person whom the store knows as several customers gets one code and one e-mail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.journeys.steps import NO_LIMITS, book_of
from tests.plan.test_overlap import put_under_way
from tests.shop import NOW, add_customers, add_store, counting, lapsed
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import messages, recipients
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

HELLO = """title: Hello
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90, exclude: [staff]}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: Hello}
"""
MAILBOX = "same_person: mailbox\n"
YEAR_AGO, LATER = NOW - timedelta(days=365), NOW - timedelta(days=120)


def plan(engine: Engine, *people: Mapping[str, Any], rails: str = "") -> tuple[list[int], dict[str, int]]:
    """Return the recipients of a plan for these people, and how many others were left out for which reason."""
    store_id = add_store(engine)
    add_customers(engine, store_id, *map(dict, people))
    record_book(engine, store_id=store_id, book=book_of(NO_LIMITS + rails, hello=HELLO), now=NOW)
    return plan_at(engine, store_id, NOW)


def plan_at(engine: Engine, store_id: int, now: datetime) -> tuple[list[int], dict[str, int]]:
    run_id = start_by_hand(engine, store_id=store_id, name="hello", person="ana", now=now)
    make_plan(engine, run_id=run_id, now=now, per_minute=600)
    with reading(engine) as connection:
        stored = load_plan(connection, run_id)
        assert stored is not None
        query = recipients.select().where(recipients.c.plan_id == stored.plan_id).order_by(recipients.c.id)
        ids = [row.customer_id for row in connection.execute(query)]
    assert stored.proposal.code_count == len(ids)
    return ids, dict(stored.proposal.audience.excluded)


def test_the_customer_with_the_latest_order_gets_the_code_and_the_others_are_counted(ledger: Engine) -> None:
    ids, excluded = plan(
        ledger,
        lapsed(1, email="Ana@Mail.example", last_order_at=YEAR_AGO),
        lapsed(2, email="ana@mail.example", last_order_at=LATER),
        lapsed(3, email="ANA@mail.example", last_order_at=YEAR_AGO),
        lapsed(4),
    )
    assert ids == [2, 4]
    assert excluded == {"same person": 2}


def test_of_equally_late_orders_the_oldest_customer_is_chosen(ledger: Engine) -> None:
    ids, _ = plan(ledger, *(lapsed(number, email=" Ana@mail.example") for number in (7, 8, 9)))
    assert ids == [7]


@pytest.mark.parametrize(("rails", "count"), [("", 3), (MAILBOX, 1)])
def test_tags_and_dots_are_ignored_if_the_shop_says_so(ledger: Engine, rails: str, count: int) -> None:
    addresses = ("ana.kos@gmail.com", "anakos@gmail.com", "AnaKos+tea@googlemail.com")
    people = (lapsed(number, email=address) for number, address in enumerate(addresses, start=1))
    ids, excluded = plan(ledger, *people, rails=rails)
    assert (len(ids), excluded.get("same person", 0)) == (count, 3 - count)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"group_name": "Staff"}, "in staff"),
        ({"accepts_marketing": False}, "refused e-mails as another customer with the same address"),
    ],
)
def test_what_excludes_one_customer_excludes_the_person(
    ledger: Engine, other: dict[str, Any], reason: str
) -> None:
    ids, excluded = plan(
        ledger,
        lapsed(1, email="ana@mail.example"),
        lapsed(2, email="ANA@mail.example", orders=0, last_order_at=None, **other),
    )
    assert ids == []
    assert excluded == {reason: 1}


def test_a_customer_outside_the_segment_does_not_take_the_place_of_one_inside(ledger: Engine) -> None:
    ids, _ = plan(
        ledger,
        lapsed(1, email="ana@mail.example"),
        lapsed(2, email="ANA@mail.example", orders=1, last_order_at=NOW),
    )
    assert ids == [1]


def test_the_limit_of_e_mails_counts_all_customers_of_a_person(ledger: Engine) -> None:
    rails = NO_LIMITS + "messages_per_person_per_week: 1\n"
    store_id = add_store(ledger)
    add_customers(ledger, store_id, lapsed(1, email="ana@mail.example"))
    record_book(ledger, store_id=store_id, book=book_of(rails, hello=HELLO), now=NOW)
    run_id = start_by_hand(ledger, store_id=store_id, name="hello", person="ana", now=NOW)
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    put_under_way(ledger, run_id, RunState.TRACKING, live=1, message_states=[("sent", "")])
    with writing(ledger) as connection:
        connection.execute(sa.update(messages).values(sent_at=NOW))
    add_customers(ledger, store_id, lapsed(2, email="Ana@mail.example", last_order_at=LATER))
    assert plan_at(ledger, store_id, NOW + timedelta(hours=1)) == ([], {"had 1 e-mail in the last 7 days": 2})


def test_a_store_without_such_people_costs_one_query(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, *(lapsed(number) for number in range(1, 30)))
    record_book(ledger, store_id=store_id, book=book_of(hello=HELLO), now=NOW)
    run_id = start_by_hand(ledger, store_id=store_id, name="hello", person="ana", now=NOW)
    with counting(ledger) as sent:
        make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    assert len([statement for statement in sent if "SELECT customers.mailbox" in statement]) == 1


def test_the_exposure_counts_a_person_once(ledger: Engine) -> None:
    store_id = add_store(ledger)
    twins = (
        lapsed(number, email=f"{'Ana' if number % 2 else 'ana'}@mail.example", spent=Decimal(30))
        for number in (1, 2)
    )
    add_customers(ledger, store_id, *twins)
    record_book(ledger, store_id=store_id, book=book_of(hello=HELLO), now=NOW)
    run_id = start_by_hand(ledger, store_id=store_id, name="hello", person="ana", now=NOW)
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    with reading(ledger) as connection:
        stored = load_plan(connection, run_id)
    assert stored is not None
    assert (stored.proposal.audience.matched, stored.proposal.audience.count) == (2, 1)
    assert stored.proposal.exposure.worst_case == Decimal(50)
