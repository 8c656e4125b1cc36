"""`tillroll report`: on a terminal, as JSON lines, and as CSV."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.accounts import add_account
from tests.cli.command import Answer, tillroll
from tests.shop import NOW
from tests.track.effect.people import WINDOW, ordered, planned
from tests.web.site import PASSWORD
from tillroll.ledger.engine import open_engine, reading, writing
from tillroll.ledger.tables import codes, notices, redemptions, runs, stores

LONG_AGO = NOW - 2 * WINDOW


@pytest.fixture
def sold(sqlite_url: str) -> str:
    """Return a ledger with a campaign that is over: one of ten held back, and 40 of the others have ordered."""
    engine = open_engine(sqlite_url)
    store_id, _, ours, theirs = planned(engine, since=LONG_AGO, customers=600)
    for number in (*ours[:40], theirs[0]):
        ordered(engine, store_id, number, LONG_AGO + timedelta(days=2), 30)
    use_a_code(engine, store_id)
    engine.dispose()
    return sqlite_url


def use_a_code(engine: Engine, store_id: int) -> None:
    with writing(engine) as connection:
        run_id = connection.scalars(sa.select(runs.c.id)).one()
        common = {"store_id": store_id, "run_id": run_id}
        code = {**common, "code": "BACKABC", "state": "live", "reserved_at": NOW, "changed_at": NOW}
        code_id = connection.execute(sa.insert(codes).values(code).returning(codes.c.id)).scalar_one()
        used = {
            "order_id": "O1",
            "order_total": 30,
            "discount": "4.5",
            "payment_status": "PAID",
            "at": LONG_AGO,
        }
        connection.execute(sa.insert(redemptions).values({**common, "code_id": code_id, **used}))


def report(url: str, home: Path, *words: str) -> Answer:
    return tillroll(home, "report", *words, DATABASE_URL=url)


def test_each_campaign_has_its_figures_and_a_sentence(sold: str, tmp_path: Path) -> None:
    text = report(sold, tmp_path).stdout
    assert "We miss you  winback" in text
    assert "1 run, 0 e-mails, 1 order with its codes" in text
    assert "€30.00 ordered, €30.00 each on average; €4.50 discount" in text
    assert "people written to" in text
    body = json.loads(report(sold, tmp_path, "winback", "--json").stdout)
    assert (body["written_to_ordered"], body["held_back_ordered"]) == (40, 1)
    assert (body["revenue"], body["discount"], body["orders"]) == ("30.00", "4.50", 1)
    assert body["more_orders_low"] < body["more_orders"] < body["more_orders_high"]
    (line,) = csv.DictReader(StringIO(report(sold, tmp_path, "--csv").stdout))
    assert (line["campaign"], line["written_to_ordered"], line["revenue"]) == ("winback", "40", "30.00")


def test_what_is_not_there_is_said(sold: str, sqlite_url: str, tmp_path: Path) -> None:
    missing = report(sold, tmp_path, "nothing")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "There is no campaign nothing that has had a run" in missing.stderr
    both = report(sold, tmp_path, "--json", "--csv")
    assert (both.returncode, both.stdout) == (1, "")


def test_a_campaign_is_told_apart_by_week(sold: str, tmp_path: Path) -> None:
    text = report(sold, tmp_path, "winback", "--by", "week").stdout
    assert "winback, by week" in text
    assert "week of 2026-11-23" in text
    assert "1 order with a code" in text
    body = json.loads(report(sold, tmp_path, "--by", "segment", "--json").stdout)
    assert (body["campaign"], body["group"], body["orders"]) == ("winback", "lapsed-90", 1)
    assert (body["revenue"], body["codes_expired_unused"]) == ("30.00", 0)
    (line,) = csv.DictReader(StringIO(report(sold, tmp_path, "--by", "week", "--csv").stdout))
    assert (line["group"], line["discount"]) == ("2026-11-23", "4.50")
    missing = report(sold, tmp_path, "nothing", "--by", "arm")
    assert (missing.returncode, missing.stdout) == (1, "")


def test_a_file_has_all_it_shows(sold: str, tmp_path: Path) -> None:
    said = report(sold, tmp_path, "--html", "results.html").stdout
    page = (tmp_path / "results.html").read_text(encoding="utf-8")
    assert "results.html" in said
    assert "default-src 'none'" in page
    assert "1 run, 0 e-mails, 1 order with its codes" in page
    assert "Week of 23 November 2026: €30.00" in page  # in the chart
    assert '<th scope="row"><bdi>2026-11-23</bdi></th>' in page  # and in its table
    for loaded in ("src=", "href=", "url(", "@import", "<script"):
        assert loaded not in page
    printed = report(sold, tmp_path, "winback", "--html", "-").stdout
    assert printed.startswith("<!doctype html>")
    both = report(sold, tmp_path, "--html", "-", "--csv")
    assert (both.returncode, both.stdout) == (1, "")


def test_last_weeks_report_can_be_tried(sold: str, tmp_path: Path) -> None:
    for folder in ("campaigns", "rules", "templates"):
        (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / "rules" / "reports.yaml").write_text("weekly: [{to: [eva@shop.example]}]\n")
    engine = open_engine(sold)
    with writing(engine) as connection:
        connection.execute(sa.update(stores).values(sums_zone=stores.c.timezone))
    add_account(engine, email="vid@shop.example", password=PASSWORD, role_names=("viewer",), now=NOW)
    done = tillroll(
        tmp_path, "send", "report", "EVA@shop.example", "--as", "vid@shop.example", DATABASE_URL=sold
    )
    assert "is queued" in done.stdout, done.stderr
    with reading(engine) as connection:
        row = connection.execute(sa.select(notices)).one()
    engine.dispose()
    assert (row.kind, row.address, row.state) == ("report", "EVA@shop.example", "ready")
    assert row.shown["total"] == "€0.00"
    other = tillroll(
        tmp_path, "send", "report", "x@else.example", "--as", "vid@shop.example", DATABASE_URL=sold
    )
    assert other.returncode == 1
    assert "gets no reports of this store" in other.stderr
