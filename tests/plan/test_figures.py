"""The expected cost of a plan is based on the audience's orders and on earlier runs in the ledger."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import ANA, NOW, planned_run
from tests.web.site import put_under_way
from tillroll.campaign.frozen.parts import Exposure
from tillroll.campaign.frozen.proposal import Proposal
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import plans, runs
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan


def exposure_of(engine: Engine, run_id: int) -> Exposure:
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    return plan.proposal.exposure


def next_run(engine: Engine, store_id: int, name: str = "winback", key: str = "") -> int:
    later = NOW + timedelta(days=60)
    run_id = start_by_hand(engine, store_id=store_id, name=name, person=ANA.email, now=later, key=key)
    make_plan(engine, run_id=run_id, now=later, per_minute=600)
    return run_id


def test_a_first_run_states_that_its_range_is_assumed(ledger: Engine) -> None:
    _, run_id = planned_run(ledger)
    exposure = exposure_of(ledger, run_id)
    assert exposure.expected_low is not None
    assert exposure.expected is not None
    assert exposure.expected_high is not None
    assert exposure.expected_low < exposure.expected < exposure.expected_high
    assert "assumed, since no earlier run has ended" in exposure.range_basis
    assert "€40.00" in exposure.range_basis, "three orders, 120 in total"


def test_the_range_uses_runs_that_have_ended_but_no_run_in_progress(ledger: Engine) -> None:
    store_id, first = planned_run(ledger, customers=130)
    count = put_under_way_with_orders(ledger, first, orders=30)
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).values(valid_until=NOW + timedelta(days=90)))
    assert "assumed" in exposure_of(ledger, next_run(ledger, store_id)).range_basis
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == first).values(valid_until=NOW))
    exposure = exposure_of(ledger, next_run(ledger, store_id, key="again"))
    assert f"as 30 of {count} earlier codes of this campaign" in exposure.range_basis


def put_under_way_with_orders(engine: Engine, run_id: int, *, orders: int) -> int:
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    put_under_way(engine, run_id, RunState.TRACKING, live=plan.proposal.code_count, orders=orders)
    return plan.proposal.code_count


def test_the_range_uses_other_campaigns_with_the_same_kind_of_offer(ledger: Engine) -> None:
    store_id, first = planned_run(ledger, customers=130)
    count = put_under_way_with_orders(ledger, first, orders=13)
    basis = exposure_of(ledger, next_run(ledger, store_id, "welcome")).range_basis
    assert f"as 13 of {count} earlier codes of campaigns with this kind of offer" in basis


@pytest.mark.parametrize("missing", [("expected_low", "expected_high", "range_basis")])
def test_an_old_plan_without_ranges_loads_and_keeps_its_digest(
    ledger: Engine, missing: tuple[str, ...]
) -> None:
    _, run_id = planned_run(ledger)
    with ledger.connect() as connection:
        body = connection.execute(sa.select(plans.c.body)).scalar_one()
    body["exposure"] = {name: value for name, value in body["exposure"].items() if name not in missing}
    old = Proposal.from_json(body)
    assert old.to_json() == body
    assert (old.exposure.expected_low, old.exposure.range_basis) == (None, "")
    assert run_id
