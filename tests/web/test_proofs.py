"""The e-mails of a run's page: on which device, their headers and bytes, what could be better, and the button that sends one."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default as modern
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.journeys.steps import book_of
from tests.send.room import CAMPAIGN
from tests.shop import NOW
from tests.web.site import SHOP, plan_run, token_on
from tillroll.ledger.tables import audit
from tillroll.plan.record.revisions import record_book


def sent(app: Flask) -> list[bytes]:
    home: Path = app.extensions["tillroll"].settings.outbox
    return [path.read_bytes() for path in sorted(home.rglob("*.eml"))]


def test_the_page_says_what_could_be_better_and_shows_the_headers(ana: FlaskClient, run_id: int) -> None:
    page = ana.get(f"{SHOP}/runs/{run_id}").text
    assert "100 of 100 points" in page
    assert "List-Unsubscribe: &lt;https://shop.example/unsubscribe/EXAMPLE&gt;" in page


@pytest.mark.parametrize("look", ["phone", "desktop", "dark"])
def test_an_e_mail_is_seen_on_a_device(ana: FlaskClient, run_id: int, look: str) -> None:
    page = ana.get(f"{SHOP}/runs/{run_id}?look={look}").text
    assert f'class="frames {look}"' in page
    frame = ana.get(f"{SHOP}/runs/{run_id}/preview/1?look={look}").text
    assert ("prefers-color-scheme: dark" in frame) == (look != "dark")
    assert "EXAMPLE-0000" in frame
    assert ana.get(f"{SHOP}/runs/{run_id}?look=watch").status_code == 404


def test_all_bytes_are_given_as_a_file(ana: FlaskClient, run_id: int) -> None:
    answer = ana.get(f"{SHOP}/runs/{run_id}/preview/1/raw")
    parsed = message_from_bytes(answer.data, policy=modern)
    assert (answer.mimetype, parsed.defects) == ("message/rfc822", [])
    assert parsed["To"] == "ana@shop.example", "no recipient's address is in it"
    assert ana.get(f"{SHOP}/runs/{run_id}/preview/9/raw").status_code == 404


def test_the_button_sends_one_to_the_person_who_presses_it(
    app: Flask, ana: FlaskClient, run_id: int, ledger: Engine
) -> None:
    fields = {"csrf_token": token_on(ana.get(f"{SHOP}/runs/{run_id}")), "to": "ana@shop.example"}
    answer = ana.post(f"{SHOP}/runs/{run_id}/preview/2/send", data=fields, follow_redirects=True)
    assert "The proof went to ana@shop.example" in answer.text
    (content,) = sent(app)
    parsed = message_from_bytes(content, policy=modern)
    assert parsed["Subject"].startswith("[Proof] ")
    assert "EXAMPLE-0000" in parsed.get_body(("plain",)).get_content()
    with ledger.connect() as connection:
        actions = connection.scalars(sa.select(audit.c.actor).where(audit.c.action == "proof.send"))
        assert list(actions) == ["ana@shop.example"]


def test_the_button_sends_to_nobody_else(app: Flask, ana: FlaskClient, run_id: int) -> None:
    fields = {"csrf_token": token_on(ana.get(f"{SHOP}/runs/{run_id}")), "to": "eva@mail.example"}
    answer = ana.post(f"{SHOP}/runs/{run_id}/preview/1/send", data=fields)
    assert answer.status_code == 403
    assert sent(app) == []


def test_the_e_mails_of_one_variant_are_shown(ana: FlaskClient, ledger: Engine, store_id: int) -> None:
    arms = "variants:\n  - {name: percent}\n  - {name: euros, message: {subject: Euros for you}}\n"
    book = book_of(hello=f"{CAMPAIGN.rstrip()}\n{arms}")
    assert not book.findings
    record_book(ledger, store_id=store_id, book=book, now=NOW)
    run_id = plan_run(ledger, store_id, "hello")
    page = ana.get(f"{SHOP}/runs/{run_id}?arm=euros").text
    assert (page.count("variant euros"), page.count("variant percent")) == (3, 0)
    assert "Euros for you" in page
    assert '<option value="euros" selected>' in page
    assert "not among the recipients" in ana.get(f"{SHOP}/runs/{run_id}?arm=nobody").text
