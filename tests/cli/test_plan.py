"""`tillroll plan`: what a run would do, for eyes, for programs and to hand round; nothing is written."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from tests.cli.test_commands import Said, tillroll
from tests.shop import ANA, NOW, ROOT
from tests.web.site import digest_of, open_shop, person, plan_run
from tillroll.approve.act import approve
from tillroll.campaign import read_book
from tillroll.cli.plan import moment
from tillroll.clock import SystemClock
from tillroll.errors import Refused
from tillroll.ledger.engine import open_engine
from tillroll.ledger.tables import customers, metadata
from tillroll.plan.make import make_plan
from tillroll.plan.record import record_book

LJUBLJANA = ZoneInfo("Europe/Ljubljana")
HOSTILE = '<img src="https://evil.example/x.png" onerror=alert(1)>[bold red]\u202eevil'


@pytest.fixture
def installed(tmp_path: Path, sqlite_url: str) -> Path:
    """A folder with the sample files and a ledger with the tea shop in it; somebody in it has a hostile name."""
    for name in ("campaigns", "rules", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    engine = open_engine(sqlite_url)
    open_shop(engine)
    with engine.begin() as connection:
        where = customers.c.customer_id == 1
        connection.execute(sa.update(customers).where(where).values(name=HOSTILE, first_name="<b>Bo</b>"))
    plan_run(engine, 1, "seasonal")
    engine.dispose()
    return tmp_path


def plan(installed: Path, url: str, *words: str) -> Said:
    return tillroll(installed, "plan", *words, DATABASE_URL=url)


def counts(url: str) -> dict[str, int]:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = {
            name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
        }
    engine.dispose()
    return found


def address(number: int) -> str:
    return str(person(number)["email"])


def test_a_plan_is_read_by_people_and_by_programs_and_writes_nothing(
    installed: Path, sqlite_url: str
) -> None:
    before = counts(sqlite_url)
    shown = plan(installed, sqlite_url, "winback").stdout
    for words in (
        "recipients. Customers who ordered at least 2 times",
        "such as     <img src=",
        "schedule    on day 1 of every month at 09:00 (Europe/Ljubljana)",
        " UTC), once it is approved",
        ":59:59 CE",
        ", between €",
        "assumed, since no earlier run has ended",
        " requests, about 6 seconds",
        "✓ Largest percent: 15 % (limit 30 %)",
        "The same people, within a week",
        "No plan of this campaign was ever approved.",
        "Your code: EXAMPLE-0000",
    ):
        assert words in shown, words
    found = json.loads(plan(installed, sqlite_url, "winback", "--json").stdout)
    low, likely, high = (Decimal(found["exposure"][f"expected{one}"]) for one in ("_low", "", "_high"))
    assert low < likely < high
    assert found["when"]["works"][0]["until"]["utc"].endswith("+00:00")
    assert len(found["sample"]) == 10
    assert [one["subject"].endswith("15 % is waiting for you") for one in found["mails"]] == [True] * 3
    assert found["since"] is None
    assert "@" in found["mails"][0]["email"]
    assert "•••" in found["mails"][0]["email"]
    assert counts(sqlite_url) == before


def test_the_e_mails_of_those_who_are_asked_for_are_shown(installed: Path, sqlite_url: str) -> None:
    sample = json.loads(plan(installed, sqlite_url, "winback", "--json").stdout)["sample"]
    later, sooner = sample[-1]["customer_id"], sample[1]["customer_id"]
    words = ("--to", address(later).upper(), "--to", address(sooner))
    found = json.loads(plan(installed, sqlite_url, "winback", *words, "--json").stdout)
    assert [one["customer_id"] for one in found["mails"]] == [later, sooner]
    refused = plan(installed, sqlite_url, "winback", "--to", "no@one.example", "--to", address(3))
    assert refused.returncode == 1
    assert "no@one.example: no customer of the store has this address" in refused.stderr
    assert f"{address(3)}: in staff" in refused.stderr


def test_another_moment_is_planned_by_the_store_s_clock(installed: Path, sqlite_url: str) -> None:
    year = SystemClock().now().year + 1
    found = json.loads(plan(installed, sqlite_url, "winback", "--at", f"{year}-06-01 09:00", "--json").stdout)
    begins = {"store": f"{year}-06-01T09:00:00+02:00", "utc": f"{year}-06-01T07:00:00+00:00"}
    assert found["when"]["begins"] == begins
    assert found["audience"]["matched"] > 200, "by then everybody is lapsed"
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
def test_a_moment_is_the_store_s_unless_it_names_a_zone(text: str, at: datetime) -> None:
    assert moment(text, LJUBLJANA, NOW) == at


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-23 09:58", "has passed"),
        ("2040-01-01", "more than ten years away"),
        ("2027-10-31 02:30", "twice on that day"),
        ("2027-03-28 02:30", "never shows 02:30"),
        ("2026-02-30", "is not a date and time"),
        ("9:00", "is not a date and time"),
        ("", "is not a date and time"),
        ("now\x00", "is not a date and time"),
    ],
)
def test_a_moment_that_is_none_is_refused_with_a_way_out(text: str, said: str) -> None:
    with pytest.raises(Refused) as refusal:
        moment(text, LJUBLJANA, NOW)
    assert said in refusal.value.message
    assert refusal.value.hint


class Seen(HTMLParser):
    """Every tag and everything that could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.frames: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            if name in {"src", "href", "action", "data", "poster", "background"} or name.startswith("on"):
                self.loads.append(f"{tag} {name}={value}")
            if name == "srcdoc":
                self.frames.append(value or "")


def test_the_file_to_hand_round_is_whole_loads_nothing_and_believes_no_name(
    installed: Path, sqlite_url: str
) -> None:
    target = installed / "plan.html"
    done = plan(installed, sqlite_url, "winback", "--to", address(1), "--html", str(target))
    assert done.returncode == 0, done.stderr
    assert "It needs nothing else to be read." in done.stdout
    text = target.read_text("utf-8")
    page = Seen()
    page.feed(text)
    assert page.loads == []
    assert not {"img", "script", "link", "b"} & set(page.tags)
    (frame,) = page.frames
    assert "&lt;b&gt;Bo&lt;/b&gt;" in frame, "escaped in the e-mail as the e-mail itself would have it"
    assert "default-src 'none'" in text
    for words in ("What it may cost", "Between", "The same people, within a week", "EXAMPLE-0000", "•••"):
        assert words in text, words
    assert address(1) not in text
    assert plan(installed, sqlite_url, "winback", "--html", "-").stdout.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("--html", "/nowhere/at/all.html"), "can't be written", 1),
        (("--html", "x.html", "--json"), "not both", 2),
    ],
)
def test_a_file_that_cannot_be_written_is_told(
    installed: Path, sqlite_url: str, words: tuple[str, ...], said: str, code: int
) -> None:
    refused = plan(installed, sqlite_url, "winback", *words)
    assert (refused.returncode, said in refused.stderr) == (code, True)


def test_what_voided_an_approval_is_said_by_status_and_by_the_next_look(
    installed: Path, sqlite_url: str
) -> None:
    engine = open_engine(sqlite_url)
    run_id = plan_run(engine, 1, "winback")
    approve(engine, run_id=run_id, digest=digest_of(engine, run_id), person=ANA, note="", now=NOW)
    file = installed / "campaigns/winback.yaml"
    file.write_text(file.read_text("utf-8").replace("value: 15", "value: 16"), "utf-8")
    record_book(engine, store_id=1, book=read_book(installed), now=NOW)
    said = "approval is void: its files changed: offer.value: 16, was 15"
    assert said in tillroll(installed, "status", DATABASE_URL=sqlite_url).stdout
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    engine.dispose()
    said = f"{ANA.email}'s approval is void: offer.value: 16, was 15"
    assert said in tillroll(installed, "status", DATABASE_URL=sqlite_url).stdout
    runs = json.loads(tillroll(installed, "status", "--json", DATABASE_URL=sqlite_url).stdout)["runs"]
    assert any(one["reason"].startswith(said) for one in runs)
    shown = plan(installed, sqlite_url, "winback").stdout
    assert f"{ANA.email} approved run {run_id} on Mon 23 Nov 2026, 10:00 CET (09:00 UTC)." in shown
    assert "· offer.value: 16, was 15" in shown
    since = json.loads(plan(installed, sqlite_url, "winback", "--json").stdout)["since"]
    assert since["files"] == [{"where": "offer.value", "before": "15", "after": "16"}]
    page = plan(installed, sqlite_url, "winback", "--html", "-").stdout
    assert "<code>offer.value</code> <ins>16</ins> <del>15</del>" in page
