"""A year of a shop with six campaigns whose effect is known: the reports say what the test's own books say, to the cent.

With `TILLROLL_YEAR_PEOPLE=20000` the shop is as large as a real one; the test's own size only keeps it short.
"""

from __future__ import annotations

import json
import os
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree
from zoneinfo import ZoneInfo

import pytest

from tests.clocks import days_from
from tests.journeys.path import outbox
from tests.journeys.shop import DAY, MINUTE, Shop
from tests.journeys.year import BASE, PRICES, Books, People, live_through
from tests.shop import ROOT
from tests.store import running, working_for
from tillroll.campaign import read_book
from tillroll.ledger.counting.mend import mend_counts
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.loop.advance import advance
from tillroll.loop.worker import SLICE
from tillroll.track.results.leaks.found import list_leaks
from tillroll.track.results.leaks.judge import judge_uses
from tillroll.track.results.report import campaign_reports
from tillroll.track.results.sums import rebuild_sums, sums_between

HOW_MANY = int(os.environ.get("TILLROLL_YEAR_PEOPLE", "900"))
HOME = ZoneInfo("Europe/Ljubljana")
START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
EFFECTS = {"january": 0.06, "march": 0.0, "may": 0.12, "july": 0.03, "september": 0.09, "november": 0.15}
APART, VALID = timedelta(days=60), timedelta(days=21)
CAMPAIGN = """title: {name}
owner: ana@shop.example
status: active
when: {{at: "{at}"}}
who: {{segment: all, holdout: 25%}}
offer: {{kind: amount, value: 5, minimum_subtotal: 50, valid: {{for: 21d}}}}
message: {{template: coupon, subject: "For you"}}
approval: {{by: 1, auto_when: {{codes: 100000, worst_case: 1000000}}}}
"""


def write_files(folder: Path) -> None:
    files = {
        "rules/segments/all.yaml": "title: all\nwhere: {registered: {more_than: 1d ago}}\n",
        "templates/coupon/message.html.j2": "<p>{{ code.text }} {{ unsubscribe_link }}</p>",
    }
    for name, at in slots():
        text = CAMPAIGN.format(name=name, at=at.astimezone(HOME).strftime("%Y-%m-%d %H:%M"))
        files[f"campaigns/{name}.yaml"] = text
    copytree(ROOT / "rules" / "codes", folder / "rules" / "codes")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    assert [finding.render() for finding in read_book(folder).findings] == []


def slots() -> list[tuple[str, datetime]]:
    return [(name, START + timedelta(hours=3) + number * APART) for number, name in enumerate(EFFECTS)]


def let_it_work(shop: Shop) -> None:
    """Do what has become due, until nothing is due within a minute. Waits pass at once."""
    clock = shop.services.clock
    while (next_at := advance(shop.worker, until=clock.now() + SLICE)) is not None:
        wait = next_at - clock.now()
        if wait > MINUTE:
            return
        if wait > timedelta(0):
            shop.days.tick(wait)


def codes_of(shop: Shop) -> dict[str, dict[str, str]]:
    """Return the code that each address got by e-mail, by campaign."""
    got: dict[str, dict[str, str]] = defaultdict(dict)
    for line in outbox(shop.services):
        got[line["campaign"]][line["to"].lower()] = line["code"]
    return got


@pytest.mark.slow
def test_reports_say_what_the_books_say(sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "marketing"
    write_files(folder)
    with days_from(START) as days, running(tmp_path / "store", customers=HOW_MANY) as sandbox:
        sandbox.store.state.rows("delete from orders")
        rows = sandbox.store.state.rows("select email, body from customers order by id")
        homes = {row["email"].lower(): json.loads(row["body"]).get("billingPerson", {}) for row in rows}
        people = People(homes=homes, chance=random.Random(2026))
        with working_for(sandbox, database_url=sqlite_url, home=tmp_path, folder=folder) as worker:
            shop = Shop(worker=worker, sandbox=sandbox, days=days)
            for sku, price in PRICES.items():
                body = {"sku": sku, "name": sku, "price": float(price), "quantity": 10_000_000}
                shop.client.connection.write("POST", "/products", body=body)
            let_it_work(shop)
            books, chance = Books(zone=HOME), random.Random(16)
            for name, at in slots():
                days.move_to(at)
                let_it_work(shop)
                got = codes_of(shop)[name]
                assert len(got) > HOW_MANY / 3
                begin = shop.services.clock.now()
                bought = people.purchases(got, name, EFFECTS[name], begin, VALID - DAY)
                live_through(shop, books, bought, chance, let_it_work)
            days.move_to(START + timedelta(days=365))
            let_it_work(shop)
            the_books_agree(shop, books)
            the_effects_are_found(shop)
            the_sharers_are_found(shop, books)


def the_books_agree(shop: Shop, books: Books) -> None:
    """Assert that the kept sums and the reports are what the books say."""
    engine, now = shop.services.engine, shop.services.clock.now()
    with reading(engine) as connection:
        store = load_store(connection, 1)
        kept = sums_between(connection, 1, "2000-01-01", "2100-01-01")
        reports = {report.campaign: report for report in campaign_reports(connection, store, now=now)}
    assert {key: (one.orders, one.revenue, one.discount) for key, one in kept.items()} == {
        (day.isoformat(), campaign): one.figures for (day, campaign), one in books.days.items() if one.orders
    }
    assert {name: (each.orders, each.revenue, each.discount) for name, each in reports.items()} == {
        name: one.figures for name, one in books.campaigns.items()
    }
    assert min(one.orders for one in books.campaigns.values()) > HOW_MANY / 200
    assert rebuild_sums(engine, store) == []
    with writing(engine) as connection:
        assert mend_counts(connection) == []


def the_effects_are_found(shop: Shop) -> None:
    """Assert that most of the stated intervals hold the true effect: each does in nine of ten cases."""
    with reading(shop.services.engine) as connection:
        store = load_store(connection, 1)
        reports = campaign_reports(connection, store, now=shop.services.clock.now())
        right = 0
        for report in reports:
            found, effect = report.effect.effect.orders, EFFECTS[report.campaign]
            assert found is not None
            # a code that was passed on is no order of a recipient; the others' effect comes on top of what they buy anyway
            true = 0.98 * effect * (1 - BASE)
            right += found.low <= true <= found.high
    assert right >= 4


def the_sharers_are_found(shop: Shop, books: Books) -> None:
    """Assert that the leaks name everybody who passed a code on, and hardly anybody else."""
    now = shop.services.clock.now()
    while judge_uses(shop.services.engine, store_id=1, now=now) is not None:
        continue
    accused: set[tuple[str, str]] = set()
    before: int | None = None
    with reading(shop.services.engine) as connection:
        while page := list_leaks(connection, 1, before=before):
            accused |= {(leak.campaign, use.given_to.lower()) for leak in page for use in leak.shown}
            before = page[-1].leak_id
    assert len(books.sharers) > HOW_MANY / 100
    assert accused >= books.sharers
    assert len({address for _, address in accused - books.sharers}) < HOW_MANY / 100
