"""A customer who comes into a loyalty tier enters a campaign once, and leaves it if they lose the tier."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy.engine import Engine

from tests.flows.events import all_runs, book_of, campaign, entered, person
from tests.shop import NOW, add_customers
from tests.track.tiers_room import BY_SPEND, order, rules, shop, write
from tillroll.campaign import parse_book
from tillroll.flows.enroll import enroll
from tillroll.flows.steps import take_steps
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import load_store
from tillroll.plan.record.revisions import record_book
from tillroll.plan.segments.answerable import reason_unanswered
from tillroll.plan.segments.membership import segments_of_customer
from tillroll.track.tiers.follow import follow_tiers, record_tiers

HOUR = timedelta(hours=1)
FILE = b"by: spent\ntiers: [{name: silver, from: 100}, {name: gold, from: 250}]\n"
GOLDEN = b"title: Gold\nwhere: {tier: gold}\n"
FILES = {"rules/tiers.yaml": FILE, "rules/segments/golden.yaml": GOLDEN}
UP = campaign("{tier_entered: {tier: silver}}", who="who: {exclude: [golden]}")
EACH_TIME = UP.replace(
    "on: {tier_entered: {tier: silver}}", "on: {tier_entered: {tier: silver}}, again: {after: 30m}"
)
CAMPAIGNS = {
    "up": UP,
    "each": EACH_TIME,
    "down": campaign("{tier_entered: {tier: silver, from: above}}"),
    "any": campaign("{tier_entered: {tier: silver, from: anywhere}}"),
}


@pytest.fixture
def store_id(ledger: Engine) -> int:
    """Return a store with tiers, whose campaigns wait for silver."""
    store_id = shop(ledger, BY_SPEND)
    add_customers(ledger, store_id, person(1), person(2))
    record_book(ledger, store_id=store_id, book=book_of(FILES, **CAMPAIGNS), now=NOW - timedelta(days=1))
    return store_id


def spend(engine: Engine, store_id: int, total: str, now: datetime, customer_id: int = 1) -> None:
    """Let one order of a customer be worth this much, and look twice."""
    write(engine, store_id, order(f"A{customer_id}", customer_id, total, created_at=NOW))
    for _ in range(2):
        follow_tiers(engine, store_id=store_id, now=now)
        enroll(engine, store_id=store_id, now=now)


def found(engine: Engine) -> list[tuple[str, int]]:
    return sorted((row.campaign, row.customer_id) for row in entered(engine))


def test_each_change_brings_a_customer_in_once(ledger: Engine, store_id: int) -> None:
    spend(ledger, store_id, "120", NOW)
    assert found(ledger) == [("any", 1), ("each", 1), ("up", 1)]
    assert entered(ledger)[0].facts == {"tier": {"name": "silver", "was": ""}}
    spend(ledger, store_id, "300", NOW + HOUR)
    assert len(found(ledger)) == 3, "gold is another tier"
    spend(ledger, store_id, "120", NOW + 2 * HOUR)
    assert found(ledger)[3:] == [("up", 1)]
    assert ("down", 1) in found(ledger)
    spend(ledger, store_id, "50", NOW + 3 * HOUR)
    spend(ledger, store_id, "120", NOW + 4 * HOUR)
    assert found(ledger) == [("any", 1), ("down", 1), ("each", 1), ("each", 1), ("up", 1)]


def test_a_tier_lost_again_before_the_look_brings_nobody_in_and_ends_a_flow(
    ledger: Engine, store_id: int
) -> None:
    write(ledger, store_id, order("A1", 1, "120"))
    follow_tiers(ledger, store_id=store_id, now=NOW)
    write(ledger, store_id, order("A1", 1, "20"))
    follow_tiers(ledger, store_id=store_id, now=NOW)
    enroll(ledger, store_id=store_id, now=NOW)
    assert found(ledger) == []
    spend(ledger, store_id, "120", NOW, customer_id=2)
    write(ledger, store_id, order("A2", 2, "20"))
    follow_tiers(ledger, store_id=store_id, now=NOW)
    take_steps(ledger, store_id=store_id, now=NOW + HOUR)
    assert {row.reason for row in entered(ledger)} == {"they are no longer in the tier silver"}
    assert all_runs(ledger) == []


def test_a_segment_asks_for_a_tier_once_it_is_counted(ledger: Engine, store_id: int) -> None:
    spend(ledger, store_id, "300", NOW)
    spend(ledger, store_id, "120", NOW, customer_id=2)
    revision = book_of(FILES, **CAMPAIGNS).revisions["up"]
    assert "rules/tiers.yaml" in revision.files
    with reading(ledger) as connection:
        store = load_store(connection, store_id)
        inside = [
            segments_of_customer(
                connection,
                store_id=store_id,
                customer_id=number,
                segments=revision.segments,
                lists={},
                now=NOW,
            )
            for number in (1, 2)
        ]
    assert [list(names) for names in inside] == [["golden"], []]
    assert reason_unanswered(ledger, store, revision, NOW) == ""
    record_tiers(ledger, store_id=store_id, rules=rules({**BY_SPEND, "within": "30d"}))
    assert reason_unanswered(ledger, store, revision, NOW) == "the loyalty tiers are still being counted"
    record_tiers(ledger, store_id=store_id, rules=None)
    assert "aren't in the ledger yet" in reason_unanswered(ledger, store, revision, NOW)


def test_unknown_tiers_are_reported_where_they_are_named() -> None:
    files = {
        "rules/segments/golden.yaml": b"title: t\nwhere: {tier: {in: [silver, golt]}}\n",
        "rules/tiers.yaml": FILE,
    }
    (finding,) = parse_book(files).findings
    assert (finding.line, finding.column, finding.suggestion) == (2, 29, "gold")
    (without,) = parse_book({"rules/segments/golden.yaml": GOLDEN}).findings
    assert "add rules/tiers.yaml" in without.problem
    wrong = parse_book(
        {**FILES, "rules/tiers.yaml": b"by: spent\ntiers: [{name: a, from: 5}, {name: b, from: 5}]\n"}
    )
    assert [finding.problem for finding in wrong.findings] == [
        "b must begin higher than a, which is before it"
    ]
