"""A campaign whose e-mails readers call spam too often warns before its next run, in the plan, on the pages and in lists."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.send.room import planned
from tests.shop import NOW, SHOP
from tests.web.conftest import ana, app, clock, run_id, store_id
from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.ledger.consent.complaints import high_rates
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import mail_reports
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan

__all__ = ["ana", "app", "clock", "run_id", "store_id"]

SECOND = timedelta(seconds=1)


def complain(engine: Engine, store_id: int, campaign: str, times: int, *, ago: timedelta = SECOND) -> None:
    about = {
        "store_id": store_id,
        "kind": "complaint",
        "campaign": campaign,
        "at": NOW - ago,
        "noted_at": NOW,
    }
    people = [f"{ago.days}-{number}@b.example" for number in range(times)]
    rows = [{**about, "event_key": one, "address": one, "mailbox": one} for one in people]
    with writing(engine) as connection:
        connection.execute(sa.insert(mail_reports), rows)


def next_verdicts(engine: Engine, store_id: int) -> list[Verdict]:
    run_id = start_by_hand(engine, store_id=store_id, name="hello", person="ana", now=NOW + SECOND)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    return [verdict for verdict in plan.proposal.verdicts if verdict.rule == "complaints"]


@pytest.mark.parametrize(
    ("campaign", "times", "days", "warns"),
    [("hello", 3, 1, True), ("hello", 2, 1, False), ("hello", 3, 31, False), ("other", 3, 1, False)],
)
def test_the_next_plan_warns(ledger: Engine, campaign: str, times: int, days: int, warns: bool) -> None:
    shop, _ = planned(ledger)
    complain(ledger, shop, campaign, times, ago=timedelta(days=days))
    found = next_verdicts(ledger, shop)
    assert [verdict.level for verdict in found] == [VerdictLevel.WARN] * warns
    if warns:
        assert found[0].limit == "0.1%"
        assert "3 of 0 e-mails of the last 30 days were called spam" in found[0].text


def test_the_lists_name_the_campaigns_with_a_high_rate(ledger: Engine) -> None:
    shop, _ = planned(ledger)
    complain(ledger, shop, "hello", 3)
    complain(ledger, shop, "other", 2, ago=timedelta(days=2))
    with ledger.connect() as connection:
        assert [rate.campaign for rate in high_rates(connection, shop, NOW)] == ["hello"]


def test_the_pages_say_it(ledger: Engine, ana: FlaskClient, store_id: int, run_id: int) -> None:
    said = "3 of 0 e-mails of the last 30 days were called spam"
    assert said not in ana.get(f"{SHOP}/").text
    complain(ledger, store_id, "winback", 3)
    assert said in ana.get(f"{SHOP}/").text
    assert said in ana.get(f"{SHOP}/campaigns").text
