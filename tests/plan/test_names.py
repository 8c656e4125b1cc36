"""What a segment names and no customer of the store has is said in the plan, with the nearest name that some have."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.plan.test_answerable import book_with, planned
from tests.shop import NOW, add_customers, add_store, counting, lapsed
from tillroll.campaign.segments.segment import Segment
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import customer_fields
from tillroll.plan.segments.look import preview_segment
from tillroll.plan.segments.names import unknown_names


@pytest.fixture
def store_id(ledger: Engine) -> int:
    """A store with five customers, three of whom have fields."""
    new_id = add_store(ledger)
    place = {"city": "Ljubljana", "region": "061"}
    add_customers(
        ledger,
        new_id,
        *(lapsed(number, **place, group_name="Staff") for number in (1, 2)),
        *(lapsed(number, **place, language="sl", country="AT") for number in (3, 4, 5)),
    )
    fields = [("Birthday", "1990-05-17"), ("Tags", "vip, tea"), ("Club", "Gold")]
    rows = [
        {"store_id": new_id, "customer_id": number, "title": title, "value": value}
        for number in (1, 2, 3)
        for title, value in fields
    ]
    with writing(ledger) as connection:
        connection.execute(sa.insert(customer_fields), rows)
    return new_id


@pytest.mark.parametrize(
    ("where", "clause"),
    [
        (
            {"field": {"title": "Brithdayy", "filled": True}},
            "no customer has the field 'Brithdayy'; there is 'Birthday' (3 customers)",
        ),
        (
            {"field": {"title": "club", "in": ["Gold"]}},
            "no customer has the field 'club'; there is 'Club' (3 customers)",
        ),
        (
            {"field": {"title": "Shoe size", "filled": True}},
            "no customer has the field 'Shoe size'; there are 'Birthday' (3 customers), 'Club' (3), 'Tags' (3)",
        ),
        (
            {"field": {"title": "Club", "in": ["Gold", "Glod"]}},
            "no customer's field 'Club' is 'Glod'; there is 'Gold' (3 customers)",
        ),
        (
            {"field": {"title": "Tags", "includes": ["vpi"]}},
            "no customer's field 'Tags' includes 'vpi'; there is 'vip' (3 customers)",
        ),
        (
            {"group": {"in": ["Staf"]}},
            "no customer is in the group 'Staf'; there is 'Staff' (2 customers)",
        ),
        (
            {"country": {"in": ["AT", "FR"]}},
            "no customer lives in FR; there are 'AT' (3 customers), 'SI' (2)",
        ),
        (
            {"language": {"in": ["de"]}},
            "no customer has the language de; there are 'sl' (3 customers), 'en' (2)",
        ),
        (
            {"not": {"city": {"in": ["Lubljana"]}}},
            "no customer lives in the city 'Lubljana'; there is 'Ljubljana' (5 customers)",
        ),
        ({"region": {"in": ["61"]}}, "no customer lives in the region '61'; there is '061' (5 customers)"),
    ],
)
def test_a_name_that_nobody_has_is_told_with_the_nearest(
    ledger: Engine, store_id: int, where: dict[str, object], clause: str
) -> None:
    segment = Segment.model_validate({"title": "t", "where": where})
    with reading(ledger) as connection:
        (said,) = unknown_names(connection, store_id, {"asked": segment})
    assert sorted(said.removeprefix("segment asked: ").split(", ")) == sorted(clause.split(", "))


@pytest.mark.parametrize(
    "where",
    [
        {"field": {"title": "Tags", "includes": ["tea"]}},
        {"field": {"title": "Club", "in": ["Gold"]}},
        {"city": {"in": [" LJUBLJANA "]}},
        {"not": {"country": {"in": ["US"]}}},
        {"group": {"in": ["Staff"]}},
        {"group": {"in": ["Staff"] * 30}},
    ],
)
def test_names_that_some_have_are_not_told(ledger: Engine, store_id: int, where: dict[str, object]) -> None:
    segment = Segment.model_validate({"title": "t", "where": where})
    with reading(ledger) as connection:
        assert unknown_names(connection, store_id, {"asked": segment}) == ()


def test_a_thousand_unknown_names_cost_few_queries(ledger: Engine, store_id: int) -> None:
    where = {"city": {"in": [f"Nowhere {number}" for number in range(1_000)]}}
    segment = Segment.model_validate({"title": "t", "where": where})
    with reading(ledger) as connection, counting(ledger) as sent:
        clauses = unknown_names(connection, store_id, {"asked": segment})
    assert clauses[-1] == "segment asked: and 995 more names that no customer has"
    assert (len(clauses), len([each for each in sent if each.startswith("SELECT")])) == (6, 3)


def test_the_plan_tells_of_an_exclusion_that_leaves_out_nobody(ledger: Engine, store_id: int) -> None:
    run = planned(ledger, store_id, book_with("{group: {in: [Staf]}}"))
    assert run.plan_id is not None
    with reading(ledger) as connection:
        proposal = load_plan(connection, run.plan_id).proposal
    (verdict,) = (each for each in proposal.verdicts if each.rule == "unknown_names")
    assert verdict.text == "segment asked: no customer is in the group 'Staf'; there is 'Staff' (2 customers)"
    assert run.state is RunState.WAITING


def test_a_segment_preview_tells_of_it(ledger: Engine, store_id: int) -> None:
    with reading(ledger) as connection:
        store = load_store(connection, store_id)
    book = book_with("{field: {title: Brithdayy, filled: true}}")
    look = preview_segment(ledger, store=store, book=book, name="asked", now=NOW)
    assert look.count == 0
    assert look.unknown_names == (
        "segment asked: no customer has the field 'Brithdayy'; there is 'Birthday' (3 customers)",
    )
