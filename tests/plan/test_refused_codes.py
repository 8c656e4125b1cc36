"""A plan says whose code the store's till would refuse: newcomers with one for earlier customers, and the reverse."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Engine

from tests.journeys.steps import NO_LIMITS
from tests.send.room import CAMPAIGN
from tests.shop import NOW, add_customers, add_store, lapsed, run_row, sample_files
from tillroll.campaign import parse_book
from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.language.models import Offer
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.plans import load_plan
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book
from tillroll.plan.verdicts import refused_code_verdicts

OFFER = {"kind": "percent", "value": 10, "valid": {"for": "14d"}}


def planned(engine: Engine, customers: str, *orders: int) -> tuple[RunState, list[Verdict]]:
    """Plan a code for some customers (`customers:`), for one recipient of each number of orders."""
    store_id = add_store(engine)
    add_customers(
        engine, store_id, *(lapsed(number, orders=count) for number, count in enumerate(orders, start=1))
    )
    text = CAMPAIGN.replace("value: 10", f"value: 10, customers: {customers}")
    files = {path: content for path, content in sample_files().items() if not path.startswith("campaigns/")}
    files |= {
        "rules/guardrails.yaml": NO_LIMITS.encode(),
        "rules/segments/all-of-them.yaml": b"title: All\nwhere: {orders: {at_least: 0}}\n",
        "campaigns/hello.yaml": text.replace("lapsed-90", "all-of-them").encode(),
    }
    book = parse_book(files)
    assert not book.findings, [finding.render() for finding in book.findings]
    record_book(engine, store_id=store_id, book=book, now=NOW)
    run_id = start_by_hand(engine, store_id=store_id, name="hello", person="ana", now=NOW)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    with reading(engine) as connection:
        stored = load_plan(connection, run_id)
    assert stored is not None
    found = [verdict for verdict in stored.proposal.verdicts if verdict.rule == "code_refused"]
    return run_row(engine, run_id).state, found


@pytest.mark.parametrize(("customers", "orders"), [("new", (3, 4)), ("repeat", (0, 0))])
def test_a_plan_none_of_whose_codes_would_work_is_refused(
    ledger: Engine, customers: str, orders: tuple[int, ...]
) -> None:
    state, (verdict,) = planned(ledger, customers, *orders)
    assert state is RunState.REFUSED
    assert verdict.text.startswith("2 of 2 have ")
    assert "the store's till refuses it" in verdict.text


@pytest.mark.parametrize(
    ("customers", "said"),
    [
        ("new", "2 of 3 have ordered before, and the code is for first orders only (customers: new)"),
        (
            "repeat",
            "1 of 3 has never ordered, and the code is for who has ordered before (customers: repeat)",
        ),
    ],
)
def test_some_who_could_not_use_their_code_are_a_warning(ledger: Engine, customers: str, said: str) -> None:
    state, (verdict,) = planned(ledger, customers, 0, 1, 5)
    assert state is RunState.WAITING
    assert verdict.level is VerdictLevel.WARN
    assert verdict.text.startswith(said)


@pytest.mark.parametrize(("customers", "orders"), [("any", (0, 3)), ("new", (0, 0)), ("repeat", (1, 3))])
def test_codes_that_all_can_use_need_no_word(ledger: Engine, customers: str, orders: tuple[int, ...]) -> None:
    assert planned(ledger, customers, *orders) == (RunState.WAITING, [])


def test_each_arm_is_compared_with_its_own_recipients_and_one_customer_of_an_event_is_a_warning() -> None:
    offers = {
        "a": Offer.model_validate(OFFER),
        "b": Offer.model_validate({**OFFER, "customers": "new"}),
        "c": None,
    }
    (verdict,) = refused_code_verdicts(offers, {"a": 2, "b": 2, "c": 2}, {"b": 3}, of_one=False)
    assert verdict.text.startswith("arm b: 2 of 5 have ordered before")
    (verdict,) = refused_code_verdicts(offers, {"b": 1}, {}, of_one=True)
    assert verdict.level is VerdictLevel.WARN
