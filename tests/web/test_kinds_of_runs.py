"""Pages of runs with arms, values per customer, pools, and e-mails without a code."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.journeys.steps import book_of
from tests.send.room import BARE, CAMPAIGN, agreed, context_of, minted, planned, ready_to_send
from tests.shop import NOW, SHOP, sample_files
from tillroll.campaign import parse_book
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes, redemptions
from tillroll.plan.due.pool import fill_pools
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book
from tillroll.send.slices.deliver import send_slice

TWO = """variants:
  - {name: ten, weight: 1}
  - {name: twenty, weight: 1, offer: {value: 20}, message: {subject: Twenty off}}
"""
OWN = CAMPAIGN.replace("value: 10", "value: {formula: orders * 2, at_most: 20}")


def sent(engine: Engine, folder: Path, run_id: int) -> None:
    clock = FakeClock()
    send_slice(context_of(engine, folder, clock), run_id=run_id, until=NOW + timedelta(seconds=1))


def test_a_plan_shows_its_arms(ledger: Engine, ana: FlaskClient) -> None:
    _, run_id = planned(ledger, CAMPAIGN + TWO, people=40)
    page = ana.get(f"{SHOP}/runs/{run_id}").text
    for words in ("Variants", "ten", "twenty", "20% off, single use", "Twenty off"):
        assert words in page, words


def test_the_orders_of_each_arm_are_shown(ledger: Engine, ana: FlaskClient, tmp_path: Path) -> None:
    run_id = ready_to_send(ledger, CAMPAIGN + TWO, people=40, clock=FakeClock())
    sent(ledger, tmp_path, run_id)
    with writing(ledger) as connection:
        code = connection.execute(sa.select(codes).where(codes.c.arm == "twenty").limit(1)).one()
        order = {"order_id": "A1", "order_total": 70, "discount": 14, "payment_status": "PAID", "at": NOW}
        connection.execute(sa.insert(redemptions).values(store_id=1, run_id=run_id, code_id=code.id, **order))
    for path in (f"{SHOP}/runs/{run_id}", f"{SHOP}/runs/{run_id}/progress"):
        page = ana.get(path).text
        row = page.split('data-label="Variant">twenty</th>')[1].split("</tr>")[0]
        assert "€14.00" in row
        assert "€70.00" in row
        assert "€0.00" in page.split('data-label="Variant">ten</th>')[1].split("</tr>")[0]


def test_a_plan_shows_what_the_till_does_with_a_capped_percentage(ledger: Engine, ana: FlaskClient) -> None:
    text = CAMPAIGN.replace("value: 10", "value: 10, at_most: 5").replace(
        "subject: Hello", "subject: New tea"
    )
    _, run_id = planned(ledger, text)
    page = ana.get(f"{SHOP}/runs/{run_id}").text
    assert "At the till" in page
    assert "The store can&#39;t cap a percentage, so each code takes an amount off" in page
    assert "10% off (at most €5), single use" in page


def test_a_plan_shows_the_values_per_customer(ledger: Engine, ana: FlaskClient) -> None:
    _, run_id = planned(ledger, OWN)
    page = ana.get(f"{SHOP}/runs/{run_id}").text
    assert "Value per customer" in page
    assert "for each customer orders * 2" in page
    assert page.count("<iframe sandbox=") == 3


def test_a_run_without_codes_says_so(ledger: Engine, ana: FlaskClient, tmp_path: Path) -> None:
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files |= {
        "campaigns/hello.yaml": BARE.encode(),
        "templates/note/message.html.j2": b"<p>New tea {{ unsubscribe_link }}</p>",
    }
    _, run_id = planned(ledger, book=parse_book(files))
    page = ana.get(f"{SHOP}/runs/{run_id}").text
    assert "an e-mail without a code" in page
    assert "Codes</h2>" not in page
    assert "Recipients, one code each" not in page
    agreed(ledger, run_id)
    minted(ledger, run_id, FakeClock())
    sent(ledger, tmp_path, run_id)
    assert "Codes live" not in ana.get(f"{SHOP}/runs/{run_id}").text
    listed = ana.get(f"{SHOP}/runs/{run_id}/messages").text
    assert listed.count(">Sent<") >= 8


@pytest.mark.parametrize("where", [f"{SHOP}/", f"{SHOP}/runs/1"])
def test_a_pool_fill_shows_its_codes_and_no_recipients(
    ledger: Engine, ana: FlaskClient, store_id: int, where: str
) -> None:
    pool = """title: Vouchers
owner: ana@shop.example
status: active
when: {manual: true}
offer: {kind: amount, value: 5, valid: {for: 30d}}
codes: {pool: {size: 10, low_water: 4}}
"""
    record_book(ledger, store_id=store_id, book=book_of(pool=pool), now=NOW)
    fill_pools(ledger, store_id=store_id, now=NOW)
    make_plan(ledger, run_id=1, now=NOW, per_minute=600)
    page = ana.get(where).text
    assert "Nobody yet: these codes are handed out later." in page
    assert "10" in page
    assert "€50.00" in page
    assert "no e-mail to preview" not in page


def test_a_run_whose_codes_another_program_sends_says_so(ledger: Engine, ana: FlaskClient) -> None:
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    told = CAMPAIGN[: CAMPAIGN.index("message:")] + "codes: {sent_by: crm}\n"
    files |= {"campaigns/hello.yaml": told.encode(), "rules/crm.yaml": b"klaviyo: true\n"}
    _, run_id = planned(ledger, book=parse_book(files))
    page = ana.get(f"{SHOP}/runs/{run_id}").text
    assert "Tillroll sends none: Klaviyo is told of each recipient's code, and sends it." in page
    assert "Preview their e-mail" not in page
    assert "no e-mail to preview" not in page
    agreed(ledger, run_id)
    minted(ledger, run_id, FakeClock())
    page = ana.get(f"{SHOP}/runs/{run_id}").text
    assert "Codes live" in page
    assert "Messages sent" not in page
    assert "All messages" not in page
