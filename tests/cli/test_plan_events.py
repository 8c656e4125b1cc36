"""`tillroll plan` for a campaign that waits for events: in every form, by something real and by a made-up sample."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from tests.cli.test_commands import tillroll
from tests.cli.test_plan import HOSTILE, Seen, address, counts, installed, plan
from tests.plan.events import add_cart
from tillroll.clock import SystemClock
from tillroll.ledger.engine import open_engine
from tillroll.ledger.tables import customers

__all__ = ["installed"]


def test_a_flow_is_shown_before_anything_happens_and_then_by_what_did(
    installed: Path, sqlite_url: str
) -> None:
    assert tillroll(installed, "new", "abandoned-cart", DATABASE_URL=sqlite_url).returncode == 0
    before = counts(sqlite_url)
    shown = plan(installed, sqlite_url, "abandoned-cart").stdout
    for words in (
        "looked at by  MADE-UP SAMPLE, since nothing like it is known within a year: A cart over €",
        "each time     1 code, 3 e-mails, worst case €7.50, expected €",
        "usually       never (as the store's last 28 days)",
        "Step 1: 2 hours after it",
        "Step 2: 1 day after step 1",
        "left out    who ordered since, who used their code",
        "code        that of step 2 once more",
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
    found = json.loads(plan(installed, sqlite_url, "abandoned-cart", "--json").stdout)
    assert (found["example"]["made_up"], found["example"]["person"]["customer_id"]) == (False, 1)
    assert [(one["wait"], one["shows_code_of"]) for one in found["steps"]] == [
        (7_200, None),
        (86_400, None),
        (345_600, 2),
    ]
    assert [len(one["mails"]) for one in found["steps"]] == [1, 1, 1]
    assert found["each_time"]["codes"] == 1
    week = found["usual"]["a_week"]
    assert (week["codes"], week["emails"], week["worst_case"]) == (0.3, 0.8, "1.89")
    assert found["happened"] == found["steps"][0]["happened"] == "A cart over €80.00 was left behind"

    page = Seen()
    text = plan(installed, sqlite_url, "abandoned-cart", "--html", "-").stdout
    page.feed(text)
    assert (page.loads, len(page.frames)) == ([], 3)
    assert "Each time it happens" in text
    assert "Step 2, to " in text
    assert HOSTILE not in text
    assert address(1) not in text


def test_what_cannot_be_shown_is_refused_in_words(installed: Path, sqlite_url: str) -> None:
    assert tillroll(installed, "new", "birthday", DATABASE_URL=sqlite_url).returncode == 0
    for words, said in (
        (("--to", "no@one.example"), "no customer of the store has this address"),
        (("--to", "a@b.example", "--to", "c@d.example"), "one customer at a time"),
        (("--at", "2020-01-01"), "has passed"),
    ):
        refused = plan(installed, sqlite_url, "birthday", *words)
        assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr
