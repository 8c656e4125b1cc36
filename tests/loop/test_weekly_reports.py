"""The weekly report: due by the store's clock, once for each address and week, in the brand, with a chart."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime
from decimal import Decimal
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.loop.test_notices import Desk
from tests.send.room import lines_of
from tests.shop import add_store
from tillroll.campaign import parse_book
from tillroll.campaign.brand.brand import Brand, Colours
from tillroll.campaign.language.notices import ReportRules, Weekday, WeeklyReport
from tillroll.ledger.engine import writing
from tillroll.ledger.people.notices import claim_notices
from tillroll.ledger.tables import day_sums, notices, stores
from tillroll.loop.notices.weekly import last_due
from tillroll.rendering.pictures.chart import HEIGHT, WIDTH

ZONE = ZoneInfo("Europe/Ljubljana")
MONDAY = datetime(
    2026, 11, 23, 9, 0, tzinfo=ZONE
)  # the clock of the tests begins here: an hour after the report
READERS = ("approvers", "eva@shop.example")


@pytest.fixture
def desk(ledger: Engine, tmp_path: Path) -> Desk:
    """A store with sums of three weeks, whose report is due on Mondays at 8."""
    add_store(ledger, sums_zone="Europe/Ljubljana")
    found = Desk(ledger, tmp_path)
    found.reports = ReportRules(weekly=(WeeklyReport(to=READERS),))
    found.brand = Brand(name="Leaf & Kettle", colours=Colours(accent="#7a3e48"))
    for day, campaign, orders, revenue in (
        ("2026-11-03", "winback", 2, "80"),
        ("2026-11-15", "winback", 3, "90.5"),
        ("2026-11-16", "winback", 10, "400"),
        ("2026-11-22", "vip-thanks", 2, "1000.25"),
        ("2026-11-23", "winback", 9, "900"),  # of the week that goes on
    ):
        sums = {"orders": orders, "revenue": Decimal(revenue), "discount": Decimal(orders)}
        with writing(ledger) as connection:
            connection.execute(sa.insert(day_sums).values(store_id=1, day=day, campaign=campaign, **sums))
    return found


def letters(desk: Desk) -> list[EmailMessage]:
    files = [desk.folder / line["file"] for line in lines_of(desk.folder)]
    found = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    return [each for each in found if isinstance(each, EmailMessage)]


def test_everybody_named_gets_one_a_week(desk: Desk) -> None:
    desk.tell()
    desk.tell(hours=1)
    assert sorted(address for address, _ in desk.told) == ["ana@shop.example", "eva@shop.example"]
    assert {about for _, about in desk.told} == {"the week of 16 to 22 November 2026"}
    desk.tell(hours=6 * 24)
    assert len(desk.told) == 2
    desk.tell(hours=24)
    assert len(desk.told) == 4
    assert desk.told[-1][1] == "the week of 23 to 29 November 2026"


def test_who_is_named_by_several_rules_gets_one_and_nobody_is_left_out(desk: Desk) -> None:
    rules = (("Eva@shop.example",), ("approvers", "eva@shop.example"), ("ben@shop.example",))
    desk.reports = ReportRules(weekly=tuple(WeeklyReport(to=each) for each in rules))
    desk.tell()
    desk.tell(hours=1)
    everybody = ["Eva@shop.example", "ana@shop.example", "ben@shop.example"]
    assert sorted(address for address, _ in desk.told) == everybody


def test_who_is_named_a_day_later_gets_it_too(desk: Desk) -> None:
    desk.tell()
    desk.reports = ReportRules(weekly=(WeeklyReport(to=(*READERS, "ben@shop.example")),))
    desk.tell(hours=24)
    assert sorted(address for address, _ in desk.told) == [
        "ana@shop.example",
        "ben@shop.example",
        "eva@shop.example",
    ]


def test_its_figures_are_the_sums_of_the_week(desk: Desk) -> None:
    desk.tell()
    letter = letters(desk)[0]
    text = letter.get_body(("plain",))
    assert text is not None
    said = text.get_content()
    assert "€1,400.25 from 12 orders with a code, for €12.00 of discount" in said
    assert "The week before it was €90.50 from 3 orders" in said
    assert "vip-thanks: €1,000.25 from 2 orders" in said
    assert "Week of 2 November: €80.00 from 2 orders." in said
    assert "€900.00" not in said
    html = letter.get_body(("html",))
    assert html is not None
    page = html.get_content()
    assert "LEAF &amp; KETTLE" in page
    assert "#7a3e48" in page
    assert "16 November €1,400.25" in page  # what the chart shows, in its alternative text
    assert 'src="cid:weeks@tillroll"' in page


def test_the_chart_travels_with_the_e_mail(desk: Desk) -> None:
    desk.tell()
    (picture,) = [part for part in letters(desk)[0].walk() if part.get_content_type() == "image/png"]
    assert picture["Content-ID"] == "<weeks@tillroll>"
    content = picture.get_content()
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (2 * WIDTH, 2 * HEIGHT)
    start = content.index(b"IDAT")
    size = int.from_bytes(content[start - 4 : start], "big")
    lines = zlib.decompress(content[start + 4 : start + 4 + size])
    rows = [lines[at + 1 : at + 1 + width] for at in range(0, len(lines), width + 1)]
    tops = [next(y for y in range(height) if rows[y][x]) for x in range(width // 16, width, width // 8)]
    assert tops[-1] == 0  # the largest week fills the chart
    assert tops[-2] == round((height - 2) * (1 - 0.0646))  # 90.50 of 1,400.25
    assert tops[0] == height - 2  # nothing but the line at the foot


def test_what_may_have_left_is_not_sent_again(desk: Desk) -> None:
    desk.reports = ReportRules(weekly=(WeeklyReport(to=("eva@shop.example",)),))
    desk.tell()
    with writing(
        desk.services.engine
    ) as connection:  # as a process leaves it that dies before it wrote the outcome
        connection.execute(sa.update(notices).values(state="ready"))
        assert claim_notices(connection, [1], key="k", now=desk.clock.now())
        connection.execute(sa.update(notices).values(message_key=lines_of(desk.folder)[0]["key"]))
    desk.tell(hours=1)
    assert len(desk.told) == 1


@pytest.mark.parametrize(
    ("state", "hours"), [({"sums_zone": ""}, 0.0), ({}, 50.0)], ids=["sums not built", "two days late"]
)
def test_nothing_is_sent_that_is_wrong_or_late(desk: Desk, state: dict[str, str], hours: float) -> None:
    if state:
        with writing(desk.services.engine) as connection:
            connection.execute(sa.update(stores).values(state))
    desk.tell(hours=hours)
    assert desk.told == []


def test_a_report_may_be_about_some_campaigns(desk: Desk) -> None:
    desk.reports = ReportRules(weekly=(WeeklyReport(to=READERS[1:], campaigns=("winback",)),))
    desk.tell()
    text = letters(desk)[0].get_body(("plain",))
    assert text is not None
    assert "€400.00 from 10 orders" in text.get_content()
    assert "vip-thanks" not in text.get_content()


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (MONDAY.replace(hour=7, minute=59), MONDAY.replace(day=16, hour=8)),
        (MONDAY.replace(hour=8), MONDAY.replace(hour=8)),
        (MONDAY.replace(day=29, hour=23), MONDAY.replace(hour=8)),
    ],
)
def test_it_is_due_by_the_clock_of_the_store(now: datetime, due: datetime) -> None:
    rule = WeeklyReport(to=READERS, weekday=Weekday.MONDAY, hour=8)
    assert last_due(rule, ZONE, now.astimezone(UTC)) == due


def test_an_hour_that_a_clock_skips_is_the_next_one() -> None:
    rule = WeeklyReport(to=READERS, weekday=Weekday.SUNDAY, hour=2)
    skipped = date(2027, 3, 28)
    found = last_due(rule, ZONE, datetime(2027, 3, 28, 12, tzinfo=UTC))
    assert found.astimezone(UTC) == datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert found.date() == skipped


def test_the_file_names_people_and_campaigns_that_exist() -> None:
    text = b"weekly:\n  - {to: [owner, nobody], campaigns: [winbak]}\n"
    problems = [each.problem for each in parse_book({"rules/reports.yaml": text}).findings]
    assert any("a report may be of several campaigns" in problem for problem in problems)
    named = b"weekly:\n  - {to: [approvers], campaigns: [winbak]}\n"
    (finding,) = parse_book({"rules/reports.yaml": named}).findings
    assert (finding.line, finding.problem) == (2, "there is no campaign winbak")
