"""Each reader gets the e-mail in their language, whole: subject, words, amounts, dates and text part."""

from __future__ import annotations

import email
import email.policy
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy.engine import Engine

from tests.campaign.files import with_files
from tests.clocks import FakeClock
from tests.send.room import CAMPAIGN, agreed, context_of, lines_of, minted, previews
from tests.shop import NOW, add_customers, add_store, lapsed, run_row
from tillroll.campaign import Book, Finding
from tillroll.campaign.frozen.proposal import Proposal
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.plans import load_plan, load_revision
from tillroll.ledger.tables import customers
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book
from tillroll.send.slices.deliver import send_slice
from tillroll.send.slices.remind import remind_slice

LANGUAGES = ("de", "de-AT", "DE_ch", "en-GB", "fr", "", "sl", "x-odd")
FOLDER = "templates/greeting"
BODY = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>{} {{{{ unsubscribe_link }}}}</mj-text>"
    "</mj-column></mj-section></mj-body></mjml>"
)
SAYS = "{} {{{{ code.text }}}} {{{{ 1234.5 | money }}}} {{{{ code.valid_until | date }}}}"
FILES = {
    f"{FOLDER}/message.mjml.j2": BODY.format(SAYS.format("Hello")),
    f"{FOLDER}/message.de.mjml.j2": BODY.format(SAYS.format("Guten Tag")),
    f"{FOLDER}/message.sl.mjml.j2": BODY.format(SAYS.format("Pozdrav")),
    f"{FOLDER}/message.sl.txt.j2": "Samo besedilo {{ code.text }} {{ unsubscribe_link }}",
}
MESSAGE = """message:
  template: greeting
  subject: Hello
  subjects: {de: "Hallo, {{ 5 | money }}", sl: Pozdravljeni}
  reminder: {before_expiry: 3d, template: greeting, subject: Soon, subjects: {de: Bald, sl: Kmalu}}
"""
TRANSLATED = CAMPAIGN.replace("message: {template: winback, subject: Hello}\n", MESSAGE)


class Mail(NamedTuple):
    subject: str
    html: str
    text: str


def book_with(text: str = TRANSLATED, **changes: str | None) -> Book:
    return with_files({**FILES, "campaigns/hello.yaml": text, **changes})


@pytest.fixture
def run_id(ledger: Engine) -> int:
    """Return a planned run with a customer of each language."""
    book, store_id = book_with(), add_store(ledger)
    assert not book.findings, [finding.render() for finding in book.findings]
    people = (lapsed(number, language=language) for number, language in enumerate(LANGUAGES, start=1))
    add_customers(ledger, store_id, *people)
    record_book(ledger, store_id=store_id, book=book, now=NOW)
    run = start_by_hand(ledger, store_id=store_id, name="hello", person="ana", now=NOW)
    make_plan(ledger, run_id=run, now=NOW, per_minute=600)
    return run


def proposal_of(engine: Engine, run_id: int) -> Proposal:
    with reading(engine) as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    assert plan.digest == plan.proposal.digest
    return plan.proposal


def sent(engine: Engine, folder: Path, clock: FakeClock, run_id: int) -> dict[str, Mail]:
    """Send the run and return its e-mails by the language of their readers."""
    agreed(engine, run_id)
    minted(engine, run_id, clock)
    send_slice(context_of(engine, folder, clock), run_id=run_id, until=NOW + timedelta(seconds=5))
    return outbox(engine, folder)


def outbox(engine: Engine, folder: Path) -> dict[str, Mail]:
    with engine.connect() as connection:
        language_of = {row.email: row.language for row in connection.execute(customers.select())}
    return {language_of[line["to"]]: mail_in(folder / line["file"]) for line in lines_of(folder)}


def mail_in(path: Path) -> Mail:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    bodies = {
        part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()
    }
    parts = (message["Subject"], bodies["text/html"], bodies["text/plain"])
    return Mail(*(" ".join(part.replace("\u202f", " ").split()) for part in parts))


def test_a_reader_gets_the_translation_of_their_language_or_the_campaigns_own(
    ledger: Engine, tmp_path: Path, run_id: int
) -> None:
    mails = sent(ledger, tmp_path, FakeClock(), run_id)
    assert {language: mail.subject for language, mail in mails.items()} == {
        "de": "Hallo, 5,00 €",
        "de-AT": "Hallo, € 5,00",  # as Austrians write it
        "DE_ch": "Hallo, EUR 5.00",
        **dict.fromkeys(("en-GB", "fr", "", "x-odd"), "Hello"),
        "sl": "Pozdravljeni",
    }
    assert "1.234,50 € 7. Dezember 2026" in mails["de"].html
    assert "1.234,50 € 7. Dezember 2026" in mails["de"].text  # made of the German file
    assert "€1,234.50 December 7, 2026" in mails["fr"].html
    assert "€1,234.50 7 December 2026" in mails["en-GB"].html
    assert "1.234,50 € 7. december 2026" in mails["sl"].html
    assert mails["sl"].text.startswith("Samo besedilo ")


def test_the_plan_counts_the_readers_of_each_language(ledger: Engine, run_id: int) -> None:
    proposal = proposal_of(ledger, run_id)
    assert proposal.languages == {"en": 4, "de": 3, "sl": 1}
    assert Proposal.from_json(proposal.to_json()) == proposal


def test_a_revision_holds_every_language(ledger: Engine, run_id: int) -> None:
    with reading(ledger) as connection:
        plan = load_plan(connection, run_id)
        assert plan is not None
        revision = load_revision(connection, plan.revision_id)
    assert revision.translations("greeting") == {"de", "sl"}
    assert FILES.keys() <= revision.files.keys()


