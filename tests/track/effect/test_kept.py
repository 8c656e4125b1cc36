"""What campaigns changed is measured once a day, and read back as it was measured."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW
from tests.track.effect.people import DAY, WINDOW, ordered, planned
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.tables import held_back, plans
from tillroll.track.results.effect.estimate import EffectKind
from tillroll.track.results.effect.kept import MEASURED_EVERY, kept_effects, measure_next
from tillroll.track.results.effect.outcomes import campaign_effect


def test_what_is_kept_is_what_was_measured(ledger: Engine) -> None:
    store_id, plan_id, ours, theirs = planned(ledger, customers=500)
    for number in (*ours[:200], *theirs[:2]):
        ordered(ledger, store_id, number, NOW + DAY, 30 + number % 7)
    for now in (NOW + DAY, NOW + WINDOW):
        assert measure_next(ledger, store_id=store_id, now=now) == "winback"
        with reading(ledger) as connection:
            revision_id = connection.scalar(sa.select(plans.c.revision_id).where(plans.c.id == plan_id))
            campaign = load_revision(connection, revision_id).campaign
            measured = campaign_effect(
                connection, store_id=store_id, campaign=campaign, name="winback", now=now
            )
            (kept,) = kept_effects(connection, store_id).values()
        assert (kept.found, kept.at) == (measured, now)
    assert measured.effect.orders is not None
    assert measured.effect.kind is EffectKind.MORE


def test_a_campaign_is_measured_once_a_day(ledger: Engine) -> None:
    store_id, _, _, _ = planned(ledger)
    assert measure_next(ledger, store_id=store_id, now=NOW) == "winback"
    assert measure_next(ledger, store_id=store_id, now=NOW + MEASURED_EVERY - timedelta(seconds=1)) is None
    assert measure_next(ledger, store_id=store_id, now=NOW + MEASURED_EVERY) == "winback"


def test_a_campaign_that_holds_nobody_back_is_not_shown(ledger: Engine) -> None:
    store_id, _, _, _ = planned(ledger)
    with writing(ledger) as connection:
        connection.execute(sa.delete(held_back))
    assert measure_next(ledger, store_id=store_id, now=NOW) == "winback"
    assert measure_next(ledger, store_id=store_id, now=NOW) is None
    with reading(ledger) as connection:
        assert kept_effects(connection, store_id) == {}
