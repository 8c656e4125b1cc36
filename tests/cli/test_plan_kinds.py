"""Every kind of campaign that has a preview is shown in every format, without a fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import StringIO

import pytest
import sqlalchemy as sa
from rich.console import Console
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_customers, add_store, lapsed, sample_files
from tillroll.campaign import parse_book
from tillroll.cli.plan.html_file import as_html
from tillroll.cli.plan.json_output import as_json_object
from tillroll.cli.plan.mails import mails_of
from tillroll.cli.plan.show import show_mails, show_preview
from tillroll.ledger.engine import open_engine
from tillroll.ledger.tables import stores
from tillroll.outlook.plan_preview import PlanPreview, PreviewRequest, preview_plan
from tillroll.rendering.bulk.link import EXAMPLE_LINK
from tillroll.rendering.preview import PreviewSubject, render_previews

START = "title: Hello\nowner: ana@shop.example\nstatus: active\nwhen: {manual: true}\n"
WHO = "who: {segment: lapsed-90}\n"
OFFER = "offer: {kind: percent, value: 10, valid: {for: 14d}}\n"
MAIL = 'message: {template: winback, subject: "For {{ customer.first_name }}"}\n'
KINDS = {
    "plain": START + WHO + OFFER + MAIL,
    "nobody": START + "who: {segment: newcomers}\n" + OFFER + MAIL,
    "without-code": START + WHO + MAIL.replace("winback", "note"),
    "shared": START
    + WHO
    + OFFER.replace("value: 10", "value: 10, uses: once_per_customer")
    + MAIL
    + "codes: {shared: WELCOMEBACK24}\n",
    "pool": START + OFFER + "codes: {pool: {size: 10, low_water: 4}}\n",
    "unbounded": START + WHO + OFFER.replace("value: 10", "value: 10, uses: unlimited") + MAIL,
    "shipping": START + WHO + "offer: {kind: free_shipping, valid: {until: 2027-01-31 23:59}}\n" + MAIL,
    "arms": START
    + WHO
    + OFFER
    + MAIL
    + "variants:\n  - {name: ten, weight: 1}\n  - {name: long, weight: 1, offer: {value: 20, valid: {for: 30d}}}\n",
    "capped": START + WHO + OFFER.replace("value: 10", "value: 10, at_most: 5") + MAIL,
    "capped-pool": START
    + OFFER.replace("value: 10", "value: 10, at_most: 5, usual_basket: 20")
    + "codes: {pool: {size: 10, low_water: 4}}\n",
    "capped-shared": START
    + WHO
    + OFFER.replace("value: 10", "value: 10, at_most: 5, uses: once_per_customer")
    + MAIL
    + "codes: {shared: WELCOMEBACK24}\n",
    "own-value": START + WHO + OFFER.replace("value: 10", "value: {formula: orders * 2, at_most: 20}") + MAIL,
}


def preview_of(engine: Engine, text: str, more: Mapping[str, bytes] | None = None) -> PlanPreview:
    add_customers(engine, add_store(engine), *(lapsed(number) for number in range(1, 40)))
    files = {path: body for path, body in sample_files().items() if not path.startswith("campaigns/")}
    files |= {
        "campaigns/hello.yaml": text.encode(),
        "templates/note/message.html.j2": b"<p>New tea {{ unsubscribe_link }}</p>",
    }
    files |= more or {}
    book = parse_book(files)
    assert not book.findings, [finding.render() for finding in book.findings]
    with engine.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
    return preview_plan(
        PreviewRequest(engine=engine, store=store, revision=book.revisions["hello"], now=NOW, per_minute=600)
    )


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_campaign_is_shown_in_every_form(sqlite_url: str, kind: str) -> None:
    engine = open_engine(sqlite_url)
    preview = preview_of(engine, KINDS[kind])
    with engine.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
    engine.dispose()
    about = PreviewSubject(store=store, revision=preview.revision, proposal=preview.proposal, now=NOW)
    people = preview.sample[:3]
    mails = [(who, mail) for who, (_, mail) in zip(people, render_previews(about, people), strict=False)]
    page = as_html(preview, mails, made_at=NOW)
    assert "Hello" in page
    assert ("<iframe" in page) == bool(people)
    assert json.loads(json.dumps(as_json_object(preview, mails)))["campaign"] == "hello"
    for width in (80, 200):
        console = Console(width=width, force_terminal=True, record=True, file=StringIO())
        show_preview(console, preview, mails)
        lines = console.export_text().splitlines()
        assert max(map(len, lines)) <= width


def test_each_arm_shows_its_own_e_mail_however_few_get_it(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    preview = preview_of(engine, KINDS["arms"].replace("name: ten, weight: 1", "name: ten, weight: 20"))
    with engine.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
    engine.dispose()
    mails = mails_of(preview, store)
    of = {arm.name: arm.count for arm in preview.proposal.arms}
    assert 0 < of["long"] < 5 < of["ten"]
    assert [person.arm for person, _ in mails][:2] == ["ten", "long"]
    console = Console(width=120, record=True, file=StringIO())
    show_mails(console, mails, whole=False)
    text = console.export_text()
    assert text.count("Your code:") == 2
    assert "10% off, whatever" in text
    assert "20% off, whatever" in text


@pytest.mark.parametrize(
    ("when", "repeats"),
    [("{at: 2026-12-01 09:00}", False), ('{cron: "0 9 1 * *"}', True), ("{manual: true}", False)],
)
def test_a_campaign_that_runs_once_does_not_repeat_itself(sqlite_url: str, when: str, repeats: bool) -> None:
    engine = open_engine(sqlite_url)
    preview = preview_of(engine, (START + WHO + OFFER + MAIL).replace("{manual: true}", when))
    engine.dispose()
    assert ("repeats" in {verdict.rule for verdict in preview.proposal.verdicts}) is repeats


def test_the_e_mails_of_a_plan_are_shown_in_a_language(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    mail = MAIL.replace("winback", "note").replace("}\n", ", subjects: {de: Grüße}}\n")
    preview = preview_of(
        engine,
        START + WHO + mail,
        {"templates/note/message.de.html.j2": b"<p>Neuer Tee {{ unsubscribe_link }}</p>"},
    )
    with engine.connect() as connection:
        store = connection.execute(sa.select(stores)).one()
    engine.dispose()
    assert {mail.text for _, mail in mails_of(preview, store)} == {f"New tea {EXAMPLE_LINK}\n"}
    assert {(mail.subject, mail.text) for _, mail in mails_of(preview, store, "de-AT")} == {
        ("Grüße", f"Neuer Tee {EXAMPLE_LINK}\n")
    }
    assert preview.proposal.languages == {"en": 39, "de": 0}
