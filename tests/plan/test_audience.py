from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_customers, add_store, lapsed, sample_book
from tillroll.campaign.segments.segment import Segment
from tillroll.ledger.tables import customers
from tillroll.plan.audience.query import AudienceRequest
from tillroll.plan.audience.select import Selection, select_recipients
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask


def chosen(engine: Engine, where: dict[str, Any]) -> set[int]:
    segment = Segment.model_validate({"title": "t", "where": where})
    with engine.connect() as connection:
        asking = SegmentQuery(ask(connection, store_id=1, segments=[segment], lists={}, now=NOW))
        fits = asking.matches(segment)
        query = sa.select(customers.c.customer_id).select_from(asking.source).where(asking.scope, fits)
        return set(connection.scalars(query))


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
def test_a_condition_selects_the_matching_customers(
    shop: Engine, where: dict[str, Any], ids: set[int]
) -> None:
    assert chosen(shop, where) == ids


def select(engine: Engine, store_id: int, **changes: Any) -> tuple[list[int], Selection]:
    revision = sample_book().revisions["winback"]
    who = revision.campaign.who.model_copy(update=changes)
    revision = replace(revision, campaign=revision.campaign.model_copy(update={"who": who}))
    request = AudienceRequest(store_id=store_id, revision=revision, key=b"key", now=NOW)
    selection = Selection()
    with engine.connect() as connection:
        customer_ids = [row["customer_id"] for row in select_recipients(connection, request, selection)]
    return customer_ids, selection


def test_excluded_customers_are_counted_by_reason(ledger: Engine) -> None:
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
    customer_ids, selection = select(ledger, store_id, holdout=Decimal(0), limit=2)
    assert customer_ids == [1, 4]
    assert dict(selection.excluded) == {"in staff": 1, "no e-mail address": 1, "over the limit of 2": 1}
    assert selection.matched == 5


def test_customers_without_consent_are_never_recipients(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, {"customer_id": 1, "group_name": "Staff", "accepts_marketing": False})
    customer_ids, selection = select(ledger, store_id, segment="staff", exclude=(), holdout=Decimal(0))
    assert customer_ids == []
    assert selection.excluded["no consent to e-mails"] == 1


def test_the_control_group_has_about_its_share_and_stays_the_same(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, *(lapsed(number) for number in range(1, 1001)))
    first, _ = select(ledger, store_id)
    again, selection = select(ledger, store_id)
    assert first == again
    assert 60 <= selection.excluded["control group"] <= 140
