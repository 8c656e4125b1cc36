"""Each e-mail of a run leads its reader, and nobody else, out of it; an installation without such links sends none."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.campaign.files import with_files
from tests.clocks import FakeClock
from tests.send.room import CAMPAIGN, LINKS, agreed, context_of, lines_of, minted, planned, ready_to_send
from tests.shop import NOW, PUBLIC_URL, run_row
from tillroll.campaign.states import RunState
from tillroll.errors import Refused
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import stores
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.rendering.bulk.click import ClickTarget
from tillroll.rendering.bulk.link import Subscription, UnsubscribeLinks
from tillroll.send.slices.deliver import send_slice
from tillroll.settings import Settings

SECOND = timedelta(seconds=1)


def emails_in(folder: Path) -> list[EmailMessage]:
    files = [folder / line["file"] for line in lines_of(folder)]
    return [
        cast(EmailMessage, message_from_bytes(file.read_bytes(), policy=policy.default)) for file in files
    ]


def test_each_e_mail_has_the_link_of_its_own_reader(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, clock=clock)
    send_slice(context_of(ledger, tmp_path, clock), run_id=run_id, until=clock.now() + SECOND)
    emails = emails_in(tmp_path)
    assert len(emails) == 8
    for email in emails:
        found = re.match(r"<(https://\S+)>, <mailto:", email["List-Unsubscribe"])
        assert found is not None
        link = found[1]
        assert email["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        address = email["To"].addresses[0].addr_spec
        assert LINKS.opened(link.removeprefix(f"{PUBLIC_URL}/unsubscribe/")) == Subscription(
            ecwid_id=1003, address=address, campaign="hello", run_id=run_id, kind="offer"
        )


@pytest.mark.parametrize("address", ["", "answers@shop.example"])
def test_answers_go_where_the_brand_says(ledger: Engine, tmp_path: Path, address: str) -> None:
    clock = FakeClock()
    brand = f"reply_to: {address}\n" if address else "name: Shop\n"
    book = with_files({"rules/brand.yaml": brand, "campaigns/hello.yaml": CAMPAIGN})
    _, run_id = planned(ledger, book=book)
    agreed(ledger, run_id, clock.now())
    minted(ledger, run_id, clock)
    send_slice(context_of(ledger, tmp_path, clock), run_id=run_id, until=clock.now() + SECOND)
    assert {email["Reply-To"] for email in emails_in(tmp_path)} == {address or None}


def test_the_words_of_the_brand_are_words_and_no_template(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    brand = "name: '<b>{{ 7 * 6 }}</b> {% raw %} & Söhne'\npostal_address: ['{{ customer.email }}', '{# Gone #}']\n"
    rails = (
        "emails: {gaps: warn, greeting: warn}\n"  # else its plan is refused: it shows pieces of a template
    )
    own = {"rules/brand.yaml": brand, "rules/guardrails.yaml": rails, "campaigns/hello.yaml": CAMPAIGN}
    book = with_files(dict(own))
    assert not book.findings
    _, run_id = planned(ledger, book=book)
    agreed(ledger, run_id, clock.now())
    minted(ledger, run_id, clock)
    send_slice(context_of(ledger, tmp_path, clock), run_id=run_id, until=clock.now() + SECOND)
    emails = emails_in(tmp_path)
    assert len(emails) == 8
    for email in emails:
        text, html = (email.get_body((kind,)) for kind in ("plain", "html"))
        assert text is not None
        assert html is not None
        assert "{{ customer.email }}, {# Gone #}" in text.get_content()
        assert "{{ customer.email }}, {# Gone #}" in html.get_content()
        assert "<B>" not in html.get_content(), "the head shows the name in capitals"
        assert "&lt;B&gt;{{ 7 * 6 }}&lt;/B&gt; {% RAW %} &amp; SÖHNE" in html.get_content()


def test_without_an_address_of_the_pages_nothing_leaves(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, clock=clock)
    context = replace(context_of(ledger, tmp_path, clock), links=UnsubscribeLinks("", ("key",)))
    with pytest.raises(Refused, match="couldn't unsubscribe") as refusal:
        send_slice(context, run_id=run_id, until=clock.now() + SECOND)
    assert "TILLROLL_URL" in refusal.value.hint
    assert lines_of(tmp_path) == []


def test_a_plan_without_links_says_what_to_set_and_is_refused(ledger: Engine) -> None:
    store_id, _ = planned(ledger)
    run_id = start_by_hand(ledger, store_id=store_id, name="hello", person="ana", now=NOW + SECOND)
    assert make_plan(ledger, run_id=run_id, now=NOW, per_minute=600, has_links=False) is RunState.REFUSED
    assert "couldn't unsubscribe by a link" in run_row(ledger, run_id).reason
    assert "TILLROLL_URL" in run_row(ledger, run_id).reason


@pytest.mark.parametrize(
    ("environment", "url", "links_begin_with"),
    [
        ("live", "", ""),
        ("live", "http://tillroll.shop.example", ""),  # no mail program posts to it
        ("live", PUBLIC_URL, PUBLIC_URL),
        ("sandbox", "", "http://127.0.0.1:8000"),
        ("sandbox", PUBLIC_URL, PUBLIC_URL),
    ],
)
def test_where_links_lead(environment: str, url: str, links_begin_with: str) -> None:
    assert Settings(environment=environment, public_url=url).link_url == links_begin_with


@pytest.mark.parametrize("counts", [False, True])
def test_links_to_the_shop_count_clicks_only_where_the_brand_says_so(
    ledger: Engine, tmp_path: Path, counts: bool
) -> None:
    clock = FakeClock()
    files = {
        "rules/brand.yaml": f"count_clicks: {str(counts).lower()}\npostal_address: [Shop]\n",
        "templates/linked/message.html.j2": "<a href='{{ shop_link }}'>Shop</a> <a href='https://elsewhere.example/'>Else</a> "
        "{{ brand.postal_address }} {{ code.text }} {{ unsubscribe_link }}",
        "campaigns/hello.yaml": CAMPAIGN.replace("winback", "linked"),
    }
    _, run_id = planned(ledger, book=with_files(files), people=25)
    with writing(ledger) as connection:
        connection.execute(sa.update(stores).values(url="https://shop.example"))
    agreed(ledger, run_id, clock.now())
    minted(ledger, run_id, clock)
    send_slice(context_of(ledger, tmp_path, clock), run_id=run_id, until=clock.now() + SECOND)
    readers = set()
    for email in emails_in(tmp_path):
        html = email.get_body(("html",)).get_content()
        assert "https://elsewhere.example/" in html
        found = re.search(rf"{PUBLIC_URL}/go/([^/]+)/([^'\"]+)", html)
        assert (found is not None) is counts
        if found is not None:
            target = LINKS.clicks.target_of(found[1])
            assert target == ClickTarget(ecwid_id=1003, campaign="hello", address="https://shop.example")
            readers.add(LINKS.clicks.reader_of(found[2]))
            assert found[0] in email.get_body(("plain",)).get_content()
    assert len(readers) == (25 if counts else 0), "each reader's own, also once what is common is folded"
