"""Whose orders count for which group, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW
from tests.track.effect.people import DAY, WINDOW, ordered, planned
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.tables import held_back, plans, recipients, runs
from tillroll.track.results.effect.estimate import EffectKind
from tillroll.track.results.effect.outcomes import CampaignEffect, campaign_effect


def effect(engine: Engine, store_id: int, plan_id: int, now: datetime) -> CampaignEffect:
    with reading(engine) as connection:
        revision_id = connection.scalar(sa.select(plans.c.revision_id).where(plans.c.id == plan_id))
        campaign = load_revision(connection, revision_id).campaign
        return campaign_effect(connection, store_id=store_id, campaign=campaign, name="winback", now=now)


def test_the_plan_names_its_control_group(ledger: Engine) -> None:
    _, _, ours, theirs = planned(ledger)
    assert 5 <= len(theirs) <= 40
    assert sorted(ours + theirs) == list(range(1, 201))


def test_only_orders_within_each_persons_time_count(ledger: Engine) -> None:
    store_id, plan_id, ours, theirs = planned(ledger)
    ordered(ledger, store_id, ours[0], NOW - DAY, 1_000)  # before
    ordered(ledger, store_id, ours[0], NOW, 10)
    ordered(ledger, store_id, ours[0], NOW + WINDOW - timedelta(seconds=1), 20)
    ordered(ledger, store_id, ours[0], NOW + WINDOW, 1_000)  # after
    ordered(ledger, store_id, ours[1], NOW + DAY, 5)
    ordered(ledger, store_id, ours[2], NOW + DAY, 1_000, status="REFUNDED")
    ordered(ledger, store_id, theirs[0], NOW + 2 * DAY, 7)
    ordered(ledger, store_id, 9_999, NOW + DAY, 1_000)  # somebody else
    found = effect(ledger, store_id, plan_id, NOW + WINDOW)
    treated, control = found.effect.treated, found.effect.control
    assert (found.window, found.waiting, found.first_over_at) == (WINDOW, 0, None)
    assert (treated.people, treated.buyers, treated.revenue) == (len(ours), 2, Decimal(35))
    assert treated.squares == Decimal(30 * 30 + 5 * 5)
    assert (control.people, control.buyers, control.revenue) == (len(theirs), 1, Decimal(7))


def test_nobody_is_compared_before_their_time_is_over(ledger: Engine) -> None:
    store_id, plan_id, ours, theirs = planned(ledger)
    ordered(ledger, store_id, ours[0], NOW + DAY, 10)
    found = effect(ledger, store_id, plan_id, NOW + WINDOW - timedelta(seconds=1))
    assert found.effect.kind is EffectKind.TOO_EARLY
    assert (found.waiting, found.first_over_at) == (len(ours) + len(theirs), NOW + WINDOW)
    assert found.effect.treated.people == 0


def test_who_was_written_to_later_is_not_in_the_control_group(ledger: Engine) -> None:
    """As after a change of the share that is held back."""
    store_id, plan_id, ours, theirs = planned(ledger)
    with writing(ledger) as connection:
        both = {"plan_id": plan_id, "customer_id": ours[0]}
        connection.execute(sa.insert(held_back).values(both))
    found = effect(ledger, store_id, plan_id, NOW + WINDOW)
    assert (found.effect.treated.people, found.effect.control.people) == (len(ours), len(theirs))


def test_a_plan_that_was_rejected_compares_nobody(ledger: Engine) -> None:
    store_id, plan_id, _, _ = planned(ledger)
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).values(state=RunState.REJECTED))
    found = effect(ledger, store_id, plan_id, NOW + WINDOW)
    assert (found.effect.kind, found.waiting) == (EffectKind.NO_CONTROL, 0)


def test_a_run_begins_somebodys_time_once(ledger: Engine) -> None:
    """A second run, a week later, gives nobody more time, and a later step is part of the first."""
    store_id, plan_id, ours, theirs = planned(ledger)
    with writing(ledger) as connection:
        run = connection.execute(sa.select(runs)).one()._mapping
        plan = connection.execute(sa.select(plans)).one()._mapping
        again = {**run, "id": run["id"] + 1, "slot_key": "again", "valid_from": NOW + 7 * DAY}
        connection.execute(sa.insert(runs).values({**again, "plan_id": plan["id"] + 1}))
        connection.execute(sa.insert(plans).values({**plan, "id": plan["id"] + 1, "run_id": run["id"] + 1}))
        for table in (recipients, held_back):
            rows = [dict(row._mapping) for row in connection.execute(sa.select(table))]
            more = [{**row, "plan_id": plan["id"] + 1} for row in rows]
            for row in more:
                row.pop("id", None)
            connection.execute(sa.insert(table), more)
    ordered(ledger, store_id, ours[0], NOW + WINDOW + DAY, 10)  # in the second run's time only
    ordered(ledger, store_id, theirs[0], NOW + DAY, 10)
    found = effect(ledger, store_id, plan_id, NOW + 2 * WINDOW)
    assert (found.effect.treated.buyers, found.effect.control.buyers) == (0, 1)
    assert (found.effect.treated.people, found.effect.control.people) == (len(ours), len(theirs))
