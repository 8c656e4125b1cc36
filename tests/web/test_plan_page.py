"""The plan as an approver sees it: dates, likely range, overlapping campaigns and the e-mail of any recipient."""

from __future__ import annotations

import html
import re

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.campaign.files import with_files
from tests.journeys.steps import book_of
from tests.shop import NOW, SHOP, add_customers, add_store, lapsed
from tests.web.site import plan_run, put_under_way, token_on
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import customers
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

HELLO = """title: Hello
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: "For {{ customer.first_name }}"}
"""
OTHER = HELLO.replace("title: Hello", "title: Other")
DUE = HELLO.replace("title: Hello", "title: Due").replace(
    "when: {manual: true}", 'when: {cron: "0 9 * * FRI"}'
)
HOSTILE = "<script>alert(1)</script>"
BOOK = book_of("largest_percent: 30\nclean_names: false\n", hello=HELLO, other=OTHER, due=DUE)


@pytest.fixture
def run_id(ledger: Engine, ana: FlaskClient) -> int:
    """A waiting run of a campaign that two others overlap; the name of one recipient contains HTML."""
    store_id = add_store(ledger)
    people = [lapsed(number, first_name=f"No{number}") for number in range(1, 9)]
    add_customers(ledger, store_id, *people)
    with writing(ledger) as connection:
        fourth = customers.c.customer_id == 4
        connection.execute(sa.update(customers).where(fourth).values(name=HOSTILE, first_name=HOSTILE))
    record_book(ledger, store_id=store_id, book=BOOK, now=NOW)
    plan_run(ledger, store_id, "other")
    return plan_run(ledger, store_id, "hello")


def test_the_page_shows_dates_the_likely_range_and_overlapping_campaigns(
    ledger: Engine, ana: FlaskClient, run_id: int
) -> None:
    page = ana.get(f"{SHOP}/runs/{run_id}").text
    words = html.unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))
    for text in (
        "Starts, if approved now Mon 23 Nov 2026, 10:00 CET (09:00 UTC)",
        "until Mon 07 Dec 2026, 23:59:59 CET (22:59:59 UTC)",
        "Don't edit the dates in the store's admin: it keeps only whole UTC days.",
        "Likely range €0.32 – €4.80",
        "assumed, since no earlier run has ended",
        "due due 8 (100%) Fri 27 Nov, 09:00 CET",
        "other awaiting approval 8 (100%) Mon 23 Nov, 10:00 CET",
        "on the same goods; the store accepts one coupon per order",
    ):
        assert text in words, text
    assert HOSTILE not in page
    put_under_way(ledger, run_id, RunState.SENDING, live=8)
    assert "Started" in ana.get(f"{SHOP}/runs/{run_id}").text


def test_the_e_mail_of_any_recipient_is_shown_without_an_address_in_the_url(
    ana: FlaskClient, run_id: int
) -> None:
    token = token_on(ana.get(f"{SHOP}/runs/{run_id}"))
    fields = {"csrf_token": token, "email": " Customer4@example.com "}
    answer = ana.post(f"{SHOP}/runs/{run_id}/preview", data=fields)
    assert answer.status_code == 303
    assert answer.location.endswith(f"{SHOP}/runs/{run_id}?customer=4#mails-title")
    page = ana.get(f"{SHOP}/runs/{run_id}?customer=4").text
    assert page.count("<iframe") == 1
    assert "For &lt;script&gt;" in page
    assert HOSTILE not in page
    frame = ana.get(f"{SHOP}/runs/{run_id}/preview/1?customer=4")
    assert "EXAMPLE-0000" in frame.text
    assert HOSTILE not in frame.text


@pytest.mark.parametrize("email", ["nobody@example.com", "", "' or 1=1 --", "x" * 5_000])
def test_no_e_mail_is_shown_for_a_customer_who_is_not_a_recipient(
    ana: FlaskClient, run_id: int, email: str
) -> None:
    token = token_on(ana.get(f"{SHOP}/runs/{run_id}"))
    fields = {"csrf_token": token, "email": email}
    answer = ana.post(f"{SHOP}/runs/{run_id}/preview", data=fields, follow_redirects=True)
    assert "No recipient has this address." in answer.text
    assert "This customer is not among the recipients." in ana.get(f"{SHOP}/runs/{run_id}?customer=99").text
    assert ana.get(f"{SHOP}/runs/{run_id}/preview/1?customer=99").status_code == 404
    assert ana.get(f"{SHOP}/runs/{run_id}?customer=rubbish").status_code == 200


def test_a_plan_without_overlapping_campaigns_says_so(ledger: Engine, ana: FlaskClient) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, lapsed(1))
    record_book(ledger, store_id=store_id, book=book_of(hello=HELLO), now=NOW)
    run_id = plan_run(ledger, store_id, "hello")
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    assert "No other campaign reaches these people within a week" in ana.get(f"{SHOP}/runs/{run_id}").text


def test_the_page_counts_the_languages_and_shows_the_e_mail_in_any(ledger: Engine, ana: FlaskClient) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, lapsed(1, language="de"), lapsed(2, language="fr"), lapsed(3))
    files = {
        "campaigns/hello.yaml": HELLO.replace("winback", "two").replace(
            '}}"}', '}}", subjects: {de: "Für Sie"}}'
        ),
        "templates/two/message.html.j2": "<p>Hello {{ code.text }} {{ unsubscribe_link }}</p>",
        "templates/two/message.de.html.j2": "<p>Guten Tag {{ code.text }} {{ unsubscribe_link }}</p>",
    }
    book = with_files(dict(files))
    assert [each.file for each in book.findings if "hello" in each.file or "two" in each.file] == []
    record_book(ledger, store_id=store_id, book=book, now=NOW)
    run_id = plan_run(ledger, store_id, "hello")
    words = " ".join(re.sub(r"<[^>]+>", " ", ana.get(f"{SHOP}/runs/{run_id}").text).split())
    assert "Languages en 2 recipients de 1 recipient" in words
    frames = [ana.get(f"{SHOP}/runs/{run_id}/preview/{number}").text for number in (1, 2, 3)]
    assert sum("Guten Tag" in frame for frame in frames) == 1
    page = ana.get(f"{SHOP}/runs/{run_id}?language=de").text
    assert page.count("Für Sie") == 6, "subject and title of each of the three"
    assert 'value="de" selected' in page
    frames = [ana.get(f"{SHOP}/runs/{run_id}/preview/{number}?language=de").text for number in (1, 2, 3)]
    assert sum("Guten Tag" in frame for frame in frames) == 3
    assert ana.get(f"{SHOP}/runs/{run_id}?language={'x' * 500}").status_code == 200