def test_a_reminder_comes_in_its_readers_language(ledger: Engine, tmp_path: Path, run_id: int) -> None:
    clock = FakeClock()
    sent(ledger, tmp_path, clock, run_id)
    clock.at = NOW + timedelta(days=12, hours=1)
    context = context_of(ledger, tmp_path / "later", clock)
    while remind_slice(context, run_id=run_id, until=clock.at + timedelta(seconds=5)) is not None:
        pass
    subjects = {language: mail.subject for language, mail in outbox(ledger, tmp_path / "later").items()}
    assert (subjects["de-AT"], subjects["sl"], subjects["fr"]) == ("Bald", "Kmalu", "Soon")
    assert run_row(ledger, run_id).id == run_id


@pytest.mark.parametrize(
    ("language", "subject"), [("de", "Hallo"), ("sl", "Pozdrav"), ("en", "Hello"), ("hr", "Hello")]
)
def test_an_e_mail_can_be_previewed_in_a_language(
    ledger: Engine, run_id: int, language: str, subject: str
) -> None:
    with reading(ledger) as connection:
        shown = previews(connection, run_id, now=NOW, language=language)
    assert [mail.subject.startswith(subject) for _, mail in shown] == [True] * 3


@pytest.mark.parametrize(
    ("changes", "campaign", "problem"),
    [
        ({}, TRANSLATED.replace("sl: Kmalu", ""), "there is no subject in that language; add subjects: {sl:"),
        ({}, TRANSLATED.replace("sl: Kmalu", "sl: Kmalu, it: Presto"), "has no message.it.mjml.j2"),
        ({f"{FOLDER}/message.fr.txt.j2": "Bonjour"}, TRANSLATED, "is a text only; add message.fr.mjml.j2"),
        (
            {},
            TRANSLATED.replace("subject: Hello\n", "subject: Hello\n  language: de\n"),
            "delete message.de.mjml.j2",
        ),
        ({f"{FOLDER}/message.de-at.mjml.j2": "x"}, TRANSLATED, "there is no subject in that language"),
        ({f"{FOLDER}/message.xq.mjml.j2": "x"}, TRANSLATED, "there is no language 'xq'"),
        ({f"{FOLDER}/message.german.mjml.j2": "x"}, TRANSLATED, "nothing reads this file"),
        ({}, TRANSLATED.replace("de: Bald", 'de: "{{ nope }}"'), "there is no 'nope' in a message"),
        (
            {f"{FOLDER}/message.de.mjml.j2": BODY.format("{{ nope }}")},
            TRANSLATED,
            "there is no 'nope' in a message",
        ),
        ({f"{FOLDER}/message.de.mjml.j2": BODY.format("{{ cart.total }}")}, TRANSLATED, "uses 'cart'"),
        (
            {},
            TRANSLATED + "variants: [{name: a}, {name: b, message: {subject: Hi}}]\n",
            "its own subjects: for de, sl",
        ),
    ],
)
def test_half_a_translation_is_a_fault(changes: dict[str, str | None], campaign: str, problem: str) -> None:
    assert problem in "\n".join(finding.render() for finding in book_with(campaign, **changes).findings)


def _of_words(book: Book, file: str) -> list[Finding]:
    """Return the warnings about a file's words, besides that of the postal address."""
    in_file = (each for each in book.warnings if each.file == f"{FOLDER}/{file}")
    return [each for each in in_file if "postal address" not in each.problem]


def test_a_translation_is_read_against_the_offer() -> None:
    book = book_with(**{f"{FOLDER}/message.de.mjml.j2": BODY.format("Sie sparen 15 % {{ code.text }}")})
    (fault,) = [each for each in book.findings if each.file == f"{FOLDER}/message.de.mjml.j2"]
    assert "says 15%, but the offer is 10%" in fault.problem


@pytest.mark.parametrize(
    ("language", "words", "warned"),
    [
        ("nl", "{{ offer.discount }}", True),
        ("nl", "{{ offer.conditions }}", True),
        ("de", "{{ offer.discount }} {{ offer.conditions }}", False),
        ("de-AT", "{{ offer.conditions }}", False),
        ("fr", "{{ offer.text }}", True),
        ("en-GB", "{{ offer.text }}", False),
    ],
)
def test_english_words_in_another_language_are_warned_of(language: str, words: str, warned: bool) -> None:
    campaign = CAMPAIGN.replace("subject: Hello", f"subject: Hello, language: {language}").replace(
        "winback", "own"
    )
    files = {"campaigns/hello.yaml": campaign, "templates/own/message.mjml.j2": BODY.format(words)}
    book = with_files(files)
    assert not book.findings
    told = [each for each in book.warnings if "around it are in" in each.problem]
    assert [f"are in {language}" in each.problem for each in told] == [True] * warned


@pytest.mark.parametrize(
    ("changes", "campaign", "problem"),
    [
        (
            {f"{FOLDER}/fr/message.mjml.j2": BODY.format("Bonjour")},
            TRANSLATED,
            "a translation is beside the e-mail, as message.fr.mjml.j2",
        ),
        ({"templates/message.mjml.j2": "x"}, TRANSLATED, "an e-mail is a folder in templates/"),
        (
            {},
            TRANSLATED.replace("subject: Hello\n", "subject: {en: Hello, de: Hallo}\n"),
            "write the campaign's own subject here, and the others in subjects:",
        ),
        (
            {f"{FOLDER}/message.de_AT.mjml.j2": "x"},
            TRANSLATED,
            "nothing reads this file",
        ),
    ],
)
def test_what_is_guessed_is_answered_with_what_to_write(
    changes: dict[str, str | None], campaign: str, problem: str
) -> None:
    assert problem in "\n".join(finding.render() for finding in book_with(campaign, **changes).findings)
