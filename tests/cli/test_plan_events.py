"""`tillroll plan` for a campaign that waits for events: in every format, with a real event and with a made-up one."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from tests.cli.command import tillroll
from tests.cli.plans import HOSTILE, Seen, address, counts, installed, plan
from tests.flows.events import add_cart
from tillroll.clock import SystemClock
from tillroll.ledger.engine import open_engine
from tillroll.ledger.tables import customers

__all__ = ["installed"]


def test_a_flow_is_previewed_with_a_made_up_event_then_with_a_real_one(
    installed: Path, sqlite_url: str
) -> None:
    assert tillroll(installed, "new", "abandoned-cart", DATABASE_URL=sqlite_url).returncode == 0
    before = counts(sqlite_url)
    shown = plan(installed, sqlite_url, "abandoned-cart").stdout
    for words in (
        "example    MADE-UP SAMPLE, since there was no such event within a year: A cart of €",
        "each time  1 code, 3 e-mails, worst case €7.50, expected €",
        "usually    never (as the store's last 28 days)",
        "Step 1: 2 hours after the event",
        "Step 2: 1 day after step 1",
        "left out       customers who have ordered since, customers who have used their code",
        "code           the one of step 2 again",
        "subject  Your 5% off ends soon",
        "Your code: EXAMPLE-0000",
    ):
        assert words in shown, words
    assert counts(sqlite_url) == before

    engine, now = open_engine(sqlite_url), SystemClock().now()
    add_cart(engine, 1, "c", updated_at=now - timedelta(hours=3), created_at=now, seen_at=now)
    with engine.begin() as connection:
        mine = sa.update(customers).where(customers.c.customer_id == 1)
        connection.execute(mine.values(accepts_marketing=True))
    engine.dispose()
    preview = json.loads(plan(installed, sqlite_url, "abandoned-cart", "--json").stdout)
    assert (preview["example"]["made_up"], preview["example"]["person"]["customer_id"]) == (False, 1)
    assert [(step["wait"], step["shows_code_of"]) for step in preview["steps"]] == [
        (7_200, None),
        (86_400, None),
        (345_600, 2),
    ]
    assert [len(step["mails"]) for step in preview["steps"]] == [1, 1, 1]
    assert preview["each_time"]["codes"] == 1
    week = preview["usual"]["a_week"]
    assert (week["codes"], week["emails"], week["worst_case"]) == (0.3, 0.8, "1.89")
    assert preview["happened"] == preview["steps"][0]["happened"] == "A cart of €80.00 was abandoned"

    page = Seen()
    text = plan(installed, sqlite_url, "abandoned-cart", "--html", "-").stdout
    page.feed(text)
    assert (page.loads, len(page.frames)) == ([], 3)
    assert "Each time the event happens" in text
    assert "Step 2, to " in text
    assert HOSTILE not in text
    assert address(1) not in text


def test_an_impossible_preview_is_refused_with_a_message(installed: Path, sqlite_url: str) -> None:
    assert tillroll(installed, "new", "birthday", DATABASE_URL=sqlite_url).returncode == 0
    for words, message in (
        (("--to", "no@one.example"), "no customer of the store has this address"),
        (("--to", "a@b.example", "--to", "c@d.example"), "one customer at a time"),
        (("--at", "2020-01-01"), "is in the past"),
    ):
        refused = plan(installed, sqlite_url, "birthday", *words)
        assert (refused.returncode, message in refused.stderr) == (1, True), refused.stderr
