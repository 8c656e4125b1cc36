"""A control group of all campaigns: who is in it gets nothing, is recorded apart, and is compared over all campaigns together."""

from __future__ import annotations

from array import array
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, planned_run, sample_book, sample_files
from tests.track.effect.people import DAY, ordered
from tillroll.campaign import Book, parse_book
from tillroll.campaign.figures.holdout import EVERYWHERE
from tillroll.campaign.language.blocks import StoreHoldout
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.plans import load_plan, load_revision
from tillroll.ledger.tables import held_back, plans, recipients, runs
from tillroll.plan.audience.query import AudienceRequest
from tillroll.plan.audience.reader import recipient_ids
from tillroll.plan.freeze import split_key
from tillroll.track.results.effect.estimate import EffectKind
from tillroll.track.results.effect.kept import ALL_CAMPAIGNS, kept_effects, measure_store
from tillroll.track.results.effect.outcomes import campaign_effect

KEY = split_key(1003)
HOLDOUT = StoreHoldout(
    share=Decimal("0.3"),
    since=date(2026, 11, 1),
    renewed=timedelta(days=90),
    orders_within=timedelta(days=30),
)


def book(text: str = "{share: 30%, since: 2026-11-01, renewed: 90d, orders_within: 30d}") -> Book:
    return parse_book({**sample_files(), "rules/holdout.yaml": text.encode()})


def held(engine: Engine) -> dict[bool, set[int]]:
    with reading(engine) as connection:
        rows = connection.execute(sa.select(held_back.c.everywhere, held_back.c.customer_id)).all()
    return {everywhere: {row[1] for row in rows if row[0] is everywhere} for everywhere in (False, True)}


def written_to(engine: Engine) -> set[int]:
    with reading(engine) as connection:
        return set(connection.scalars(sa.select(recipients.c.customer_id)))


def test_a_plan_leaves_them_out_and_says_so(ledger: Engine) -> None:
    store_id, run_id = planned_run(ledger, book=book(), customers=200)
    drawn = {
        number
        for number in range(1, 201)
        if HOLDOUT.holds_back(campaign="winback", customer_id=number, key=KEY, now=NOW)
    }
    assert 30 < len(drawn) < 90
    found = held(ledger)
    assert found[True] == drawn
    assert not drawn & (written_to(ledger) | found[False])
    with reading(ledger) as connection:
        plan = load_plan(connection, run_id)
        assert plan is not None
        assert plan.proposal.audience.excluded[EVERYWHERE] == len(drawn)
        revision = load_revision(connection, plan.revision_id)
        request = AudienceRequest(store_id=store_id, revision=revision, key=KEY, now=NOW)
        assert set(recipient_ids(connection, request)) == written_to(
            ledger
        )  # counted anew before it is approved


@pytest.mark.parametrize("limit", [None, 40])
def test_those_drawn_once_are_the_same_recipients_without_a_draw(ledger: Engine, limit: int | None) -> None:
    store_id, run_id = planned_run(ledger, book=sample_book(), customers=200)
    with reading(ledger) as connection:
        plan = load_plan(connection, run_id)
        assert plan is not None
        revision = load_revision(connection, plan.revision_id)
        who = revision.campaign.who.model_copy(update={"limit": limit})
        campaign = revision.campaign.model_copy(update={"who": who})
        request = AudienceRequest(
            store_id=store_id, revision=replace(revision, campaign=campaign), key=KEY, now=NOW
        )
        anew = list(recipient_ids(connection, request))
        assert 0 < len(anew) < 200
        for drawn in (anew, anew[::3], []):
            assert list(recipient_ids(connection, request, drawn=array("q", drawn))) == anew


def test_a_campaign_may_be_exempt(ledger: Engine) -> None:
    planned_run(ledger, book=book("{share: 30%, since: 2026-11-01, exempt: [winback]}"), customers=60)
    assert held(ledger)[True] == set()


def test_the_same_people_are_held_back_by_every_campaign_until_others_are_drawn() -> None:
    def drawn(campaign: str, day: int) -> set[int]:
        now = NOW + timedelta(days=day)
        return {
            number
            for number in range(500)
            if HOLDOUT.holds_back(campaign=campaign, customer_id=number, key=KEY, now=now)
        }

    first = drawn("winback", 0)
    assert first == drawn("vip-thanks", 60)
    assert first != drawn("winback", 90)
    assert drawn("winback", -30) == set()  # before it begins


def test_all_campaigns_together_are_compared(ledger: Engine) -> None:
    store_id, _ = planned_run(ledger, book=book(), customers=600)
    with writing(ledger) as connection:
        begun = {"state": RunState.TRACKING, "valid_from": NOW, "valid_until": NOW + 14 * DAY}
        connection.execute(sa.update(runs).values(begun))
    ours, theirs = sorted(written_to(ledger)), sorted(held(ledger)[True])
    for number in (*ours[:90], *theirs[:5], *held(ledger)[False]):
        ordered(ledger, store_id, number, NOW + DAY, 40)
    later = NOW + 31 * DAY
    assert measure_store(ledger, store_id=store_id, holdout=HOLDOUT, now=later)
    assert not measure_store(ledger, store_id=store_id, holdout=HOLDOUT, now=later + timedelta(hours=23))
    with reading(ledger) as connection:
        effect = kept_effects(connection, store_id)[ALL_CAMPAIGNS].found.effect
        revision_id = connection.scalars(sa.select(plans.c.revision_id)).one()
        campaign = load_revision(connection, revision_id).campaign
        own = campaign_effect(
            connection, store_id=store_id, campaign=campaign, name="winback", now=later
        ).effect
    assert effect.kind is EffectKind.MORE
    assert (effect.treated.people, effect.treated.buyers) == (len(ours), 90)
    assert (effect.control.people, effect.control.buyers) == (len(theirs), 5)
    assert (
        own.control.people == own.control.buyers == len(held(ledger)[False])
    )  # the campaign's own group alone
    exempt = replace_exempt(HOLDOUT)
    assert measure_store(ledger, store_id=store_id, holdout=exempt, now=later + 2 * DAY)
    with reading(ledger) as connection:
        assert ALL_CAMPAIGNS not in kept_effects(connection, store_id)


def replace_exempt(rules: StoreHoldout) -> StoreHoldout:
    return rules.model_copy(update={"exempt": ("winback",)})
