"""`tillroll calendar`: upcoming runs in every format."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import icalendar

from tests.cli.command import tillroll
from tests.shop import add_customers, add_store, lapsed
from tillroll.ledger.engine import open_engine


def open_shop(home: Path) -> None:
    assert tillroll(home, "db", "upgrade").returncode == 0
    engine = open_engine(f"sqlite:///{home / 'var' / 'tillroll.sqlite3'}")
    store_id = add_store(engine)
    add_customers(engine, store_id, *(lapsed(number) for number in range(1, 12)))
    engine.dispose()


def test_upcoming_runs_are_listed_as_text_json_and_icalendar(home: Path) -> None:
    open_shop(home)
    words = tillroll(home, "calendar", "--days", "40")
    assert words.returncode == 0, words.stderr
    assert "winback" in words.stdout
    assert "vip-thanks  a draft" in words.stdout
    assert not any(line.endswith(" ") for line in words.stdout.splitlines())
    calendar = json.loads(tillroll(home, "calendar", "--days", "40", "--json").stdout)
    assert {run["campaign"] for run in calendar["runs"]} >= {"welcome", "winback"}
    assert sum(week["runs"] for week in calendar["weeks"]) == len(calendar["runs"])
    written = tillroll(home, "calendar", "--days", "40", "--ics", "campaigns.ics")
    assert "import it again" in written.stdout
    read = icalendar.Calendar.from_ical((home / "campaigns.ics").read_bytes())
    assert len(read.walk("VEVENT")) == len(calendar["runs"])


def test_the_calendar_refuses_invalid_options(home: Path) -> None:
    open_shop(home)
    year = datetime.now(UTC).year
    past = tillroll(home, "calendar", "--from", f"{year - 1}-01-01")
    assert (past.returncode, "is in the past" in past.stderr) == (1, True)
    odd = tillroll(home, "calendar", "--from", "tomorrow")
    assert (odd.returncode, "write it like 2026-12-25" in odd.stderr) == (2, True)
    assert tillroll(home, "calendar", "--json", "--ics", "x.ics").returncode == 2
