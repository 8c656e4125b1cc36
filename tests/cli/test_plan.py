"""`tillroll plan`: a preview of a run as text, JSON and HTML; nothing is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.cli.command import tillroll
from tests.cli.plans import Seen, address, counts, installed, keep_names, plan
from tests.shop import ANA, NOW
from tests.web.site import digest_of, plan_run
from tillroll.approve.act import approve
from tillroll.campaign import read_book
from tillroll.cli.plan.plan import parse_moment
from tillroll.clock import SystemClock
from tillroll.errors import Refused
from tillroll.ledger.engine import open_engine
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

__all__ = ["installed"]

LJUBLJANA = ZoneInfo("Europe/Ljubljana")


def test_a_plan_is_shown_as_text_and_json_and_writes_nothing(installed: Path, sqlite_url: str) -> None:
    keep_names(installed)
    before = counts(sqlite_url)
    shown = plan(installed, sqlite_url, "winback").stdout
    for words in (
        "recipients. Customers who ordered at least 2 times",
        "such as        <img src=",
        "schedule       on day 1 of every month at 09:00 (Europe/Ljubljana)",
        " UTC), once it is approved",
        ":59:59 CE",
        ", on the middle half of orders, €",
        "assumed, since no earlier run has ended",
        "requests       3, about 6 seconds",
        "✓ Largest percent: 15% (limit 30%)",
        "Overlapping campaigns, within a week",
        "No plan of this campaign has been approved yet.",
        "Your code: EXAMPLE-0000",
    ):
        assert words in shown, words
    preview = json.loads(plan(installed, sqlite_url, "winback", "--json").stdout)
    low, likely, high = (Decimal(preview["exposure"][f"expected{part}"]) for part in ("_low", "", "_high"))
    assert low < likely < high
    assert preview["when"]["works"][0]["until"]["utc"].endswith("+00:00")
    assert len(preview["sample"]) == 10
    assert [part["subject"].endswith("15% is waiting for you") for part in preview["mails"]] == [True] * 3
    assert preview["since"] is None
    assert "@" in preview["mails"][0]["email"]
    assert "•••" in preview["mails"][0]["email"]
    assert counts(sqlite_url) == before


def test_the_e_mails_of_named_customers_are_shown(installed: Path, sqlite_url: str) -> None:
    sample = json.loads(plan(installed, sqlite_url, "winback", "--json").stdout)["sample"]
    later, sooner = sample[-1]["customer_id"], sample[1]["customer_id"]
    words = ("--to", address(later).upper(), "--to", address(sooner))
    preview = json.loads(plan(installed, sqlite_url, "winback", *words, "--json").stdout)
    assert [mail["customer_id"] for mail in preview["mails"]] == [later, sooner]
    refused = plan(installed, sqlite_url, "winback", "--to", "no@one.example", "--to", address(3))
    assert refused.returncode == 1
    assert "no@one.example: no customer of the store has this address" in refused.stderr
    assert f"{address(3)}: in staff" in refused.stderr


def test_a_plan_for_another_moment_uses_the_stores_clock(installed: Path, sqlite_url: str) -> None:
    year = SystemClock().now().year + 1
    preview = json.loads(
        plan(installed, sqlite_url, "winback", "--at", f"{year}-06-01 09:00", "--json").stdout
    )
    begins = {"store": f"{year}-06-01T09:00:00+02:00", "utc": f"{year}-06-01T07:00:00+00:00"}
    assert preview["when"]["begins"] == begins
    assert preview["audience"]["matched"] > 200, "by then everybody is lapsed"
    refused = plan(installed, sqlite_url, "winback", "--at", "soon")
    assert refused.returncode == 1
    assert "'soon' is not a date and time; write it like 2026-11-27 09:00" in refused.stderr


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-01 09:00", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        (" 2026-12-01T09:00 ", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("2026-12-01", datetime(2026, 11, 30, 23, tzinfo=UTC)),
        ("2026-12-01T09:00Z", datetime(2026, 12, 1, 9, tzinfo=UTC)),
        ("2026-12-01 09:00-05:00", datetime(2026, 12, 1, 14, tzinfo=UTC)),
        ("2027-10-31T02:30+01:00", datetime(2027, 10, 31, 1, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_in_the_stores_zone_unless_it_names_another(text: str, at: datetime) -> None:
    assert parse_moment(text, LJUBLJANA, NOW) == at


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-11-23 09:58", "is in the past"),
        ("2040-01-01", "more than ten years away"),
        ("2027-10-31 02:30", "twice on that day"),
        ("2027-03-28 02:30", "never shows 02:30"),
        ("2026-02-30", "is not a date and time"),
        ("9:00", "is not a date and time"),
        ("", "is not a date and time"),
        ("now\x00", "is not a date and time"),
    ],
)
def test_an_invalid_moment_is_refused_with_a_hint(text: str, message: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_moment(text, LJUBLJANA, NOW)
    assert message in refusal.value.message
    assert refusal.value.hint


def test_the_html_file_is_complete_loads_nothing_and_escapes_names(installed: Path, sqlite_url: str) -> None:
    keep_names(installed)
    target = installed / "plan.html"
    done = plan(installed, sqlite_url, "winback", "--to", address(1), "--html", str(target))
    assert done.returncode == 0, done.stderr
    assert "It contains everything it needs." in done.stdout
    text = target.read_text("utf-8")
    page = Seen()
    page.feed(text)
    assert page.loads == []
    assert not {"img", "script", "link", "b"} & set(page.tags)
    (frame,) = page.frames
    assert "&lt;b&gt;Bo&lt;/b&gt;" in frame, "escaped in the e-mail as the e-mail itself would have it"
    assert "default-src 'none'" in text
    for words in (
        "What it may cost",
        "Between",
        "Overlapping campaigns, within a week",
        "EXAMPLE-0000",
        "•••",
    ):
        assert words in text, words
    assert address(1) not in text
    assert plan(installed, sqlite_url, "winback", "--html", "-").stdout.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (("--html", "/nowhere/at/all.html"), "can't be written", 1),
        (("--html", "x.html", "--json"), "not both", 2),
    ],
)
def test_a_file_that_cannot_be_written_is_reported(
    installed: Path, sqlite_url: str, words: tuple[str, ...], message: str, code: int
) -> None:
    refused = plan(installed, sqlite_url, "winback", *words)
    assert (refused.returncode, message in refused.stderr) == (code, True)


def test_the_reason_for_a_void_approval_is_shown_by_status_and_plan(installed: Path, sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    run_id = plan_run(engine, 1, "winback")
    approve(engine, run_id=run_id, digest=digest_of(engine, run_id), person=ANA, note="", now=NOW)
    file = installed / "campaigns/winback.yaml"
    file.write_text(file.read_text("utf-8").replace("value: 15", "value: 16"), "utf-8")
    record_book(engine, store_id=1, book=read_book(installed), now=NOW)
    reason = "approval is void: its files changed: offer.value: 16, was 15"
    assert reason in tillroll(installed, "status", DATABASE_URL=sqlite_url).stdout
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    engine.dispose()
    reason = f"{ANA.email}'s approval is void: offer.value: 16, was 15"
    assert reason in tillroll(installed, "status", DATABASE_URL=sqlite_url).stdout
    runs = json.loads(tillroll(installed, "status", "--json", DATABASE_URL=sqlite_url).stdout)["runs"]
    assert any(run["reason"].startswith(reason) for run in runs)
    shown = plan(installed, sqlite_url, "winback").stdout
    assert f"{ANA.email} approved run {run_id} on Mon 23 Nov 2026, 10:00 CET (09:00 UTC)." in shown
    assert "· offer.value: 16, was 15" in shown
    since = json.loads(plan(installed, sqlite_url, "winback", "--json").stdout)["since"]
    assert since["files"] == [{"where": "offer.value", "before": "15", "after": "16"}]
    page = plan(installed, sqlite_url, "winback", "--html", "-").stdout
    assert "<code>offer.value</code> <ins>16</ins> <del>15</del>" in page
