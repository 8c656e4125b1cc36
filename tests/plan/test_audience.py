from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_customers, add_store, lapsed, sample_book
from tillroll.campaign.segment import Condition, Segment
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import customers
from tillroll.plan.audience import Asked, Selection, matches, select_recipients


def chosen(engine: Engine, where: dict[str, Any]) -> set[int]:
    segment = Segment.model_validate({"title": "t", "where": where})
    with engine.connect() as connection:
        return set(connection.scalars(sa.select(customers.c.customer_id).where(matches(segment, NOW))))


@pytest.fixture
def shop(ledger: Engine) -> Engine:
    store_id = add_store(ledger)
    add_customers(
        ledger,
        store_id,
        {"customer_id": 1, "country": "NO", "language": "en"},
        lapsed(2),
        lapsed(3, accepts_marketing=False, country="US"),
        lapsed(4, accepts_marketing=None, language="sl"),
        lapsed(5, last_order_at=NOW - timedelta(days=5), spent=Decimal("900.10"), group_name="Staff"),
    )
    return ledger


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"orders": {"at_least": 3}}, {2, 3, 4, 5}),
        ({"orders": {"at_most": 0}}, {1}),
        ({"spent": {"at_least": "900.10"}}, {5}),
        ({"average_order": {"at_least": 40, "at_most": 40}}, {2, 3, 4}),
        ({"last_order": {"more_than": "90d ago"}}, {2, 3, 4}),
        ({"last_order": {"less_than": "90d ago"}}, {5}),
        ({"last_order": {"never": True}}, {1}),
        ({"accepts_marketing": True}, {1, 2, 5}),
        ({"accepts_marketing": False}, {3}),
        ({"country": {"in": ["NO", "US"]}}, {1, 3}),
        ({"language": {"in": ["sl"]}}, {4}),
        ({"group": {"in": ["Staff"]}}, {5}),
        ({"not": {"last_order": {"more_than": "90d ago"}}}, {1, 5}),
        ({"any": [{"group": {"in": ["Staff"]}}, {"language": {"in": ["sl"]}}]}, {4, 5}),
        ({"all": [{"orders": {"at_least": 1}}, {"not": {"country": {"in": ["US"]}}}]}, {2, 4, 5}),
    ],
)
def test_a_condition_selects_whom_it_says(shop: Engine, where: dict[str, Any], ids: set[int]) -> None:
    assert chosen(shop, where) == ids


_bounds = st.one_of(
    st.integers(0, 5).map(lambda n: {"at_least": n}),
    st.integers(0, 5).map(lambda n: {"at_most": n}),
)
_leaf = st.one_of(
    _bounds.map(lambda b: {"orders": b}),
    st.integers(0, 300).map(lambda n: {"spent": {"at_least": n}}),
    st.integers(1, 100).map(lambda n: {"average_order": {"at_most": n}}),
    st.integers(1, 400).map(lambda n: {"last_order": {"more_than": f"{n}d ago"}}),
    st.integers(1, 400).map(lambda n: {"last_order": {"less_than": f"{n}d ago"}}),
    st.just({"last_order": {"never": True}}),
    st.booleans().map(lambda b: {"accepts_marketing": b}),
    st.sampled_from([["SI"], ["NO", "DE"]]).map(lambda c: {"country": {"in": c}}),
)
_where = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=6,
)
_people = st.lists(
    st.fixed_dictionaries(
        {
            "orders": st.integers(0, 4),
            "cents": st.integers(0, 40_000),
            "days": st.one_of(st.none(), st.integers(1, 420)),
            "consent": st.sampled_from([True, False, None]),
            "country": st.sampled_from(["SI", "NO", "DE", ""]),
        }
    ),
    max_size=8,
)


def oracle(condition: Condition, person: dict[str, Any]) -> bool:
    """What a segment means, in plain Python."""
    name = next(iter(condition.model_fields_set))
    value = getattr(condition, name)
    last = NOW - timedelta(days=person["days"]) if person["days"] else None
    spent = Decimal(person["cents"]) / 100
    match name:
        case "all":
            return all(oracle(one, person) for one in value)
        case "any":
            return any(oracle(one, person) for one in value)
        case "not_":
            return not oracle(value, person)
        case "orders":
            return (
                (value.at_least or 0) <= person["orders"] <= (999 if value.at_most is None else value.at_most)
            )
        case "spent":
            return spent >= value.at_least
        case "average_order":
            return person["orders"] > 0 and spent / person["orders"] <= value.at_most
        case "last_order":
            if value.never or last is None:
                return bool(value.never) and last is None
            return last < NOW - value.more_than if value.more_than else last > NOW - value.less_than
        case "accepts_marketing":
            return person["consent"] is value
        case _:
            return person["country"] in value.in_


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=_where, people=_people)
def test_the_query_means_what_plain_python_says(
    ledger: Engine, where: dict[str, Any], people: list[dict[str, Any]]
) -> None:
    with writing(ledger) as connection:
        connection.execute(sa.delete(customers))
        connection.execute(sa.text("delete from stores"))
    store_id = add_store(ledger)
    rows = [
        {
            "customer_id": number,
            "orders": person["orders"],
            "spent": Decimal(person["cents"]) / 100,
            "last_order_at": NOW - timedelta(days=person["days"]) if person["days"] else None,
            "accepts_marketing": person["consent"],
            "country": person["country"],
        }
        for number, person in enumerate(people, start=1)
    ]
    if rows:
        add_customers(ledger, store_id, *rows)
    condition = Condition.model_validate(where)
    meant = {number for number, person in enumerate(people, start=1) if oracle(condition, person)}
    assert chosen(ledger, where) == meant


def select(engine: Engine, store_id: int, **changes: Any) -> tuple[list[int], Selection]:
    revision = sample_book().revisions["winback"]
    who = revision.campaign.who.model_copy(update=changes)
    revision = replace(revision, campaign=revision.campaign.model_copy(update={"who": who}))
    asked = Asked(store_id=store_id, revision=revision, key=b"key", now=NOW)
    selection = Selection()
    with engine.connect() as connection:
        found = [row["customer_id"] for row in select_recipients(connection, asked, selection)]
    return found, selection


def test_whoever_is_left_out_is_counted_by_reason(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_customers(
        ledger,
        store_id,
        lapsed(1),
        lapsed(2, group_name="Staff"),
        lapsed(3, email="nobody"),
        lapsed(4),
        lapsed(5),
    )
    found, selection = select(ledger, store_id, holdout=Decimal(0), limit=2)
    assert found == [1, 4]
    assert dict(selection.excluded) == {"in staff": 1, "no e-mail address": 1, "over the limit of 2": 1}
    assert selection.matched == 5


def test_nobody_without_consent_is_a_recipient_whatever_the_segment_says(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, {"customer_id": 1, "group_name": "Staff", "accepts_marketing": False})
    found, selection = select(ledger, store_id, segment="staff", exclude=(), holdout=Decimal(0))
    assert found == []
    assert selection.excluded["no consent to e-mails"] == 1


def test_the_holdout_is_about_its_share_and_always_the_same_people(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, *(lapsed(number) for number in range(1, 1001)))
    first, _ = select(ledger, store_id)
    again, selection = select(ledger, store_id)
    assert first == again
    assert 60 <= selection.excluded["held back to compare with"] <= 140
