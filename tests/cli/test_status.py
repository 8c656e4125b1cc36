"""`tillroll status` shows what somebody may be waiting for, also when nothing of it runs."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cli.command import tillroll
from tests.cli.plans import installed
from tillroll.campaign.states import RunState
from tillroll.clock import SystemClock
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.tables import campaign_limits, mail_reports, runs

__all__ = ["installed"]


@pytest.mark.parametrize(("days", "shown"), [(1, True), (8, False)])
def test_a_run_that_a_guardrail_refused_is_shown_for_a_week(
    installed: Path, sqlite_url: str, days: int, shown: bool
) -> None:
    engine = open_engine(sqlite_url)
    at = SystemClock().now() - timedelta(days=days)
    refused = {"state": RunState.REFUSED, "reason": "20% off exceeds the 15% allowed", "changed_at": at}
    with writing(engine) as connection:
        connection.execute(sa.update(runs).values(refused))
    engine.dispose()
    answer = tillroll(installed, "status", DATABASE_URL=sqlite_url)
    assert ("run 1: 20% off exceeds the 15% allowed" in answer.stdout) is shown
    as_json = json.loads(tillroll(installed, "status", "--json", DATABASE_URL=sqlite_url).stdout)
    assert [run["state"] for run in as_json["runs"]] == (["refused"] if shown else [])


def test_a_campaign_that_readers_call_spam_is_named(installed: Path, sqlite_url: str) -> None:
    engine, now = open_engine(sqlite_url), SystemClock().now()
    about = {"store_id": 1, "kind": "complaint", "campaign": "winback", "at": now, "noted_at": now}
    rows = [
        {**about, "event_key": one, "address": one, "mailbox": one} for one in ("a@b.c", "b@b.c", "c@b.c")
    ]
    with writing(engine) as connection:
        connection.execute(sa.insert(mail_reports), rows)
    engine.dispose()
    assert "Campaign winback: 3 of" in tillroll(installed, "status", DATABASE_URL=sqlite_url).stdout
    (rate,) = json.loads(tillroll(installed, "status", "--json", DATABASE_URL=sqlite_url).stdout)[
        "complaints"
    ]
    assert (rate["campaign"], rate["complaints"], rate["level"]) == ("winback", 3, "hold")


def test_a_campaign_that_has_given_its_budget_is_named(installed: Path, sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    bar = {"bar": 20, "figure": 25, "warned_for": 20, "paused_for": 20, "change_id": 1}
    limit = {"store_id": 1, "campaign": "winback", "kind": "budget", **bar}
    with writing(engine) as connection:
        connection.execute(sa.insert(campaign_limits), [limit])
    engine.dispose()
    said = tillroll(installed, "status", DATABASE_URL=sqlite_url).stdout
    assert "have taken €25.00 off, 125% of its budget of €20.00" in said
    assert "tillroll codes resume winback" in said
